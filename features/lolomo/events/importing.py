"""Brings a dataset in: fetch, read, check, order, and write an event log whole or not at all."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from lolomo.core.columns import Columns
from lolomo.core.errors import DataError
from lolomo.core.files import digest_of, directory_written_whole, sha256_of
from lolomo.core.progress import Progress, silent
from lolomo.core.settings import Settings
from lolomo.core.tables import EVENTS, ITEMS, USERS
from lolomo.events.canonical import SCHEMAS, Canonical, read_canonical
from lolomo.events.dataset import Dataset, Table, Tables
from lolomo.events.downloads import verify
from lolomo.events.log import (
    MANIFEST,
    QUARANTINE_FILE,
    Counts,
    EventLog,
    Manifest,
    arrow_table,
    events_file,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What an event log is of."""

    dataset: str
    source: str
    """sha256 over what it was made from."""
    live: bool = False
    origin: str = ""
    """The mapping file that describes the dataset, if it is the user's own."""


def import_dataset(dataset: Dataset, settings: Settings, progress: Progress = silent) -> Manifest:
    """Make a dataset's event log in its workspace, and return what it holds.

    Nothing is done if the log there was made from the same source by the same code.

    Raises:
        DataError: If the source cannot be had or read, or if none of its events is valid. The log
            of an earlier import then stays as it was.
    """
    progress(0.0, "fetching")
    tables = dataset.fetch(settings, progress)
    for table in tables.named().values():
        if table.sha256:
            verify(table.path, table.sha256, "get it again, or correct its sha256")
    source = _source_digest(dataset, tables)
    path = settings.workspace(dataset.name).events
    if (path / MANIFEST).is_file():
        manifest = _manifest_or_none(path)
        if manifest is not None and manifest.source == source:
            progress(1.0, "already imported")
            return manifest
    canonical = {}
    for number, (name, table) in enumerate(tables.named().items()):
        progress(0.1 + 0.2 * number, f"checking {name}")
        canonical[name] = read_canonical(name, table)
    require_events(canonical["events"], tables.events)
    with directory_written_whole(path) as staging:
        identity = Identity(
            dataset=dataset.name, source=source, live=dataset.live, origin=dataset.origin
        )
        return write_log(staging, identity, canonical, progress)


def require_events(events: Canonical, table: Table) -> None:
    """Check that at least one event is valid.

    Raises:
        DataError: If none is.
    """
    if events.frame.is_empty():
        raise DataError(
            f"{table.path}: none of {events.rows_in} rows is a valid event, the first because "
            f"{events.quarantine['reason'][0]}; see each with `lolomo data check`, and correct the "
            "file or its mapping"
        )


def _manifest_or_none(path: Path) -> Manifest | None:
    try:
        return EventLog(path).manifest
    except DataError:
        return None


def _source_digest(dataset: Dataset, tables: Tables) -> str:
    code = sorted(Path(__file__).parent.rglob("*.py"))
    return digest_of(
        {
            "dataset": [dataset.name, dataset.live, dataset.origin],
            "tables": {
                name: [sha256_of(table.path), asdict(table)]
                for name, table in tables.named().items()
            },
            "code": [sha256_of(file) for file in code],
        }
    )


def write_log(
    staging: Path, identity: Identity, canonical: Mapping[str, Canonical], progress: Progress
) -> Manifest:
    """Write a whole event log into an empty folder.

    Args:
        staging: The folder.
        identity: What the log is of.
        canonical: Its tables; events in any order, items and users as far as they are known.
        progress: Told the fraction done.
    """
    events = canonical["events"].frame.sort(Columns.TIMESTAMP, maintain_order=True)
    frames = {
        "items": _completed("items", Columns.ITEM_ID, ITEMS, canonical, events),
        "users": _completed("users", Columns.USER_ID, USERS, canonical, events),
    }
    _write_days(staging, events, progress)
    for name, frame in frames.items():
        pq.write_table(arrow_table(frame, SCHEMAS[name]), staging / f"{name}.parquet")
    fingerprint = digest_of(
        {
            file.relative_to(staging).as_posix(): sha256_of(file)
            for file in sorted(staging.rglob("*.parquet"))
        }
    )
    refused = pl.concat([table.quarantine for table in canonical.values()])
    refused.write_parquet(staging / QUARANTINE_FILE)
    timestamps = events[Columns.TIMESTAMP]
    manifest = Manifest(
        dataset=identity.dataset,
        fingerprint=fingerprint,
        source=identity.source,
        rows_in=canonical["events"].rows_in,
        num_events=events.height,
        num_quarantined=canonical["events"].quarantine.height,
        num_users=frames["users"].height,
        num_items=frames["items"].height,
        first_timestamp=timestamps[0],
        last_timestamp=timestamps[-1],
        columns=_present([events, *frames.values()]),
        live=identity.live,
        tables={name: counts_of(table) for name, table in canonical.items()},
        origin=identity.origin,
    )
    (staging / MANIFEST).write_text(manifest.to_json())
    return manifest


def counts_of(table: Canonical) -> Counts:
    """Return how many rows came in, passed and were refused."""
    return Counts(
        rows_in=table.rows_in,
        rows_out=table.frame.height,
        quarantined=table.quarantine.height,
    )


def _present(frames: list[pl.DataFrame]) -> frozenset[str]:
    return frozenset(
        column
        for frame in frames
        for column in frame.columns
        if frame[column].null_count() < frame.height
    )


def _completed(
    name: str, key: str, schema: pa.Schema, canonical: Mapping[str, Canonical], events: pl.DataFrame
) -> pl.DataFrame:
    """Return a table of the source, and a row without attributes for each key only events have."""
    empty = pl.DataFrame(pl.from_arrow(schema.empty_table()))
    known = canonical[name].frame if name in canonical else empty
    seen = events.select(pl.col(key).unique(maintain_order=True))
    return pl.concat(
        [known, seen.join(known, on=key, how="anti", maintain_order="left")], how="diagonal"
    )


def _write_days(staging: Path, events: pl.DataFrame, progress: Progress) -> None:
    days = events[Columns.TIMESTAMP].dt.date().rle().struct.unnest()
    table, start = arrow_table(events, EVENTS), 0
    for number, (length, day) in enumerate(days.select("len", "value").iter_rows()):
        file = events_file(staging, day)
        file.parent.mkdir(parents=True)
        pq.write_table(table.slice(start, length), file)
        start += length
        if number % 20 == 0:
            progress(0.7 + 0.3 * number / days.height, "writing the event log")
    progress(1.0, "writing the event log")
