"""Search: what a member may mean by what they typed so far.

It is asked by the letter and must answer between two of them, so it goes to the release itself and
not through the page's graph. What is typed may be a title that the user has seen; before anything
is typed, only new ones are offered. Like the page it never fails its clients: what is missing is an
empty list and a reason.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from lolomo.core.columns import Columns
from lolomo.core.task import LabelKind, Task
from lolomo.serving.bentos.clock import iso
from lolomo.serving.bentos.front import FEATURES, Front
from lolomo.serving.bentos.schema import SearchRequest
from lolomo.serving.releases import Trace
from lolomo.serving.steps import (
    Composer,
    Context,
    Entry,
    Generator,
    Page,
    PageRow,
    Proposals,
    Reason,
    Resources,
    StepRequest,
)

SEARCH = "search"
"""The surface, and the part that is degraded where nothing could be searched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchAnswer:
    """Search results as clients get them."""

    request_id: str
    user_id: str
    timestamp: str
    """The time that was searched at, ISO 8601 UTC."""
    text: str
    """What was typed."""
    results: tuple[Entry, ...]
    """Best first."""
    release: str
    """Digest of the release that searched; empty if none did."""
    degraded: Mapping[str, str]
    """By part, why it is missing."""


async def search(front: Front, request: SearchRequest, traceparent: str = "") -> SearchAnswer:
    """Answer with titles, whatever happens."""
    started, trace = time.perf_counter(), Trace(surface=SEARCH)
    serving = front.serving_for(request.user_id)
    context = await front.context(request, traceparent)
    degraded = {} if context.user.features else {FEATURES: Reason.NO_FEATURES.value}
    context = _typed(context, request)
    task = _search_task(serving.resources.tasks)
    proposals = Proposals(degraded=Reason.NO_TASK.value)
    rows: tuple[PageRow, ...] = ()
    if task is not None:
        proposals = await Generator(task, serving.resources)(StepRequest(context))
        rows = (_row(serving.resources, task, context, proposals, request.k),)
        trace.proposals[task.name] = proposals
    if proposals.degraded:
        degraded[SEARCH] = proposals.degraded
    trace.seconds["total"] = time.perf_counter() - started
    front.write_down(serving, context, Page(rows=rows), trace, degraded)
    return SearchAnswer(
        request_id=context.request_id,
        user_id=request.user_id,
        timestamp=iso(context.timestamp),
        text=request.text,
        results=rows[0].entries if rows else (),
        release=proposals.release,
        degraded=degraded,
    )


def _search_task(tasks: Mapping[str, Task]) -> Task | None:
    return next((task for task in tasks.values() if task.label.kind is LabelKind.SEARCH), None)


def _typed(context: Context, request: SearchRequest) -> Context:
    """Return the context with what was typed, and nothing hidden from who looks for it."""
    user = context.user
    features = {**user.features, Columns.TEXT: request.text}
    seen = frozenset[str]() if request.text.strip() else user.seen_item_ids
    return replace(context, user=replace(user, features=features, seen_item_ids=seen))


def _row(
    resources: Resources, task: Task, context: Context, proposals: Proposals, k: int
) -> PageRow:
    composer = Composer(
        features=resources.features,
        context=replace(context, max_titles=k),
        answers={task.name: proposals},
        tasks={task.name: task},
    )
    return composer.row(task)
