"""`POST /v1/events`: what members did, on the disk before the answer, on the next page after it.

Requests that arrive while the disk is busy are checked and synced together, so one sync serves
many. Beside the requests, each worker follows what all workers took in, and tells the features.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import polars as pl

from lolomo.events.incoming import IncomingLog, Receipt
from lolomo.events.incoming_tail import IncomingTail
from lolomo.serving.bentos.problems import ProblemError

MOST_EVENTS: Final = 5_000
"""A request."""
MOST_WAITING: Final = 50_000
"""Events that wait for the disk, above which more are refused for now."""
FOLLOW_SECONDS: Final = 0.2
"""Between looks at what other processes took in; what this one did is looked at once."""
RETRY_SECONDS: Final = 1
ENVELOPE: Final = frozenset({"events"})


@dataclass(slots=True)
class Ingestion:
    """Takes events in for one process, and passes on what any process took in.

    Args:
        root: Folder of the segments, `workspace.incoming`.
        observe: Told of new events, with the columns of the event table; called in a thread.
    """

    root: Path
    observe: Callable[[pl.DataFrame], None]
    _log: IncomingLog | None = field(init=False, default=None)
    _thread: ThreadPoolExecutor = field(
        init=False, default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="incoming")
    )
    _waiting: list[tuple[Sequence[Any], "asyncio.Future[Receipt]"]] = field(
        init=False, default_factory=list
    )
    _num_waiting: int = field(init=False, default=0)
    _writing: "asyncio.Task[None] | None" = field(init=False, default=None)
    _came: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    """Set when this process has taken something in."""

    async def take(self, rows: Sequence[Any]) -> Receipt:
        """Take in the rows of one request.

        Raises:
            ProblemError: 503 if too many wait, or they cannot be written.
        """
        if self._num_waiting + len(rows) > MOST_WAITING:
            raise _busy(f"{len(rows)} events while {self._num_waiting} wait for the disk")
        future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._waiting.append((rows, future))
        self._num_waiting += len(rows)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return await future

    async def follow(self) -> None:
        """Tell the features of what comes in, until cancelled."""
        tail = IncomingTail(self.root)
        while True:
            events = await asyncio.to_thread(tail.new)
            if len(events):
                await asyncio.to_thread(self.observe, events)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._came.wait(), FOLLOW_SECONDS)
            self._came.clear()

    async def close(self) -> None:
        """Write what waits, and nothing more."""
        if self._writing is not None:
            await self._writing
        if self._log is not None:
            self._log.close()
        self._thread.shutdown()

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            together, self._waiting = self._waiting, []
            bodies = [rows for rows, _ in together]
            try:
                receipts = await loop.run_in_executor(self._thread, self._take, bodies)
            except OSError as error:
                for _, future in together:
                    future.set_exception(_busy(f"events, and the disk said {error.strerror!r}"))
            else:
                self._came.set()
                for (_, future), receipt in zip(together, receipts, strict=True):
                    if not future.cancelled():
                        future.set_result(receipt)
            self._num_waiting -= sum(len(rows) for rows in bodies)

    def _take(self, bodies: list[Sequence[Any]]) -> list[Receipt]:
        if self._log is None:
            self._log = IncomingLog(self.root)
        return self._log.take(bodies)


def rows_of(body: Any) -> Sequence[Any]:
    """Return the rows of a parsed body: `{"events": [...]}`.

    Raises:
        ProblemError: 422 if it is something else, 413 if it has too many rows.
    """
    rows = body.get("events") if isinstance(body, dict) and body.keys() == ENVELOPE else None
    if not isinstance(rows, list) or not rows:
        keys = sorted(body)[:10] if isinstance(body, dict) else type(body).__name__
        raise ProblemError(
            422,
            "The request is malformed",
            f"received a body of {keys}",
            'an object {"events": [...]} with at least one event',
            "put the events in a list under `events`",
        )
    if len(rows) > MOST_EVENTS:
        raise ProblemError(
            413,
            "Too many events",
            f"received {len(rows)} events",
            f"at most {MOST_EVENTS} a request",
            "send them in several requests",
        )
    return rows


def answer_of(receipt: Receipt) -> tuple[int, dict[str, Any]]:
    """Return the HTTP status and the body that say what became of some rows.

    202 if every row that is an event is on the disk, 422 if none of the rows is one.
    """
    nothing = receipt.accepted + receipt.duplicates == 0
    return (422 if nothing else 202), asdict(receipt)


def _busy(received: str) -> ProblemError:
    problem = ProblemError(
        503,
        "Events cannot be taken in now",
        f"received {received}",
        "fewer events at a time",
        "send the same events again after the seconds in `Retry-After`: none is counted twice",
    )
    problem.headers = {"Retry-After": str(RETRY_SECONDS)}
    return problem
