"""The one place where a step turns a failure into a reason, since a step always answers."""

import logging
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")
_log = logging.getLogger(__name__)


async def attempt(work: Awaitable[T], who: str) -> tuple[T | None, str | None]:
    """Await some work; return its result, or None and why there is none.

    Whatever a model or a store raises ends here, and the log has the traceback. Cancellation does
    not end here.
    """
    try:
        return await work, None
    except TimeoutError:
        return None, "late"
    except Exception as error:  # noqa: BLE001 -- any failure of a part is a degraded page
        _log.warning("%s failed", who, exc_info=True)
        return None, f"failed: {type(error).__name__}"
