"""Follows what comes in, whichever process took it: so that all workers know it within a second."""

from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow as pa

from lolomo.core.errors import DataError
from lolomo.core.tables import EVENTS
from lolomo.events.incoming import segments
from lolomo.events.journal_segment import read_segment


@dataclass(slots=True)
class IncomingTail:
    """Returns each event that came in once; a segment is read again only while it grows.

    Args:
        root: Folder of the segments, which need not exist yet.
    """

    root: Path
    _read: dict[Path, tuple[int, int]] = field(init=False, default_factory=dict)
    """By segment, its bytes and rows when it was last read."""

    def new(self) -> pl.DataFrame:
        """Return what came since the last call, or ever; the columns of `EVENTS`."""
        tables = [EVENTS.empty_table()]
        for path in segments(self.root):
            size = path.stat().st_size
            before, rows = self._read.get(path, (0, 0))
            if size == before:
                continue
            try:
                table = read_segment(path).table
            except DataError:
                continue  # Its schema is being written.
            tables.append(table.slice(rows))
            self._read[path] = (size, len(table))
        return pl.DataFrame(pl.from_arrow(pa.concat_tables(tables)))
