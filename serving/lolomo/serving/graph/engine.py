"""Runs a graph in process, with the semantics of KServe's router (`cmd/router`, v0.20).

What travels is a *body*, and a `Carrier` knows how to merge bodies and to look into them. Between
processes a body is JSON (`JsonCarrier`), and then the engine answers byte for byte as the router
does, which golden vectors prove. Inside one process it may be typed objects, and costs no encoding.

One fault of the router is not copied: steps that are still running when a node has its answer run
on there; here they are cancelled.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Generic, Protocol, TypeVar

from lolomo.core.errors import GraphError
from lolomo.serving.graph.declaration import (
    RESPONSE,
    ROOT,
    Dependency,
    Graph,
    Node,
    Router,
    Step,
)

Body = TypeVar("Body")
_OK, _NOT_FOUND, _FAILED = 200, 404, 500


class RoutingError(GraphError):
    """The graph has no answer: what the router reports with a status and a cause."""

    def __init__(self, status: int, cause: str) -> None:
        super().__init__(f"failed to process request: {cause}")
        self.status = status
        self.cause = cause


class StepUnreachableError(GraphError):
    """A step gave no answer at all: refused, broken off or too late."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[Body]):
    """What a step, a node or the graph answers."""

    status: int
    body: Body

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return _OK <= self.status < 300


class Carrier(Protocol[Body]):
    """Knows one kind of body."""

    def check(self, body: Body) -> None:
        """Raise `ValueError` unless the body can be a part of a merged one."""
        ...

    def merge(self, parts: Mapping[str, Body]) -> Body:
        """Return one body of many, by key."""
        ...

    def place(self, body: Body, node: str) -> float:
        """Return where in [0, 1) the request stands at a Splitter, which draws the step."""
        ...

    def exists(self, body: Body | None, path: str) -> bool:
        """Return whether a path exists; raise `ValueError` if the body cannot be looked into."""
        ...

    def map_predictions(self, body: Body) -> Body:
        """Return the body's `predictions` as `instances`; a body without any as it is."""
        ...

    def again(self, body: Body) -> Body:
        """Return the body as it is after reading and writing it."""
        ...


@dataclass(frozen=True, slots=True)
class Engine(Generic[Body]):
    """Routes requests through a sound graph (see `validate`)."""

    graph: Graph
    call: Callable[[str, Body], Awaitable[Answer[Body]]]
    """Asks a step service by name; raises `StepUnreachableError` if it gives no answer."""
    carrier: Carrier[Body]

    async def run(self, body: Body) -> Answer[Body]:
        """Answer a request.

        Raises:
            RoutingError: Where the router answers with an error of its own: no route of the root
                matches (404), or a step is unreachable or answers no object (500).
        """
        return await self._node(ROOT, body)

    async def _node(self, name: str, body: Body) -> Answer[Body]:
        node = self.graph.nodes[name]
        match node.router:
            case Router.SEQUENCE:
                return await self._sequence(node, body)
            case Router.ENSEMBLE:
                return await self._ensemble(node, body)
            case Router.SWITCH:
                return await self._step(self._matching(node, body), body)
            case Router.SPLITTER:
                return await self._step(_drawn(node, self.carrier.place(body, name)), body)

    async def _step(self, step: Step, body: Body) -> Answer[Body]:
        try:
            if step.node:
                return await self._node(step.node, body)
            return await self.call(step.service, body)
        except RoutingError as error:
            raise RoutingError(_FAILED, error.cause) from error
        except StepUnreachableError as error:
            raise RoutingError(_FAILED, str(error)) from error

    async def _sequence(self, node: Node, body: Body) -> Answer[Body]:
        answer: Answer[Body] | None = None
        for step in node.steps:
            if step.condition and not self._condition_met(step, answer):
                assert answer is not None  # noqa: S101 -- `exists` raises where there is none
                return Answer(_OK, answer.body)
            given = answer.body if answer is not None and step.data == RESPONSE else body
            if step.maps_predictions:
                given = self.carrier.map_predictions(given)
            answer = await self._step(step, given)
            if step.dependency is Dependency.HARD and not answer.ok:
                return answer
        if answer is None:
            raise RoutingError(_FAILED, "a sequence without steps has no answer")
        return answer

    def _condition_met(self, step: Step, answer: Answer[Body] | None) -> bool:
        try:
            return self.carrier.exists(answer.body if answer else None, step.condition)
        except ValueError as error:
            raise RoutingError(_FAILED, "invalid response") from error

    async def _ensemble(self, node: Node, body: Body) -> Answer[Body]:
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        tasks = [asyncio.create_task(self._part(step, body, failed)) for step in node.steps]
        parts: dict[str, Body] = {}
        try:
            for index, (step, task) in enumerate(zip(node.steps, tasks, strict=True)):
                if not task.done():
                    waited: set[asyncio.Future[Any]] = {task, failed}
                    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
                if failed.done():
                    failed.result()
                answer = task.result()
                if step.dependency is Dependency.HARD and not answer.ok:
                    return Answer(answer.status, self.carrier.again(answer.body))
                parts[step.name or str(index)] = answer.body
        finally:
            failed.cancel()
            await _cancel(tasks)
        return Answer(_OK, self.carrier.merge(parts))

    async def _part(self, step: Step, body: Body, failed: "asyncio.Future[None]") -> Answer[Body]:
        """Answer one step of an Ensemble; its error ends the node, whichever step it waits for."""
        try:
            answer = await self._step(step, body)
            try:
                self.carrier.check(answer.body)
            except ValueError as error:
                raise RoutingError(_FAILED, str(error)) from error
        except Exception as error:
            if not failed.done():
                failed.set_exception(error)
            raise
        return answer

    def _matching(self, node: Node, body: Body) -> Step:
        with suppress(ValueError):
            for step in node.steps:
                if self.carrier.exists(body, step.condition):
                    return step
        raise RoutingError(_NOT_FOUND, "None of the routes matched with the switch condition")


def _drawn(node: Node, place: float) -> Step:
    """Return the step whose stretch of the weights a place in [0, 1) lies in."""
    reached = accumulate(step.weight or 0 for step in node.steps)
    percent = 100 * place
    return next(step for step, end in zip(node.steps, reached, strict=True) if percent < end)


async def _cancel(tasks: list[asyncio.Task[Answer[Body]]]) -> None:
    """End what still runs, and let no error of it go unseen."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
