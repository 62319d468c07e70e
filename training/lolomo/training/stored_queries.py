"""Prepared queries on disk: written part by part, read back slice by slice, never all in memory.

A query with candidates of its own is long: the ids of five hundred and what each source says of
them, where all the rest is a history and a few numbers. So whoever passes over the queries of a
window holds a slice at a time, and whoever needs all of them at once selects short columns. A
`polars.DataFrame` can be read in the same ways, and stands wherever queries are in memory already.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import polars as pl
import pyarrow.parquet as pq


class Queries(Protocol):
    """Prepared queries in order of time, wherever they lie."""

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        ...

    @property
    def height(self) -> int:
        """How many queries there are."""
        ...

    def iter_slices(self, n_rows: int) -> Iterator[pl.DataFrame]:
        """Yield all of them in order, so many at a time; the last slice may be shorter."""
        ...

    def select(self, *names: str) -> pl.DataFrame:
        """Return some columns of all of them."""
        ...


@dataclass(frozen=True, slots=True)
class StoredQueries:
    """The queries of some Parquet files, one file after the other."""

    files: tuple[Path, ...]

    @property
    def columns(self) -> list[str]:
        """Names of the columns, which are the same in every file."""
        return list(pl.read_parquet_schema(self.files[0]))

    @property
    def height(self) -> int:
        """How many queries there are."""
        return sum(pq.read_metadata(file).num_rows for file in self.files)

    def iter_slices(self, n_rows: int) -> Iterator[pl.DataFrame]:
        """Yield all of them in order, so many at a time; the last slice may be shorter."""
        rest: pl.DataFrame | None = None
        for part in self._parts():
            rest = part if rest is None else pl.concat([rest, part])
            while rest.height >= n_rows:
                yield rest[:n_rows]
                rest = rest[n_rows:]
        if rest is not None and rest.height:
            yield rest

    def select(self, *names: str) -> pl.DataFrame:
        """Return some columns of all of them, read without the others."""
        return pl.concat([pl.read_parquet(file, columns=list(names)) for file in self.files])

    def _parts(self) -> Iterator[pl.DataFrame]:
        """Yield the files' row groups; `iter_batches` would keep all that it has read."""
        schema = pl.read_parquet_schema(self.files[0])
        for path in self.files:
            with pq.ParquetFile(path) as file:
                for group in range(file.num_row_groups):
                    yield pl.DataFrame(file.read_row_group(group, use_threads=False), schema)


def write_queries(path: Path, parts: Iterable[pl.DataFrame]) -> None:
    """Write parts with the same columns below each other, a row group each.

    Args:
        path: Where the Parquet file goes.
        parts: At least one, if without rows.
    """
    writer: pq.ParquetWriter | None = None
    try:
        for part in parts:
            table = part.to_arrow()
            writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()
