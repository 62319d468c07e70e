"""Second tries of calls that may be repeated: a retry after an error, a hedge while one is slow.

A hedge is a second call made when the first takes longer than calls usually do; the first answer
counts and the other call is given up (Dean and Barroso, "The Tail at Scale", CACM 2013). Both kinds
of second try are made only while the request's deadline leaves time for an answer, and together
they may be no more than a small share of the calls (a retry budget, as in Finagle): what is
overloaded must not be asked twice as often.

Every step of our graph only reads, so each may be repeated.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, TypeVar

T = TypeVar("T")
Kind: TypeAlias = Literal["first", "retry", "hedge"]
_REMEMBERED: Final = 200
"""Calls whose time is remembered."""
_ENOUGH: Final = 20
"""Calls after which it is known how long they usually take."""


@dataclass(slots=True, kw_only=True)
class SecondTries:
    """Calls one thing, twice where that is worth it. Belongs to one event loop."""

    share: float = 0.05
    """Most second tries, as a share of the calls in the long run."""
    saved: float = 5.0
    """How many second tries a quiet time may save up."""
    percentile: float = 0.95
    """A call that takes longer than this share of the others is hedged."""
    on_call: Callable[[Kind], None] = lambda kind: None
    """Told of each call, for counting."""
    _left: float = field(default=1.0, init=False)
    _seconds: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED), init=False)

    async def call(
        self, begin: Callable[[], Coroutine[Any, Any, T]], deadline: float, *errors: type[Exception]
    ) -> T:
        """Return what the call, or its second try, answers first.

        Args:
            begin: Makes the call; made again, it must have no other effect.
            deadline: Seconds since 1970; no call is begun that usually ends after it.
            errors: What is worth a retry.

        Raises:
            Exception: What the last call raised.
        """
        self._left = min(self.saved, self._left + self.share)
        usual = self.usual_seconds()
        first = asyncio.ensure_future(self._timed("first", begin))
        running = {first}
        try:
            await asyncio.wait(running, timeout=usual)
            if not first.done():
                if self._may_try(deadline, usual):
                    running.add(asyncio.ensure_future(self._timed("hedge", begin)))
                return await _first_answer(running, errors)
            if isinstance(first.exception(), errors) and self._may_try(deadline, usual):
                return await self._timed("retry", begin)
            return first.result()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def usual_seconds(self) -> float | None:
        """Return how long calls usually take at most; None while too few were made."""
        if len(self._seconds) < _ENOUGH:
            return None
        return sorted(self._seconds)[int(self.percentile * (len(self._seconds) - 1))]

    def _may_try(self, deadline: float, usual: float | None) -> bool:
        if self._left < 1.0 or time.time() + (usual or 0.0) > deadline:
            return False
        self._left -= 1.0
        return True

    async def _timed(self, kind: Kind, begin: Callable[[], Awaitable[T]]) -> T:
        self.on_call(kind)
        started = time.monotonic()
        answer = await begin()
        self._seconds.append(time.monotonic() - started)
        return answer


async def _first_answer(running: set[asyncio.Task[T]], errors: tuple[type[Exception], ...]) -> T:
    """Return the first answer; an error counts only when nothing else is left."""
    while True:
        done, left = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if not left or not isinstance(task.exception(), errors):
                return task.result()
        running = left
