"""One thread for what computes: the event loop stays free to answer, and late work is not begun."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

T = TypeVar("T")

STUCK_SECONDS = 5.0
"""How long past its deadline a call may run before its thread is given up."""


@dataclass(slots=True)
class _Call:
    """What a thread is at."""

    deadline: float
    over: bool = False


class Worker:
    """Runs functions one after the other on a thread of its own.

    Serving runs one process a core, so a second thread would only make both slower. A call into
    native code cannot be stopped; one that hangs keeps its thread, and those who come later get a
    new one.

    Args:
        name: Of its thread.
        stuck_seconds: As `STUCK_SECONDS`.
    """

    def __init__(self, name: str, stuck_seconds: float = STUCK_SECONDS) -> None:
        self._name = name
        self._stuck_seconds = stuck_seconds
        self._running = _Call(float("inf"), over=True)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def run(self, function: Callable[[], T], deadline: float) -> T:
        """Return the function's result.

        Args:
            function: What to compute; if its turn comes too late it is never begun.
            deadline: Seconds since 1970.

        Raises:
            TimeoutError: If there is no result by the deadline.
        """
        now = time.time()
        if not self._running.over and now > self._running.deadline + self._stuck_seconds:
            self._replace_pool()
        work = partial(self._run, function, deadline)
        future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        return await asyncio.wait_for(future, max(0.0, deadline - now))

    def close(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, function: Callable[[], T], deadline: float) -> T:
        call = self._running = _Call(deadline)
        try:
            return function()
        finally:
            call.over = True

    def _replace_pool(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=self._name)
        self._running = _Call(float("inf"), over=True)
