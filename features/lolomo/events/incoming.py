"""Events as they come in: checked, written down once, and on the disk before anybody is thanked.

    incoming/20251123T175810-4711-1.segment     what one process took in, a few MiB each

Rows are checked by the rules of `canonical`, which a file goes through as well. Those that are
valid and new are appended as one frame to a segment (see `journal_segment`) and synced; only then
is a receipt given, so whoever has one may forget the events, and whoever has none sends them again:
an event is known by its `event_id`, and the second of two is the same event. Rows that are not
valid are named one by one in the receipt, and kept beside under `refused/`.

Each process writes segments of its own. An id that another process, or an older segment than are
remembered, has seen is written twice and counted once by whoever reads (`read_incoming`).
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import polars as pl
import pyarrow as pa

from lolomo.core.columns import Columns
from lolomo.core.tables import EVENTS
from lolomo.events.canonical import Canonical, checked
from lolomo.events.dataset import Table, TimeFormat
from lolomo.events.journal_segment import SegmentWriter, read_segment
from lolomo.events.log import arrow_table
from lolomo.events.reading import ROW, RawTable

SUFFIX: Final = ".segment"
REFUSED_FOLDER: Final = "refused"
MOST_REMEMBERED: Final = 2_000_000
"""Ids that are known to have come in, the latest."""
SEGMENT_BYTES: Final = 8 * 2**20
RAW_LENGTH: Final = 500
"""Characters that are kept of a refused row."""
REFUSED = pa.schema([("received_at", pa.int64()), ("reason", pa.string()), ("raw", pa.string())])
_FORM = Table(path=Path("the body"), time=TimeFormat("iso"))


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that is not an event."""

    row: int
    """Its place among the rows that came together, from 0."""
    reason: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of rows that came together: each is counted once."""

    accepted: int
    """Now on the disk."""
    duplicates: int
    """On the disk before."""
    refused: tuple[Refusal, ...] = ()


@dataclass(slots=True)
class IncomingLog:
    """Takes events in, for one process. Not safe for several threads.

    Args:
        root: Folder of the segments.
    """

    root: Path
    _known: dict[str, None] = field(init=False, default_factory=dict)
    """Ids by age, the oldest first."""
    _segment: SegmentWriter | None = field(init=False, default=None)
    _refused: SegmentWriter | None = field(init=False, default=None)
    _number: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        """Remember what has come in before."""
        for path in segments(self.root):
            self._remember(read_segment(path).table[Columns.EVENT_ID].to_pylist())

    def take(self, bodies: Sequence[Sequence[Any]]) -> list[Receipt]:
        """Take in the rows of some requests together; what is accepted is on the disk afterwards.

        Args:
            bodies: Rows as parsed from JSON: objects whose fields are columns of `EVENTS`.

        Returns:
            A receipt each, in order.

        Raises:
            OSError: If the disk is full or gone: nothing was taken in, and all may be sent again.
        """
        rows = [row for body in bodies for row in body]
        problems = {number: _misshapen(row) for number, row in enumerate(rows)}
        wrong = {number: problem for number, problem in problems.items() if problem}
        known = {
            number
            for number, row in enumerate(rows)
            if number not in wrong and str(row.get(Columns.EVENT_ID)).strip() in self._known
        }
        asked = [
            number for number in range(len(rows)) if number not in wrong and number not in known
        ]
        found = _check([rows[number] for number in asked], asked)
        accepted = found.frame[Columns.EVENT_ID].to_list()
        again = set(accepted)
        for number, reason in found.quarantine.select("row", "reason").iter_rows():
            if str(rows[number].get(Columns.EVENT_ID)).strip() in again:
                known.add(number)
            else:
                wrong[number] = reason
        self._write(found.frame, [(wrong[number], rows[number]) for number in sorted(wrong)])
        self._remember(accepted)
        return _receipts(bodies, known, wrong)

    def close(self) -> None:
        """Write nothing more."""
        for segment in (self._segment, self._refused):
            if segment is not None:
                segment.close()
        self._segment = self._refused = None

    def _remember(self, event_ids: Iterable[str]) -> None:
        self._known.update(dict.fromkeys(event_ids))
        while len(self._known) > MOST_REMEMBERED:
            del self._known[next(iter(self._known))]

    def _write(self, events: pl.DataFrame, refused: list[tuple[str, Any]]) -> None:
        if refused:
            now = int(datetime.now(UTC).timestamp() * 1e6)
            texts = [(now, reason, str(raw)[:RAW_LENGTH]) for reason, raw in refused]
            columns = [pa.array(column) for column in zip(*texts, strict=True)]
            self._refused = self._open(self._refused, self.root / REFUSED_FOLDER, REFUSED)
            self._refused.append(pa.record_batch(columns, schema=REFUSED))
        if len(events):
            self._segment = self._open(self._segment, self.root, EVENTS)
            self._segment.append(arrow_table(events, EVENTS).combine_chunks().to_batches()[0])

    def _open(
        self, segment: SegmentWriter | None, folder: Path, schema: pa.Schema
    ) -> SegmentWriter:
        """Return the segment to write to: the same, or a new one if that is full."""
        if segment is not None and segment.num_bytes < SEGMENT_BYTES:
            return segment
        if segment is not None:
            segment.close()
        self._number += 1
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        name = f"{stamp}-{os.getpid()}-{self._number}{SUFFIX}"
        return SegmentWriter(folder / name, schema)


def segments(root: Path) -> list[Path]:
    """Return the segments that there are, oldest first."""
    return sorted(root.glob(f"*{SUFFIX}"))


def read_incoming(root: Path) -> pl.DataFrame:
    """Return all events that came in, each once, ordered by time; the columns of `EVENTS`."""
    tables = [read_segment(path).table for path in segments(root)]
    frame = pl.DataFrame(pl.from_arrow(pa.concat_tables([EVENTS.empty_table(), *tables])))
    unique = frame.unique(Columns.EVENT_ID, keep="first", maintain_order=True)
    return unique.sort(Columns.TIMESTAMP, maintain_order=True)


def _misshapen(row: Any) -> str:
    """Say why a row cannot be looked at as an event, "" if it can."""
    if not isinstance(row, dict):
        return f"received {type(row).__name__}, expected an object with an event's fields"
    unknown = sorted(row.keys() - set(EVENTS.names))
    if unknown:
        return f"unknown field(s) {', '.join(unknown)[:200]}, expected some of {EVENTS.names}"
    for name, value in row.items():
        if isinstance(value, bool | list | dict):
            return f"{name}: received {type(value).__name__}, expected a text or a number"
    return ""


def _check(rows: Sequence[dict[str, Any]], numbers: Sequence[int]) -> Canonical:
    """Check rows by the rules of the canonical tables, each under its number."""
    columns: dict[str, list[str | None]] = {
        name: [_text(row.get(name)) for row in rows] for name in EVENTS.names
    }
    frame = pl.DataFrame(
        {ROW: numbers, **columns}, {ROW: pl.Int64} | dict.fromkeys(columns, pl.String)
    )
    return checked("events", _FORM, RawTable(frame, (), lambda row: ""))


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else repr(value)


def _receipts(
    bodies: Sequence[Sequence[Any]], known: set[int], wrong: dict[int, str]
) -> list[Receipt]:
    receipts, start = [], 0
    for body in bodies:
        places = range(start, start + len(body))
        refused = tuple(Refusal(row - start, wrong[row]) for row in places if row in wrong)
        duplicates = sum(row in known for row in places)
        receipts.append(Receipt(len(body) - duplicates - len(refused), duplicates, refused))
        start += len(body)
    return receipts
