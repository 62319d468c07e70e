"""The one place where a step turns a failure into a reason, since a step always answers."""

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from lolomo.serving import telemetry
from lolomo.serving.steps.breaker import Breaker
from lolomo.serving.steps.reasons import Reason
from lolomo.serving.steps.worker import Worker

T = TypeVar("T")
_log = logging.getLogger(__name__)


async def attempt(work: Awaitable[T], who: str) -> tuple[T | None, str | None]:
    """Await some work; return its result, or None and why there is none.

    Whatever a model or a store raises ends here, and the log has the traceback. Cancellation does
    not end here.
    """
    try:
        with telemetry.span(who):
            return await work, None
    except TimeoutError:
        return None, Reason.LATE.value
    except Exception as error:  # noqa: BLE001 -- any failure of a part is a degraded page
        _log.warning("%s failed", who, exc_info=True)
        return None, Reason.FAILED.about(type(error).__name__)


async def attempt_through(
    breaker: Breaker, begin: Callable[[], Awaitable[T]], who: str
) -> tuple[T | None, str | None]:
    """Attempt some work unless it failed too often of late; see `attempt`."""
    if not breaker.allows():
        return None, Reason.SKIPPED.value
    result, why = await attempt(begin(), who)
    breaker.record(why is None)
    return result, why


async def attempt_on(
    worker: Worker, breaker: Breaker, function: Callable[[], T], deadline: float, who: str
) -> tuple[T | None, str | None]:
    """Attempt to compute something in time, unless it failed too often of late; see `attempt`.

    While it hangs, everyone who waits in vain counts as one more failure.
    """
    begin = partial(worker.run, function, deadline, partial(breaker.record, False))
    return await attempt_through(breaker, begin, who)
