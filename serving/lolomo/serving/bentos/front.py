"""The front: what clients call, and what never fails them.

It reads the user's features once, runs the graph under a hard deadline, and goes down a ladder when
something is missing: a source that is late is left out, a ranker that is late leaves the blended
order, a user of whom nothing can be read gets what needs no history, and when the graph gives no
page at all there is the one that everybody gets, made ahead. Every rung is named in `degraded`.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from lolomo.serving import telemetry
from lolomo.serving.admission import Admission
from lolomo.serving.bentos.clock import Clock, iso, microseconds
from lolomo.serving.bentos.events import Ingestion
from lolomo.serving.bentos.fallback import REFRESH_SECONDS, Fallback
from lolomo.serving.bentos.reading import UserReader
from lolomo.serving.bentos.schema import Limits, PageRequest, Visit
from lolomo.serving.experiments import Assignment
from lolomo.serving.experiments.shadowing import Copy, Shadows
from lolomo.serving.journal import Recorder, Served
from lolomo.serving.journal.writing_down import served_of
from lolomo.serving.releases import Deployment, Serving, Source, Swapper, Trace
from lolomo.serving.steps import (
    Context,
    Page,
    PageRow,
    Reason,
    Resources,
    Step,
    StepRequest,
    User,
)
from lolomo.serving.steps.breaker import Breaker
from lolomo.serving.steps.guard import attempt, attempt_through

FRONT = "front"
"""The part that is degraded where the graph as a whole gave no page."""
FEATURES = "features"
"""The part that is degraded where nothing is known of the user."""
PATIENT_SECONDS = 60.0
"""The deadline while warming up, when models are traced and caches are cold."""
RESTART_SECONDS = 1.0
PAGE_SHARE = 0.7
"""Of the time left; the rest is for composing what there is, if something hangs."""
LATENCY_SHARE = 0.2
"""Of the deadline: an answer that takes longer says that too many are worked on."""


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


class Front:
    """Answers page requests in process.

    Args:
        resources: What is served at first; `deployment` is what is served now.
        clock: Tells requests their time.
        deadline_seconds: After which everybody's page is served instead of a late one.
        graph: Where the graph runs, if not in this process; see `RemoteGraph`.
        journal: Writes down what was served; None to write nothing.
    """

    def __init__(
        self,
        resources: Resources,
        clock: Clock | None = None,
        deadline_seconds: float = 0.5,
        graph: Callable[[StepRequest], Awaitable[Page]] | None = None,
        journal: Recorder | None = None,
    ) -> None:
        self.deployment = Deployment(resources)
        """Replaced as a whole by a hot swap; a request keeps the one that it began with."""
        self.clock = clock or Clock()
        self.deadline_seconds = deadline_seconds
        self.graph = graph
        self.journal = journal
        self.admission = Admission(target_seconds=deadline_seconds * LATENCY_SHARE)
        self.reader = UserReader()
        self.breaker = Breaker()
        """Opens while no page comes of the graph, so that members do not wait for everybody's."""
        self.fallback = Fallback()
        self.shadows: Shadows | None = None
        """Answers copies of requests; None where nothing is written down."""
        self.exploration = ""
        """How rows are drawn, in the words of the configuration, for the journal."""
        self.ingestion: Ingestion | None = None
        """Takes events in; None where there is nowhere to write them."""
        self.swapper: Swapper | None = None
        """Swaps releases while serving; None where those given are all there will be."""
        self.ready = False
        """Whether releases are loaded and warm."""
        self.watchers: list[Callable[[], Awaitable[None]]] = [self._keep_fallback_fresh]
        """What runs beside the requests, between `open` and `close`."""
        self._running: list[asyncio.Task[None]] = []

    @property
    def resources(self) -> Resources:
        """What the champions answer with."""
        return self.deployment.resources

    @property
    def steps(self) -> Mapping[str, Step]:
        """The steps of the page's graph, as the champions answer."""
        return self.deployment.serving_with({}).steps

    def serving_for(self, user_id: str) -> Serving:
        """Return what answers a user."""
        return self.deployment.serving_for(user_id)

    def take_events(self, ingestion: Ingestion) -> None:
        """Take events in, and tell the features of what any process took in."""
        self.ingestion = ingestion
        self.watchers.append(ingestion.follow)

    def follow(self, source: Source) -> None:
        """Keep serving what a source of releases says, between `open` and `close`."""
        self.swapper = Swapper(source, lambda: self.deployment, self._take)
        self.watchers.append(self.swapper.watch)

    def _take(self, deployment: Deployment) -> None:
        """Serve from another deployment, from the next request on."""
        self.deployment = deployment

    async def open(self) -> None:
        """Warm up, and begin what runs beside the requests."""
        await self.warm_up()
        if self.journal is not None:
            self.journal.start()
        self._running = [asyncio.create_task(_for_ever(watch)) for watch in self.watchers]

    async def close(self) -> None:
        """End what runs beside the requests, and write down what is not written yet."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._running = []
        if self.ingestion is not None:
            await self.ingestion.close()
        for written in (self.shadows, self.journal):
            if written is not None:
                await asyncio.to_thread(written.close)

    async def warm_up(self) -> None:
        """Compute the fallback page, and a page or two, before the first member asks."""
        hurried, self.deadline_seconds = self.deadline_seconds, PATIENT_SECONDS
        journal, self.journal = self.journal, None
        try:
            visit = PageRequest(user_id="lolomo:warm-up")
            await self.refresh_fallback()
            watched = next(iter(self.resources.seen), visit.user_id)
            for user_id in (visit.user_id, watched, watched):
                await self.page(PageRequest(user_id=user_id))
        finally:
            self.deadline_seconds, self.journal = hurried, journal
        self.ready = True

    async def refresh_fallback(self) -> None:
        """Make the page that everybody gets again; while that fails the last one stays."""
        context = await self.context(PageRequest(user_id="lolomo:fallback"))
        serving = self.deployment.serving_with({})
        page, _ = await attempt(serving.trending(context), "the fallback page")
        if page is not None:
            self.fallback.keep(page)

    async def page(self, request: PageRequest, traceparent: str = "") -> PageAnswer:
        """Answer with a page, whatever happens."""
        started, trace = time.perf_counter(), Trace()
        deployment = self.deployment
        context = await self.context(request, traceparent)
        assigned = deployment.assigned(context.user.user_id, context.timestamp)
        serving = deployment.serving_for(context.user.user_id, assigned.releases)
        degraded = {**deployment.degraded, **deployment.not_loaded(assigned)}
        if not context.user.features:
            degraded[FEATURES] = Reason.NO_FEATURES.value
        trace.seconds[FEATURES] = time.perf_counter() - started
        limits = request.limits
        context = replace(context, max_rows=limits.rows, max_titles=limits.titles)
        run = partial(self._run, serving, context, trace)
        page, why = await attempt_through(self.breaker, run, FRONT)
        if page is None or not page.rows:
            page = self._everybodys(page, why, limits)
        degraded |= page.degraded
        trace.seconds["total"] = time.perf_counter() - started
        self.write_down(serving, context, page, trace, degraded)
        if assigned.shadows and self.ready:
            self._shadow(deployment, context, assigned)
        return _answer(serving, context, page, degraded)

    def write_down(
        self,
        serving: Serving,
        context: Context,
        page: Page,
        trace: Trace,
        degraded: Mapping[str, str],
    ) -> None:
        """Hand what was answered to the journal, if there is one."""
        if self.journal is not None:
            served = served_of(serving, context, page, trace, degraded)
            self.journal.record(self._with_arms(served))

    def _shadow(self, deployment: Deployment, context: Context, assigned: Assignment) -> None:
        """Offer copies of an answered request to the releases that the user's arms shadow with."""
        challengers = deployment.resources.challengers
        serving = deployment.serving_for(context.user.user_id, assigned.releases)
        for experiment, wanted in assigned.shadows.items():
            releases = {
                pair[0]: challengers[pair] for pair in wanted.items() if pair in challengers
            }
            if releases and self.shadows is not None:
                arm = assigned.arms[experiment]
                self.shadows.offer(
                    Copy(
                        serving=serving,
                        context=context,
                        releases=releases,
                        experiment=experiment,
                        arm=arm,
                    )
                )

    def _with_arms(self, served: Served) -> Served:
        """Return what was served with what its rows were drawn by, and in which experiments."""
        experiments = self.resources.experiments
        if experiments is None:
            return replace(served, exploration=self.exploration)
        context = served.context
        assigned = experiments.of(context.user.user_id, context.timestamp)
        return replace(
            served,
            exploration=assigned.exploration(self.exploration),
            experiment=assigned.experiment,
            arm=assigned.arm,
        )

    async def context(self, visit: Visit, traceparent: str = "") -> Context:
        """Return the context of a request, with the user's features if they come in time."""
        request_id = secrets.token_hex(16)
        telemetry.bind(request_id)
        deadline = time.time() + self.deadline_seconds
        timestamp = microseconds(visit.timestamp or self.clock.now())
        where = {"device": visit.device, "country": visit.country}
        with telemetry.span("read features"):
            features, _ = await self.reader.read(
                self.resources.features, visit.user_id, timestamp, where, deadline
            )
        user = User(visit.user_id, features or {}, frozenset())
        seen = self.resources.seen.get(visit.user_id, frozenset()) | set(user.history)
        return Context(
            request_id=request_id,
            deadline_milliseconds=int(deadline * 1e3),
            timestamp=timestamp,
            user=replace(user, seen_item_ids=seen),
            device=visit.device,
            country=visit.country,
            traceparent=telemetry.traceparent() or traceparent,
        )

    def _everybodys(self, page: Page | None, why: str | None, limits: Limits) -> Page:
        """Return the page made ahead, in place of none or of one without rows."""
        everybodys = self.fallback.cut(limits)
        if page is None:
            return replace(everybodys, degraded={FRONT: why or Reason.FAILED.value})
        if not everybodys.rows:
            return page
        return replace(everybodys, degraded={**page.degraded, FRONT: Reason.EMPTY.value})

    async def _run(self, serving: Serving, context: Context, trace: Trace) -> Page:
        if self.graph is not None:
            async with asyncio.timeout(max(0.0, context.deadline() - time.time())):
                return await self.graph(StepRequest(context))
        making = partial(serving.page, context, trace)
        try:
            return await serving.resources.worker.drive(making, context.deadline(PAGE_SHARE))
        except TimeoutError:
            return await serving.rest(context, trace)

    async def _keep_fallback_fresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            await self.refresh_fallback()


async def _for_ever(watch: Callable[[], Awaitable[None]]) -> None:
    """Begin again what runs beside the requests when it fails; the log has why."""
    while True:
        await attempt(watch(), "a watcher")
        await asyncio.sleep(RESTART_SECONDS)


def _answer(
    serving: Serving, context: Context, page: Page, degraded: Mapping[str, str]
) -> PageAnswer:
    champions = serving.resources.champions
    policies = dict.fromkeys(row.policy_id for row in page.rows)
    return PageAnswer(
        request_id=context.request_id,
        user_id=context.user.user_id,
        timestamp=iso(context.timestamp),
        policy=", ".join(policies) or "greedy",
        rows=page.rows,
        degraded=degraded,
        releases={task: champion.digest for task, champion in champions.items()},
        num_candidates=page.num_candidates,
    )
