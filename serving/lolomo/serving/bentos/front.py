"""The front: what clients call, and what never fails them.

It reads the user's features once, runs the graph under a hard deadline, and on any error falls back
to the page that everybody gets, precomputed from the trending release.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from lolomo.core.errors import GraphError
from lolomo.core.task import LabelKind
from lolomo.serving.bentos.clock import Clock, iso, microseconds
from lolomo.serving.bentos.schema import PageRequest, Visit
from lolomo.serving.graph import Answer, Engine, page_graph, validate
from lolomo.serving.steps import (
    Composer,
    Context,
    Generator,
    Message,
    Page,
    PageRow,
    Proposals,
    Resources,
    Step,
    StepRequest,
    TypedCarrier,
    User,
    Worker,
    all_steps,
)
from lolomo.serving.steps.guard import attempt

FRONT = "front"
"""The part that is degraded where the graph as a whole gave no page."""
READING_SHARE = 0.3
"""Of the deadline, for reading the user's features."""
PATIENT_SECONDS = 60.0
"""The deadline while warming up, when models are traced and caches are cold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageAnswer:
    """The page as clients get it."""

    request_id: str
    user_id: str
    timestamp: str
    """The time that the page was made for, ISO 8601 UTC."""
    policy: str
    """How titles were drawn from scores."""
    rows: tuple[PageRow, ...]
    degraded: Mapping[str, str]
    """By part, why it is missing; empty on a whole page."""
    releases: Mapping[str, str]
    """Digest of the release that serves each task."""
    num_candidates: Mapping[str, int]
    """How many candidates each generator proposed."""


@dataclass(slots=True)
class Front:
    """Answers page requests in process."""

    resources: Resources
    clock: Clock = field(default_factory=Clock)
    deadline_seconds: float = 0.5
    graph: Callable[[StepRequest], Awaitable[Page]] | None = None
    """Where the graph runs, if not in this process; see `RemoteGraph`."""
    reader: Worker = field(default_factory=lambda: Worker("reader"))
    ready: bool = False
    """Whether releases are loaded and warm."""
    steps: Mapping[str, Step] = field(init=False)
    engine: Engine[Message] = field(init=False)
    _fallback: Page = field(init=False, default_factory=lambda: Page(rows=()))

    def __post_init__(self) -> None:
        """Derive the graph from the tasks."""
        graph = page_graph(self.resources.tasks.values())
        validate(graph)
        self.steps = all_steps(self.resources)
        self.engine = Engine(graph, self._call, TypedCarrier())

    async def warm_up(self) -> None:
        """Compute the fallback page, and a page or two, before the first member asks."""
        hurried, self.deadline_seconds = self.deadline_seconds, PATIENT_SECONDS
        try:
            visit = PageRequest(user_id="lolomo:warm-up")
            self._fallback = await self._trending(await self.context(visit))
            watched = next(iter(self.resources.seen), visit.user_id)
            for user_id in (visit.user_id, watched, watched):
                await self.page(PageRequest(user_id=user_id))
        finally:
            self.deadline_seconds = hurried
        self.ready = True

    async def page(self, request: PageRequest, traceparent: str = "") -> PageAnswer:
        """Answer with a page, whatever happens."""
        context = await self.context(request, traceparent)
        context = replace(context, max_rows=request.limits.rows, max_titles=request.limits.titles)
        seconds = max(0.0, context.deadline() - time.time())
        page, why = await attempt(asyncio.wait_for(self._run(context), seconds), FRONT)
        if page is None:
            page = replace(_cut(self._fallback, request), degraded={FRONT: why or "no answer"})
        return self._answer(context, page)

    async def context(self, visit: Visit, traceparent: str = "") -> Context:
        """Return the context of a request, with the user's features if they come in time."""
        deadline = time.time() + self.deadline_seconds
        timestamp = microseconds(visit.timestamp or self.clock.now())
        where = {"device": visit.device, "country": visit.country}
        read = partial(self.resources.features.user, visit.user_id, timestamp, where)
        reading = self.reader.run(read, time.time() + self.deadline_seconds * READING_SHARE)
        features, _ = await attempt(reading, "reading user features")
        user = User(visit.user_id, features or {}, frozenset())
        seen = self.resources.seen.get(visit.user_id, frozenset()) | set(user.history)
        return Context(
            request_id=secrets.token_hex(16),
            deadline_milliseconds=int(deadline * 1e3),
            timestamp=timestamp,
            user=replace(user, seen_item_ids=seen),
            device=visit.device,
            country=visit.country,
            traceparent=traceparent,
        )

    async def _run(self, context: Context) -> Page:
        if self.graph is not None:
            return await self.graph(StepRequest(context))
        answer = await self.engine.run(StepRequest(context))
        if not isinstance(answer.body, Page):
            raise GraphError(
                f"the graph answered with a {type(answer.body).__name__}: expected a Page"
            )
        return answer.body

    async def _call(self, service: str, body: Message) -> Answer[Message]:
        if not isinstance(body, StepRequest):
            raise GraphError(
                f"step {service!r} was sent a {type(body).__name__}: expected a request; give its "
                "step in the graph the answer of an Ensemble with a context step"
            )
        return Answer(200, await self.steps[service](body))

    async def _trending(self, context: Context) -> Page:
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

    def _answer(self, context: Context, page: Page) -> PageAnswer:
        degraded = dict(page.degraded)
        if not context.user.features:
            degraded["features"] = "unavailable"
        moment = iso(context.timestamp)
        champions = self.resources.champions
        return PageAnswer(
            request_id=context.request_id,
            user_id=context.user.user_id,
            timestamp=moment,
            policy="greedy",
            rows=page.rows,
            degraded=degraded,
            releases={task: champion.digest for task, champion in champions.items()},
            num_candidates=page.num_candidates,
        )


def _cut(page: Page, request: PageRequest) -> Page:
    """Return the page with no more than was asked for."""
    rows = (
        replace(row, entries=row.entries[: request.limits.titles])
        for row in page.rows[: request.limits.rows]
    )
    return replace(page, rows=tuple(rows))
