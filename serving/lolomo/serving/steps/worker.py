"""One thread for what computes: the event loop stays free to answer, and late work is not begun."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Worker:
    """Runs functions one after the other on a thread of its own.

    Serving runs one process a core, so a second thread would only make both slower.
    """

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def run(self, function: Callable[[], T], deadline: float) -> T:
        """Return the function's result.

        Args:
            function: What to compute; if its turn comes too late it is never begun.
            deadline: Seconds since 1970.

        Raises:
            TimeoutError: If there is no result by the deadline.
        """
        future = asyncio.get_running_loop().run_in_executor(self._pool, function)
        return await asyncio.wait_for(future, max(0.0, deadline - time.time()))

    def close(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
