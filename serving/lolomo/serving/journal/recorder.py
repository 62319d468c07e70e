"""Writes what was served from a thread of its own, a few times a second.

A request only puts itself into a queue. What is in the queue when a process is killed is lost: at
most `interval_seconds` and one sync of the disk. A journal that cannot be written, as on a full
disk, never holds up a page: requests beyond the queue's capacity are counted as lost.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from lolomo.events.journal_writer import JournalWriter
from lolomo.serving.journal.served import Served, rows_of
from lolomo.serving.telemetry import metrics

STOP_SECONDS = 10.0
BATCH = 64
"""Most requests turned into rows at once: the interpreter's lock is held meanwhile."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Recorder:
    """Queues answered requests, and writes them down."""

    writer: JournalWriter
    interval_seconds: float = 0.5
    """How often to write; rows made together cost half of rows made one by one."""
    capacity: int = 1_000
    """Most requests that wait to be written."""
    written: int = 0
    lost: int = 0
    """Requests that could not be written."""
    failing: bool = False
    """Whether the last attempt to write failed."""
    _queue: deque[Served] = field(default_factory=deque, init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def start(self) -> None:
        """Seal what earlier processes left, and begin to write."""
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def record(self, served: Served) -> None:
        """Take one answered request; returns at once."""
        if len(self._queue) >= self.capacity:
            self._lose(1)
            return
        self._queue.append(served)

    @property
    def unsynced_seconds(self) -> float:
        """How long the oldest request that is not written down has waited."""
        with suppress(IndexError):
            return max(0.0, time.time() - self._queue[0].received_at)
        return 0.0

    def close(self) -> None:
        """Write what is queued, seal the segment and end."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        self._try(self.writer.recover)
        while not self._stop.wait(self.interval_seconds):
            self._drain()
        self._drain()
        self._try(self.writer.rotate)

    def _drain(self) -> None:
        """Write what is queued; what cannot be written now stays queued for the next time."""
        while self._queue:
            pending = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            if not self._try(partial(self._write, pending)):
                self._queue.extendleft(reversed(pending))
                return

    def _write(self, pending: Sequence[Served]) -> None:
        try:
            rows = rows_of(pending)
        except Exception:  # noqa: BLE001 -- the thread outlives what it cannot write
            if len(pending) > 1:
                for each in pending:
                    self._write([each])
            else:
                self._lose(1)
                _log.exception("a request cannot be written down")
            return
        self.writer.append(rows)
        self.written += len(pending)
        metrics.JOURNAL_RECORDS.inc(len(pending))

    def _lose(self, num_requests: int) -> None:
        self.lost += num_requests
        metrics.JOURNAL_LOST.inc(num_requests)

    def _try(self, work: Callable[[], object]) -> bool:
        try:
            work()
        except OSError as error:
            if not self.failing:
                _log.error("the journal cannot be written: %s", error)
            self.failing = True
            return False
        self.failing = False
        return True
