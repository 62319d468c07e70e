"""One thread for what computes: the event loop stays free to answer, and late work is not begun.

A page is made on it from the first generator to the last row. What a step of the page asks the
worker to `run` is then run at once, where it is: between two threads each step would cost a
quarter of a millisecond, and wait for the interpreter's lock besides.
"""

import asyncio
import threading
import time
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeAlias, TypeVar

from typing_extensions import override

T = TypeVar("T")
_Job: TypeAlias = "tuple[Future[Any], Callable[[asyncio.Runner], Any]] | None"
"""What to compute, and where its result goes; None ends the thread."""

STUCK_SECONDS = 5.0
"""How long past its deadline a call may run before its thread is given up."""


def _nobody() -> None:
    """Blame nobody."""


@dataclass(slots=True)
class _Call:
    """What a thread is at."""

    deadline: float
    on_late: Callable[[], None] = _nobody
    over: bool = False


class Worker:
    """Computes one thing after the other on a thread of its own.

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
        self._thread: _Thread | None = None

    async def run(
        self,
        function: Callable[[], T],
        deadline: float,
        on_late: Callable[[], None] = _nobody,
    ) -> T:
        """Return the function's result.

        Args:
            function: What to compute; if its turn comes too late it is never begun.
            deadline: Seconds since 1970.
            on_late: Called for everyone who waits in vain while the function is at fault.

        Raises:
            TimeoutError: If there is no result by the deadline.
        """
        call = _Call(deadline, on_late)
        if self._thread is not None and self._thread.is_current:
            return self._thread.call(function, call)
        thread = self._willing_thread()
        return await _awaited(thread, lambda _: thread.call(function, call), deadline)

    async def drive(self, work: Callable[[], Coroutine[Any, Any, T]], deadline: float) -> T:
        """Await some work on the worker's thread, with everything that it asks the worker to run.

        Args:
            work: Begins the work; it should wait for nothing but this worker.
            deadline: Seconds since 1970.

        Raises:
            TimeoutError: If there is no result by the deadline.
        """
        thread, context = self._willing_thread(), copy_context()

        async def in_time() -> T:
            async with asyncio.timeout(max(0.0, deadline - time.time())):
                return await work()

        def driven(runner: asyncio.Runner) -> T:
            return runner.run(in_time(), context=context)

        return await _awaited(thread, driven, deadline)

    def close(self) -> None:
        """Begin nothing more."""
        if self._thread is not None:
            self._thread.end()
            self._thread = None

    def _willing_thread(self) -> "_Thread":
        """Return the thread, or a new one if that is stuck."""
        if self._thread is not None and self._thread.is_late(self._stuck_seconds):
            self.close()
        if self._thread is None:
            self._thread = _Thread(self._name)
            weakref.finalize(self, self._thread.end)
            self._thread.start()
        return self._thread


class _Thread(threading.Thread):
    """Computes what it is given, in order, until it is told to end."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._call = _Call(float("inf"), over=True)

    @property
    def is_current(self) -> bool:
        """Whether it is the thread that asks."""
        return threading.get_ident() == self.ident

    @override
    def run(self) -> None:
        """Compute."""
        with asyncio.Runner() as runner:
            while (job := self._jobs.get()) is not None:
                _compute(*job, runner)
                del job

    def begin(self, work: Callable[[asyncio.Runner], T]) -> "Future[T]":
        """Take some work."""
        future: Future[T] = Future()
        self._jobs.put((future, work))
        return future

    def end(self) -> None:
        """Compute what was taken in, and then no more."""
        self._jobs.put(None)

    def call(self, function: Callable[[], T], call: _Call) -> T:
        """Return what a function returns, here and now, if it begins and ends in time."""
        if time.time() > call.deadline:
            raise TimeoutError
        self._call = call
        try:
            result = function()
        finally:
            call.over = True
        if time.time() > call.deadline:
            raise TimeoutError
        return result

    def is_late(self, seconds: float = 0.0) -> bool:
        """Return whether what it is at should have ended so many seconds ago."""
        return not self._call.over and time.time() > self._call.deadline + seconds

    def blame(self) -> None:
        """Let what is late know that somebody waits in vain."""
        if self.is_late():
            self._call.on_late()


async def _awaited(thread: _Thread, work: Callable[[asyncio.Runner], T], deadline: float) -> T:
    future = asyncio.wrap_future(thread.begin(work))
    try:
        return await asyncio.wait_for(future, max(0.0, deadline - time.time()))
    except TimeoutError:
        thread.blame()
        raise


def _compute(
    future: "Future[T]", work: Callable[[asyncio.Runner], T], runner: asyncio.Runner
) -> None:
    """Compute one thing, unless nobody waits for it any more."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(work(runner))
    except BaseException as error:  # noqa: BLE001 -- whoever waits is told
        future.set_exception(error)
