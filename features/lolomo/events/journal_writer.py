"""Writes the journal: appends to a live segment, and seals it into Parquet from time to time.

journal/
  live/20130918T211502-4711-0.segment          what is being written, a file a process
  date=2013-09-18/20130918T211502-4711-0.parquet   sealed: what DuckDB and everybody else reads
  torn/…                                       segments that were cut short, kept to be looked at
"""

import logging
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lolomo.core.errors import DataError
from lolomo.events.journal import JOURNAL, as_current
from lolomo.events.journal_segment import SegmentWriter, is_abandoned, read_segment

LIVE = "live"
TORN = "torn"
SUFFIX = ".segment"
_log = logging.getLogger(__name__)


class JournalWriter:
    """Appends rows of `JOURNAL`. One a process; not safe for several threads.

    Args:
        root: The journal's folder.
        max_bytes: A segment of this size is sealed.
        max_seconds: So is one of this age.
    """

    def __init__(self, root: Path, max_bytes: int = 32 * 2**20, max_seconds: float = 300.0) -> None:
        self.root = root
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        self._segment: SegmentWriter | None = None
        self._opened_at = 0.0
        self._number = 0

    def append(self, batch: pa.RecordBatch) -> None:
        """Write rows; they are on the disk when this returns.

        Raises:
            OSError: If they cannot be written; a later append may succeed.
        """
        if self._segment is None:
            self._segment = SegmentWriter(self._new_path(), JOURNAL)
            self._opened_at = time.monotonic()
        self._segment.append(batch)
        is_old = time.monotonic() - self._opened_at > self._max_seconds
        if is_old or self._segment.num_bytes > self._max_bytes:
            self.rotate()

    def rotate(self) -> None:
        """Seal the live segment, if there is one, and what could not be sealed before."""
        if self._segment is not None:
            self._segment.close()
            self._segment = None
            self.recover()

    def recover(self) -> int:
        """Seal every segment that nobody writes to; return how many that were.

        One that cannot be sealed, as on a full disk, stays readable where it is.
        """
        found = [path for path in live_segments(self.root) if is_abandoned(path)]
        for path in found:
            try:
                seal(self.root, path)
            except FileNotFoundError:  # another worker was first
                continue
            except OSError as error:
                _log.warning("%s cannot be sealed yet: %s", path, error)
        return len(found)

    def _new_path(self) -> Path:
        self._number += 1
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        return self.root / LIVE / f"{stamp}-{os.getpid()}-{self._number}{SUFFIX}"


def live_segments(root: Path) -> list[Path]:
    """Return the segments that are not sealed yet, oldest first."""
    return sorted((root / LIVE).glob(f"*{SUFFIX}"))


def sealed_files(root: Path) -> list[Path]:
    """Return the sealed files, oldest first."""
    return sorted(root.glob("date=*/*.parquet"))


def seal(root: Path, path: Path) -> Path | None:
    """Turn a segment into Parquet; return where, or None if nothing of it could be read.

    Sealing twice, as after a crash in between, gives the same file. A torn segment's whole records
    are sealed, and the file is kept under `torn/`.
    """
    try:
        segment = read_segment(path)
    except DataError as error:
        _log.warning("%s", error)
        _put_aside(root, path)
        return None
    table = as_current(segment.table)
    if segment.torn_bytes:
        _log.warning("%s is torn: %d bytes after %d requests", path, segment.torn_bytes, len(table))
    target = None
    if len(table):
        day = table["received_at"][0].as_py().astimezone(UTC).date()
        target = root / f"date={day.isoformat()}" / f"{path.stem}.parquet"
        write_sealed(target, table)
    if segment.torn_bytes:
        _put_aside(root, path)
    else:
        path.unlink()
    return target


def write_sealed(target: Path, table: pa.Table) -> None:
    """Write a sealed file, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        pq.write_table(table, staged, compression="zstd")
        with staged.open("rb") as file:
            os.fsync(file.fileno())
        staged.replace(target)
    finally:
        staged.unlink(missing_ok=True)


def _put_aside(root: Path, path: Path) -> None:
    (root / TORN).mkdir(exist_ok=True)
    path.replace(root / TORN / path.name)
