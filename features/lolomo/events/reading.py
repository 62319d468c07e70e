"""Reads a source file into text columns, keeping the number and the text of every row.

A file that cannot be read at all is a `DataError`. A single row that cannot, because it has too
many fields or an open quote, is rejected with its line, and the rest is read on.
"""

import codecs
import csv
import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import polars as pl
import polars.selectors as cs

from lolomo.core.errors import DataError
from lolomo.events.dataset import Table

ROW = "__row__"
"""The row of the source: the line in a text file (the header is line 1), or the Parquet row."""

MAX_LINES = 100
"""Most lines that one quoted CSV record may span before its quote counts as never closed."""

Record: TypeAlias = tuple[int, int, list[str] | str]
"""First line, counted from 0, the line after the last, and the fields or why there are none."""

TEXT_SUFFIXES = (".csv", ".tsv", ".dat", ".txt", ".inter", ".item", ".user")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that could not be read or is not valid."""

    row: int
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class RawTable:
    """A source as it was found."""

    frame: pl.DataFrame
    """The source's columns, and `ROW`."""
    rejected: tuple[Rejected, ...]
    """Rows that are not in the frame."""
    text_of: Callable[[int], str]
    """The text of a row of the source, by its number."""


def read_table(table: Table) -> RawTable:
    """Read one source file.

    Raises:
        DataError: If it is missing, empty, cut short, of an unknown format or encoding, or has no
            row.
    """
    path = table.path
    if not path.is_file():
        raise DataError(f"no file at {path}: correct the path, or put the file there")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty (0 bytes); expected a header and rows: get it again")
    raw = _read_parquet(path) if format_of(table) == "parquet" else _read_csv(table)
    if raw.frame.is_empty() and not raw.rejected:
        raise DataError(f"{path} has no row; expected at least one under its header: get it again")
    return raw


def format_of(table: Table) -> str:
    """Return `csv` or `parquet`, from the table or else from its file name.

    Raises:
        DataError: If neither says.
    """
    suffixes = [suffix for suffix in table.path.suffixes if suffix != ".gz"]
    suffix = suffixes[-1].lower() if suffixes else ""
    found = table.format or {".parquet": "parquet", ".pq": "parquet"}.get(suffix, "")
    found = found or ("csv" if suffix in TEXT_SUFFIXES else "")
    if found not in ("csv", "parquet"):
        raise DataError(
            f"{table.path} is of unknown format {(found or suffix)!r}; expected csv or parquet: "
            "name the format in the mapping file, or convert the file"
        )
    return found


def _read_parquet(path: Path) -> RawTable:
    try:
        frame = pl.read_parquet(path, hive_partitioning=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(
            f"{path} is no whole Parquet file ({str(error).splitlines()[0]}): it may have been cut "
            "short on its way; get it again"
        ) from error
    frame = frame.with_columns(
        cs.float().fill_nan(None), cs.categorical().cast(pl.String), cs.enum().cast(pl.String)
    ).with_row_index(ROW, offset=1)

    def text_of(row: int) -> str:
        values = frame.drop(ROW).row(row - 1, named=True)
        return json.dumps(values, default=str, ensure_ascii=False)

    return RawTable(frame, (), text_of)


def _read_csv(table: Table) -> RawTable:
    lines = _lines(table)
    records = _records(lines, table)
    header = list(table.header) or _header(table, records)
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise DataError(f"{table.path} has several columns called {repeated}: rename all but one")
    rows: list[list[str]] = []
    numbers: list[int] = []
    rejected: list[Rejected] = []
    last_lines: dict[int, int] = {}
    for start, end, fields in records:
        if end - start > 1:
            last_lines[start + 1] = end
        if not isinstance(fields, str) and len(fields) == len(header):
            rows.append(fields)
            numbers.append(start + 1)
            continue
        counted = f"received {len(fields)} fields, expected {len(header)}"
        reason = fields if isinstance(fields, str) else counted
        rejected.append(Rejected(start + 1, reason, "\n".join(lines[start:end])))
    data = list(zip(*rows, strict=True)) if rows else [()] * len(header)
    frame = pl.DataFrame(dict(zip(header, data, strict=True)), dict.fromkeys(header, pl.String))
    frame = frame.with_columns(pl.Series(ROW, numbers, pl.UInt32))
    return RawTable(
        frame, tuple(rejected), lambda row: "\n".join(lines[row - 1 : last_lines.get(row, row)])
    )


def _header(table: Table, records: Iterator[Record]) -> list[str]:
    _, _, fields = next(records, (0, 0, "there are only blank lines"))
    if isinstance(fields, str):
        raise DataError(
            f"{table.path} has no readable header ({fields}); expected column names in its first "
            "line: get it again, or name the columns in a mapping file with `header = [...]`"
        )
    return [name.strip() for name in fields]


def _lines(table: Table) -> list[str]:
    """Return the lines of a text file, without their ends."""
    try:
        codecs.lookup(table.encoding)
    except LookupError as error:
        raise DataError(
            f"{table.path} is said to be in encoding {table.encoding!r}, which nobody knows; "
            "expected one such as 'utf-8' or 'latin-1': correct the mapping file"
        ) from error
    data = table.path.read_bytes()
    if table.path.suffix == ".gz":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(
                f"{table.path} is no whole gzip file ({error}): it was cut short; get it again"
            ) from error
    encoding = "utf-8-sig" if codecs.lookup(table.encoding).name == "utf-8" else table.encoding
    try:
        text = data.decode(encoding)
    except UnicodeError as error:
        raise DataError(_encoding_message(table, data, error)) from error
    lines = text.split("\n")
    return [line.removesuffix("\r") for line in lines]


def _encoding_message(table: Table, data: bytes, error: UnicodeError) -> str:
    start = error.start if isinstance(error, UnicodeDecodeError) else 0
    guess = "utf-16" if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "latin-1"
    line = data.count(b"\n", 0, start) + 1
    return (
        f"{table.path} is not in encoding {table.encoding!r}: received byte "
        f"{data[start : start + 1]!r} in line {line}; name the right one in a mapping file, "
        f'perhaps `encoding = "{guess}"`'
    )


def _records(lines: Sequence[str], table: Table) -> Iterator[Record]:
    """Yield the records of a text file.

    Blank lines are no records. Only lines with a quote go through the csv module.
    """
    separator = table.separator
    quote = table.quote if len(separator) == 1 else ""
    position = 0
    while position < len(lines):
        line = lines[position]
        if not line:
            position += 1
            continue
        if not quote or quote not in line:
            yield position, position + 1, line.split(separator)
            position += 1
            continue
        fields, length = _quoted(lines, position, separator, quote)
        yield position, position + length, fields
        position += length


def _quoted(
    lines: Sequence[str], position: int, separator: str, quote: str
) -> tuple[list[str] | str, int]:
    """Return the fields of a record with quotes, or why there are none, and its lines' number."""
    window = (line + "\n" for line in islice(lines, position, position + MAX_LINES))
    reader = csv.reader(window, delimiter=separator, quotechar=quote, strict=True)
    try:
        return next(reader), reader.line_num
    except csv.Error as error:
        return f"a quoted field is broken ({error})", 1
