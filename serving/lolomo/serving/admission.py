"""Admission: how many requests are worked on at once, and when to say no at the door.

Beyond its capacity a service without a door answers everybody late. Here the number of requests in
flight is limited, and the limit finds its own size, after TCP's congestion control (Chiu & Jain
1989; Netflix's `concurrency-limits`, 2018): it grows by one a round of answers in time, and
shrinks by a tenth when an answer took longer than the target. What comes beyond it is refused
at once with 503 and `Retry-After`, which costs a fraction of a page.
"""

import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from lolomo.serving.bentos.problems import ProblemError
from lolomo.serving.telemetry import metrics

RETRY_SECONDS = 3
"""The refused are asked to come back after 1 to this many seconds, so that not all do at once."""


class OverloadedError(ProblemError):
    """The service has more to do than it can answer in time: 503 with `Retry-After`."""

    def __init__(self, in_flight: int) -> None:
        super().__init__(
            503,
            "The service is busy",
            f"received a request beside {in_flight} others",
            "fewer requests at a time",
            "ask again after the seconds in `Retry-After`",
        )
        self.headers = {"Retry-After": str(random.randint(1, RETRY_SECONDS))}  # noqa: S311


@dataclass(slots=True)
class Admission:
    """An adaptive limit on requests in flight. Belongs to one event loop."""

    target_seconds: float = 0.1
    """An answer that takes longer says that too many are worked on."""
    smallest: float = 3.0
    largest: float = 64.0
    backoff: float = 0.9
    """What the limit is multiplied by after a late answer."""
    clock: Callable[[], float] = time.monotonic
    limit: float = 16.0
    in_flight: int = 0
    _shrunk_at: float = field(default=0.0, init=False)

    @asynccontextmanager
    async def admitted(self) -> AsyncIterator[None]:
        """Work on one request within the block.

        Raises:
            OverloadedError: If too many are in flight already.
        """
        if self.in_flight >= int(self.limit):
            metrics.SHED.inc()
            raise OverloadedError(self.in_flight)
        self.in_flight += 1
        began = self.clock()
        try:
            yield
        finally:
            self._learn(began)
            self.in_flight -= 1

    def _learn(self, began: float) -> None:
        """Move the limit; of requests that began before it last shrank nothing is learned."""
        now = self.clock()
        if now - began > self.target_seconds:
            if began >= self._shrunk_at:
                self.limit = max(self.smallest, self.limit * self.backoff)
                self._shrunk_at = now
        elif self.in_flight * 2 >= self.limit:
            self.limit = min(self.largest, self.limit + 1.0 / self.limit)
        metrics.ADMISSION_LIMIT.set(self.limit)
