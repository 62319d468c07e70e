"""What answers a page request in this process: releases, the steps over them and their graph.

A `Serving` is immutable. A hot swap makes another one beside it and replaces one reference, and a
request keeps the one that it began with, so no page is made of two deployments.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Self

from lolomo.core.errors import GraphError
from lolomo.core.task import LabelKind
from lolomo.serving import telemetry
from lolomo.serving.graph import Answer, Engine, Graph, page_graph, validate
from lolomo.serving.steps import (
    Composer,
    Context,
    Generator,
    Message,
    Page,
    PageStep,
    Proposals,
    Reason,
    Resources,
    Step,
    StepRequest,
    TypedCarrier,
    all_steps,
)
from lolomo.tasks import EVIDENCE, ROW_ORDER


@dataclass(slots=True)
class Trace:
    """What one request saw on its way through the graph; the journal writes it down."""

    surface: str = "page"
    """What was asked for: `page` or `search`."""
    received_at: float = field(default_factory=time.time)
    """Seconds since 1970, by the wall clock."""
    proposals: dict[str, Proposals] = field(default_factory=dict)
    """What each generator answered."""
    seconds: dict[str, float] = field(default_factory=dict)
    """How long each step took."""

    @property
    def is_shadow(self) -> bool:
        """Whether nobody waits for it: what it takes is no member's."""
        return self.surface == "shadow"


@dataclass(frozen=True, slots=True)
class Serving:
    """One set of releases, ready to answer."""

    resources: Resources
    steps: Mapping[str, Step]
    graph: Graph

    @classmethod
    def of(cls, resources: Resources) -> Self:
        """Derive steps and graph from the tasks.

        Raises:
            GraphError: If the tasks make no sound graph.
        """
        graph = page_graph(resources.tasks.values())
        validate(graph)
        return cls(resources, all_steps(resources), graph)

    async def page(self, context: Context, trace: Trace) -> Page:
        """Run the graph in this process.

        Raises:
            GraphError: If the graph gives no page.
        """
        engine = Engine(self.graph, partial(self._call, trace), TypedCarrier())
        answer = await engine.run(StepRequest(context))
        if not isinstance(answer.body, Page):
            raise GraphError(
                f"the graph answered with a {type(answer.body).__name__}: expected a Page"
            )
        return answer.body

    async def rest(self, context: Context, trace: Trace) -> Page:
        """Compose what generators answered so far, in the blended order: the others are too late.

        Raises:
            TimeoutError: If none has answered.
        """
        answers = dict(trace.proposals)
        if not answers:
            raise TimeoutError
        blending = PageStep(replace(self.resources, champions={}))
        page = await blending(StepRequest(context, answers))
        asked = {*self.steps, ROW_ORDER.name, EVIDENCE.name}
        asked |= {name for name, task in self.resources.tasks.items() if task.candidates_from}
        late = asked & self.resources.champions.keys() - answers.keys()
        return replace(page, degraded={**page.degraded, **dict.fromkeys(late, Reason.LATE.value)})

    async def trending(self, context: Context) -> Page:
        """Return the rows that need to know nobody."""
        answers: dict[str, Proposals] = {}
        tasks = {
            name: task
            for name, task in self.resources.tasks.items()
            if task.label.kind is LabelKind.COUNTS
        }
        for name, task in tasks.items():
            answers[name] = await Generator(task, self.resources)(StepRequest(context))
        composer = Composer(self.resources.features, context, answers, tasks)
        return Page(rows=composer.rows({}))

    async def _call(self, trace: Trace, service: str, body: Message) -> Answer[Message]:
        if not isinstance(body, StepRequest):
            raise GraphError(
                f"step {service!r} was sent a {type(body).__name__}: expected a request; give its "
                "step in the graph the answer of an Ensemble with a context step"
            )
        started = time.perf_counter()
        unseen = trace.is_shadow
        with telemetry.step(service, body.context.traceparent, unseen=unseen) as outcome:
            response = await self.steps[service](body)
            outcome.degraded = bool(getattr(response, "degraded", None))
        trace.seconds[service] = time.perf_counter() - started
        if isinstance(response, Proposals):
            trace.proposals[service] = response
        return Answer(200, response)
