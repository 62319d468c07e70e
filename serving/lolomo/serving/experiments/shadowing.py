"""Shadow traffic: a release that nobody sees answers copies of requests, to be compared later.

A copy never touches the request that it is of: it is offered after the answer is made, waits in a
short queue, and is computed by a thread of its own, of low priority, with its own breakers and
without the members' worker. It is the first thing that a busy service leaves out: where more than
half of what the door lets in is in flight, or the queue is full, a copy is shed and counted.

What the release answers is written to a journal of its own (`Workspace.shadows`), under the
request's id, so nothing that reads the members' journal ever meets it.
"""

import asyncio
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TypeVar

from typing_extensions import override

from lolomo.serving.admission import Admission
from lolomo.serving.journal import Recorder
from lolomo.serving.journal.writing_down import served_of
from lolomo.serving.releases import Serving, Trace
from lolomo.serving.steps import Champion, Context, Page, Worker
from lolomo.serving.steps.breaker import Breaker
from lolomo.serving.steps.guard import attempt
from lolomo.serving.telemetry import metrics

T = TypeVar("T")
SURFACE = "shadow"
"""What the journal of shadows calls them."""
WAITING = 4
"""Most copies that wait."""
PATIENT_SECONDS = 5.0
"""How long a copy may take: longer than a member would wait, so that slowness shows as such."""
NICENESS = 10
"""Of the thread, where the system lets threads be nice."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A request that was answered, and what should answer it once more."""

    serving: Serving
    """What answered."""
    context: Context
    releases: Mapping[str, Champion]
    """By task, what answers in place of that."""
    experiment: str
    arm: str


@dataclass(slots=True)
class Shadows:
    """Answers copies of requests, one after the other, while there is time."""

    recorder: Recorder
    """Writes their journal."""
    admission: Admission
    """The members' door: how much is going on."""
    _queue: "queue.Queue[Copy | None]" = field(
        default_factory=lambda: queue.Queue(WAITING), init=False
    )
    _thread: threading.Thread | None = field(default=None, init=False)

    def offer(self, copy: Copy) -> None:
        """Take a copy, or shed it; returns at once."""
        if self.admission.in_flight * 2 > self.admission.limit:
            metrics.SHADOWS.labels("shed").inc()
            return
        if self._thread is None:
            self.recorder.start()
            self._thread = threading.Thread(target=self._run, name=SURFACE, daemon=True)
            self._thread.start()
        try:
            self._queue.put_nowait(copy)
        except queue.Full:
            metrics.SHADOWS.labels("shed").inc()

    def close(self) -> None:
        """Answer what waits, write it down and end."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(WAITING * PATIENT_SECONDS)
            self.recorder.close()

    def _run(self) -> None:
        with suppress(OSError, AttributeError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        with asyncio.Runner() as runner:
            while (copy := self._queue.get()) is not None:
                try:
                    runner.run(self._answer(copy))
                except Exception:  # noqa: BLE001 -- the thread outlives a copy it cannot answer
                    _log.exception("a copy of request %s failed", copy.context.request_id)

    async def _answer(self, copy: Copy) -> None:
        serving = _in_its_place(copy)
        started, trace = time.perf_counter(), Trace(surface=SURFACE)
        context = replace(
            copy.context,
            deadline_milliseconds=int((time.time() + PATIENT_SECONDS) * 1e3),
            traceparent="",
        )
        page, why = await attempt(serving.page(context, trace), SURFACE)
        trace.seconds["total"] = time.perf_counter() - started
        answer = page or Page(rows=())
        degraded = answer.degraded if why is None else {SURFACE: why}
        whole = why is None and not copy.releases.keys() & degraded.keys()
        metrics.SHADOWS.labels("answered" if whole else "failed").inc()
        served = served_of(serving, context, answer, trace, degraded)
        self.recorder.record(replace(served, experiment=copy.experiment, arm=copy.arm))


def _in_its_place(copy: Copy) -> Serving:
    """Return what answers a copy: nothing that members wait for knows how it goes."""
    resources = copy.serving.resources
    champions = {**resources.champions, **copy.releases}
    own = {task: replace(champion, breaker=Breaker()) for task, champion in champions.items()}
    return Serving.of(replace(resources, champions=own, worker=Inline(SURFACE)))


class Inline(Worker):
    """Computes on the thread that asks."""

    @override
    async def run(
        self, function: Callable[[], T], deadline: float, on_late: Callable[[], None] | None = None
    ) -> T:
        return function()
