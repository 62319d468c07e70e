"""Reads the journal: what is sealed and what is still being written, as one table for DuckDB.

    SELECT user_id, len(slots) FROM journal WHERE len(degraded) > 0

Sealed files alone are plain Parquet, and any tool reads them: `date=*/*.parquet`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lolomo.core.columns import Columns
from lolomo.core.errors import DataError
from lolomo.events.journal import JOURNAL, as_current
from lolomo.events.journal_segment import read_segment
from lolomo.events.journal_writer import TORN, live_segments, sealed_files, write_sealed

_BATCH = 2_000
"""Requests read at a time."""


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal in a folder; empty if there is none yet."""

    root: Path

    def query(self, sql: str, parameters: list[Any] | dict[str, Any] | None = None) -> pl.DataFrame:
        """Answer SQL in which `journal` is the table of all requests.

        Raises:
            DataError: If the SQL cannot be answered.
        """
        sealed, live = self._parts()
        with duckdb.connect() as connection:
            connection.register("live", live)
            union = "SELECT * FROM live"
            if sealed:
                files = duckdb.read_parquet(sealed, union_by_name=True, connection=connection)
                connection.register("sealed", files)
                names = _known(files.columns)
                union += f" UNION ALL BY NAME SELECT {names} FROM sealed"  # noqa: S608 -- our own
            connection.execute(f"CREATE TEMP VIEW journal AS {union}")
            try:
                answer = connection.sql(sql, params=parameters or []).to_arrow_table()
            except duckdb.Error as error:
                raise DataError(
                    f"the journal cannot answer this ({error}): its table is `journal`, with the "
                    f"columns {JOURNAL.names}"
                ) from error
        return pl.DataFrame(pl.from_arrow(answer))

    def find(self, start: str) -> dict[str, Any]:
        """Return the one request whose id starts so, as plain values; maps are dicts.

        Raises:
            DataError: If there is none, or more than one.
        """
        found: list[dict[str, Any]] = []
        for table in self.tables():
            ids = table[Columns.REQUEST_ID]
            found += table.filter(pc.starts_with(ids, start)).to_pylist(maps_as_pydicts="strict")
        if len(found) != 1:
            raise DataError(
                f"{len(found)} requests of the journal in {self.root} have an id that starts with "
                f"{start!r}: expected one; `lolomo journal list` shows the latest"
            )
        return found[0]

    def latest(self, num_requests: int) -> list[dict[str, Any]]:
        """Return the latest requests, the latest first, as plain values; maps are dicts."""
        times = self.query(
            "SELECT received_at FROM journal ORDER BY received_at DESC LIMIT ?", [num_requests]
        )
        if times.is_empty():
            return []
        since = pa.scalar(times["received_at"][-1], JOURNAL.field("received_at").type)
        found = [
            table.filter(pc.greater_equal(table["received_at"], since)) for table in self.tables()
        ]
        ordered = pa.concat_tables(found).sort_by([("received_at", "descending")])
        return list(ordered[:num_requests].to_pylist(maps_as_pydicts="strict"))

    def tables(self) -> Iterator[pa.Table]:
        """Yield all requests a few at a time, in no particular order, with this version's schema.

        Raises:
            DataError: If a sealed file is no journal.
        """
        sealed, live = self._parts()
        for path in sealed:
            file = pq.ParquetFile(path)
            for batch in file.iter_batches(_BATCH):
                yield as_current(pa.Table.from_batches([batch], file.schema_arrow))
        if len(live):
            yield live

    def torn(self) -> list[Path]:
        """Return the segments that were cut short; what was whole of them has been sealed."""
        return sorted((self.root / TORN).glob("*"))

    def _parts(self) -> tuple[list[str], pa.Table]:
        """Return the sealed files, and what is live as a table; no request is in both."""
        live, names = [JOURNAL.empty_table()], set()
        for path in live_segments(self.root):
            try:
                live.append(as_current(read_segment(path).table))
            except (DataError, FileNotFoundError):
                continue
            names.add(path.stem)
        sealed = [str(path) for path in sealed_files(self.root) if path.stem not in names]
        return sealed, pa.concat_tables(live)


def erase_user(root: Path, user_id: str) -> int:
    """Take every request of a user out of the sealed files; return how many there were.

    What is still being written is sealed within minutes, and can be erased then.
    """
    erased = 0
    for path in sealed_files(root):
        table = pq.read_table(path)
        kept = table.filter(pc.not_equal(table[Columns.USER_ID], user_id))
        if len(kept) < len(table):
            erased += len(table) - len(kept)
            write_sealed(path, kept)
    return erased


def _known(columns: list[str]) -> str:
    """Return the columns of this version; later versions may have added more."""
    return ", ".join(f'"{name}"' for name in JOURNAL.names if name in columns)
