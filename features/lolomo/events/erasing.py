"""Take events out of the log for good: those of one user, or those older than may be kept.

The log stays what it is, whole or not at all, under a new fingerprint, so everything that was
derived from the old one is noticed to be out of date. Refused rows hold what people sent as they
sent it, so those that mention the user go too.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lolomo.core.columns import Columns
from lolomo.core.errors import DataError
from lolomo.core.files import digest_of, directory_written_whole, sha256_of
from lolomo.events.incoming import REFUSED_FOLDER, segments
from lolomo.events.journal_segment import SegmentWriter, is_abandoned, read_segment
from lolomo.events.journal_writer import sealed_files
from lolomo.events.log import MANIFEST, QUARANTINE_FILE, EventLog, events_file


@dataclass(frozen=True, slots=True)
class Erased:
    """What was taken out of an event log."""

    num_events: int
    first: datetime | None = None
    """Time of the first event that was taken out; None if there was none."""
    last: datetime | None = None


def erase_user_events(path: Path, user_id: str) -> Erased:
    """Take every event of a user, the user's attributes and refused rows out of a log.

    Raises:
        DataError: If there is no log, or nothing would be left of it.
    """
    return _rewrite(path, pl.col(Columns.USER_ID) != user_id, user_id)


def erase_events_before(path: Path, moment: datetime) -> Erased:
    """Take every event before a time out of a log; users and items stay known.

    Raises:
        DataError: As `erase_user_events` does.
    """
    return _rewrite(path, pl.col(Columns.TIMESTAMP) >= moment, None)


def _rewrite(path: Path, keep: pl.Expr, user_id: str | None) -> Erased:
    log = EventLog(path)
    events = log.events()
    gone, kept = events.filter(~keep), events.filter(keep)
    known = user_id is not None and user_id in log.users()[Columns.USER_ID]
    if gone.is_empty() and not known:
        return Erased(0)
    if kept.is_empty():
        raise DataError(f"nothing would be left of {path}: remove the workspace instead")
    with directory_written_whole(path) as staging:
        shutil.copytree(path, staging, dirs_exist_ok=True, copy_function=os.link)
        for day in gone.select(pl.col(Columns.TIMESTAMP).dt.date().unique()).to_series():
            _filter(events_file(staging, day), keep)
        if user_id is not None:
            _filter(staging / "users.parquet", keep)
            texts = pl.concat_str(pl.all().cast(pl.String), ignore_nulls=True)
            _filter(staging / QUARANTINE_FILE, ~texts.str.contains(user_id, literal=True))
        num_users = pq.read_metadata(staging / "users.parquet").num_rows
        _write_manifest(staging, log, kept, num_users)
    times = gone[Columns.TIMESTAMP]
    return Erased(gone.height, times[0], times[-1]) if len(times) else Erased(0)


def _filter(path: Path, keep: pl.Expr) -> None:
    """Write a table anew with the rows to keep; of events, a day without any goes.

    The file is a link to that of the old log, which must stay as it was.
    """
    table = pq.read_table(path, partitioning=None)
    kept = table.filter(pl.DataFrame(pl.from_arrow(table)).select(keep).to_series().to_arrow())
    path.unlink()
    if len(kept) or path.parent.parent.name != "log":
        pq.write_table(kept, path)
    else:
        path.parent.rmdir()


def _write_manifest(staging: Path, log: EventLog, kept: pl.DataFrame, num_users: int) -> None:
    content = digest_of(
        {
            file.relative_to(staging).as_posix(): sha256_of(file)
            for file in sorted(staging.rglob("*.parquet"))
            if file.name != QUARANTINE_FILE
        }
    )
    manifest = replace(
        log.manifest,
        fingerprint=content,
        num_events=kept.height,
        num_users=num_users,
        first_timestamp=kept[Columns.TIMESTAMP][0],
        last_timestamp=kept[Columns.TIMESTAMP][-1],
    )
    path = staging / MANIFEST
    path.unlink()
    path.write_text(manifest.to_json())


def erase_incoming(root: Path, user_id: str) -> int:
    """Take a user's events, and refused rows that name the user, out of what came in over HTTP.

    What a running service is still writing stays: restart it, and erase again.

    Raises:
        DataError: If such a segment holds events of the user.
    """

    def is_users(table: pa.Table) -> pa.Array:
        return pc.equal(table[Columns.USER_ID], user_id)

    def names_user(table: pa.Table) -> pa.Array:
        return pc.match_substring(table["raw"], user_id)

    erased = _erase_segments(segments(root), is_users)
    return erased + _erase_segments(segments(root / REFUSED_FOLDER), names_user)


def _erase_segments(paths: list[Path], gone: Callable[[pa.Table], pa.Array]) -> int:
    erased = 0
    for path in paths:
        table = read_segment(path).table
        kept = table.filter(pc.invert(pc.fill_null(gone(table), False)))
        if len(kept) == len(table):
            continue
        if not is_abandoned(path):
            raise DataError(
                f"{path} holds events to erase and is being written: stop the service with "
                "`lolomo deploy --stop`, and erase again"
            )
        erased += len(table) - len(kept)
        staged = path.with_suffix(".staged")
        writer = SegmentWriter(staged, table.schema)
        for batch in kept.combine_chunks().to_batches():
            writer.append(batch)
        writer.close()
        staged.replace(path)
    return erased


def erase_journal_before(root: Path, moment: datetime) -> int:
    """Delete the journal's days that end before a time; return how many files there were."""
    first = moment.astimezone(UTC).date().isoformat()
    old = [file for file in sealed_files(root) if file.parent.name.removeprefix("date=") < first]
    for file in old:
        file.unlink()
    return len(old)
