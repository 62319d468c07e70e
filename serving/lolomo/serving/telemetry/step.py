"""What stands around a step: a span, a count by outcome, and the time it took."""

import time
from functools import cache
from types import TracebackType
from typing import Literal, Self, TypeAlias

from prometheus_client import Counter, Histogram

from lolomo.serving.telemetry.logs import REQUEST_ID
from lolomo.serving.telemetry.metrics import STEP_SECONDS, STEPS
from lolomo.serving.telemetry.tracing import TRACING

End: TypeAlias = Literal["whole", "degraded", "error"]


class step:  # noqa: N801 - read as a verb, like the context managers of contextlib
    """Counts, times and traces a step.

    A class and not a generator, since every page has a handful of them: a third of the cost.

    Args:
        name: The step's name, one of a closed set.
        traceparent: The trace that its request came with.
        unseen: Whether nobody waits for it; then it is neither counted nor timed.
    """

    __slots__ = ("_name", "_span", "_started", "_unseen", "degraded")

    def __init__(self, name: str, traceparent: str = "", *, unseen: bool = False) -> None:
        self._unseen = unseen
        self._name = name
        self._span = TRACING.span(f"step {name}", traceparent)
        self._started = 0.0
        self.degraded = False
        """Whether the answer lacks something; whoever awaits it says so."""

    def __enter__(self) -> Self:
        self._started = time.perf_counter()
        self._span.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._span.__exit__(kind, error, traceback)
        if self._unseen:
            return
        _seconds(self._name).observe(time.perf_counter() - self._started)
        _count(self._name, "error" if kind else "degraded" if self.degraded else "whole").inc()


def bind(request_id: str) -> None:
    """Say which request is being answered, to all that is logged on its way."""
    REQUEST_ID.set(request_id)


@cache
def _seconds(name: str) -> Histogram:
    """Return the series of a step; looking it up by its label costs more than counting."""
    return STEP_SECONDS.labels(name)


@cache
def _count(name: str, end: End) -> Counter:
    return STEPS.labels(name, end)
