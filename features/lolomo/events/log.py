"""The event log: the canonical tables of one dataset on disk, Parquet by day beside a manifest.

events/
  manifest.json                         what it holds and what it was made from
  log/date=2013-02-28/events.parquet    one file a UTC day, rows in time order
  items.parquet · users.parquet         every item and user known, by catalogue or by event
  quarantine.parquet                    the rows that were refused, with the reason of each
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import polars as pl
import pyarrow as pa

from lolomo.core.columns import Columns
from lolomo.core.errors import DataError
from lolomo.core.tables import EVENTS

MANIFEST = "manifest.json"
QUARANTINE_FILE = "quarantine.parquet"


def events_file(path: Path, day: date) -> Path:
    """Return where a log keeps the events of one UTC day."""
    return path / "log" / f"date={day.isoformat()}" / "events.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Rows of one source table: `rows_in == rows_out + quarantined`."""

    rows_in: int
    rows_out: int
    quarantined: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an event log holds."""

    dataset: str
    fingerprint: str
    """sha256 over the canonical tables: equal logs have equal fingerprints."""
    source: str
    """sha256 over the source files, their description, and the code that read them."""
    rows_in: int
    """Rows of the events file; `rows_in == num_events + num_quarantined`."""
    num_events: int
    num_quarantined: int
    num_users: int
    """Users that the log names, in events or in the users table."""
    num_items: int
    """Items that the log names, in events or in the catalogue."""
    first_timestamp: datetime
    last_timestamp: datetime
    columns: frozenset[str]
    """Columns of any table with a value in at least one row."""
    live: bool
    """False for a historic set: the service then runs on the data's clock."""
    tables: Mapping[str, Counts]
    """The counts of every source table, events included."""
    origin: str = ""
    """The mapping file that describes the dataset, if it is the user's own."""

    def to_json(self) -> str:
        """Return the manifest as indented JSON."""
        values = {**asdict(self), "columns": sorted(self.columns)}
        for name in ("first_timestamp", "last_timestamp"):
            values[name] = getattr(self, name).isoformat()
        return json.dumps(values, indent=2, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Parse a manifest.

        Raises:
            DataError: If it is not one of this version.
        """
        try:
            values: Any = json.loads(text)
        except json.JSONDecodeError as error:
            raise DataError(f"manifest is not JSON ({error}): import the dataset again") from error
        known = {entry.name for entry in fields(cls)}
        received = set(values) if isinstance(values, dict) else set()
        if received != known:
            raise DataError(
                f"manifest fields differ: unknown {sorted(received - known)}, missing "
                f"{sorted(known - received)}: import the dataset again"
            )
        for name in ("first_timestamp", "last_timestamp"):
            values[name] = datetime.fromisoformat(values[name])
        values["columns"] = frozenset(values["columns"])
        values["tables"] = {name: Counts(**counts) for name, counts in values["tables"].items()}
        return cls(**values)


class EventLog:
    """The events, items and users of one imported dataset.

    Args:
        path: The folder that `import_dataset` wrote, `settings.workspace(name).events`.

    Raises:
        DataError: If there is no whole log.
    """

    def __init__(self, path: Path) -> None:
        if not (path / MANIFEST).is_file():
            raise DataError(
                f"no event log at {path}: import the dataset first, with `lolomo data get`"
            )
        self.path = path

    @cached_property
    def manifest(self) -> Manifest:
        """What the log holds."""
        return Manifest.from_json((self.path / MANIFEST).read_text())

    def events(self, start: datetime | None = None, end: datetime | None = None) -> pl.DataFrame:
        """Return events ordered by time, those of one instant in the order of their source.

        Only the days between are read.

        Args:
            start: The first instant to include, with its time zone; None for all.
            end: The first instant to leave out, with its time zone; None for all.

        Returns:
            The columns of `core.tables.EVENTS`.

        Raises:
            DataError: If a bound has no time zone.
        """
        for bound in (start, end):
            if bound is not None and bound.tzinfo is None:
                raise DataError(f"received {bound} without a time zone: pass a UTC datetime")
        files = [file for day, file in self._days() if _touches(day, start, end)]
        if not files:
            return pl.DataFrame(pl.from_arrow(EVENTS.empty_table()))
        frame = pl.read_parquet(files, hive_partitioning=False)
        timestamp = pl.col(Columns.TIMESTAMP)
        if start is not None:
            frame = frame.filter(timestamp >= start)
        return frame if end is None else frame.filter(timestamp < end)

    def items(self) -> pl.DataFrame:
        """Return every item, those of the catalogue first; the columns of `core.tables.ITEMS`."""
        return pl.read_parquet(self.path / "items.parquet")

    def users(self) -> pl.DataFrame:
        """Return every user, attributes null where unknown; the columns of `core.tables.USERS`."""
        return pl.read_parquet(self.path / "users.parquet")

    def quarantine(self) -> pl.DataFrame:
        """Return the refused rows: table, source file, row number, reason and raw text."""
        return pl.read_parquet(self.path / QUARANTINE_FILE)

    def _days(self) -> list[tuple[str, Path]]:
        folders = sorted((self.path / "log").glob("date=*"))
        return [
            (folder.name.removeprefix("date="), folder / "events.parquet") for folder in folders
        ]


def _touches(day: str, start: datetime | None, end: datetime | None) -> bool:
    first = "" if start is None else start.astimezone(UTC).date().isoformat()
    last = "9999" if end is None else end.astimezone(UTC).date().isoformat()
    return first <= day <= last


def arrow_table(frame: pl.DataFrame, schema: pa.Schema) -> pa.Table:
    """Return a frame as an Arrow table of exactly a canonical schema."""
    return frame.select(schema.names).to_arrow().cast(schema)
