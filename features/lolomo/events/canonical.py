"""From a source's columns to the canonical ones: the boundary where every row is checked.

Each canonical column is one `Check`: an expression whose value is null where the source's is
absent or invalid, and the words for what was expected. A row with an invalid value, or without one
that is required, is quarantined with its number, its text and all its reasons; no row is dropped or
repaired in silence. All columns are computed at once by Polars.
"""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from lolomo.core.columns import Columns, Kind
from lolomo.core.errors import DataError
from lolomo.core.tables import EVENTS, ITEMS, USERS
from lolomo.events.dataset import Table
from lolomo.events.reading import ROW, RawTable, Rejected, read_table
from lolomo.events.timestamps import timestamp_of

SCHEMAS = {"events": EVENTS, "items": ITEMS, "users": USERS}
"""The canonical tables by name."""

KEYS = {"events": Columns.EVENT_ID, "items": Columns.ITEM_ID, "users": Columns.USER_ID}
"""The column of each that must be unique."""

QUARANTINE = {
    "table": pl.String,
    "source": pl.String,
    "row": pl.Int64,
    "reason": pl.String,
    "raw": pl.String,
}
"""Columns of a quarantine file."""

OTHER_SEPARATORS = ("\t", ";", "|")
"""What else than a comma often stands between fields."""

WATCHED = (Kind.PLAY, Kind.COMPLETE)
YEAR_IN_TITLE = r"^(.*\S)\s*\((\d{4})\)$"

LIMITS: dict[str, tuple[Callable[[pl.Expr], pl.Expr], str]] = {
    Columns.KIND: (lambda kind: kind.is_in(Kind.ALL), f"one of {', '.join(Kind.ALL)}"),
    Columns.VALUE: (
        lambda value: (value >= 0) | pl.col(Columns.KIND).is_in(WATCHED).fill_null(False).not_(),
        "a number, for a play or completion not a negative duration",
    ),
    Columns.ROW: (lambda row: row >= 0, "a whole number from 0"),
    Columns.POSITION: (lambda position: position >= 0, "a whole number from 0"),
    Columns.PROPENSITY: (lambda p: (p > 0) & (p <= 1), "a probability above 0 and at most 1"),
    Columns.EVIDENCE_PROPENSITY: (
        lambda p: (p > 0) & (p <= 1),
        "a probability above 0 and at most 1",
    ),
    Columns.PROGRESS: (lambda p: p.is_between(0, 1), "a fraction from 0 to 1"),
    Columns.DURATION_SECONDS: (lambda seconds: seconds >= 0, "a duration in whole seconds from 0"),
    Columns.RELEASE_YEAR: (lambda year: year.is_between(1800, 2200), "a year from 1800 to 2200"),
    Columns.AGE: (lambda age: age.is_between(0, 150), "an age in whole years from 0 to 150"),
}
"""What a value must satisfy beyond its type, and how that is said."""


@dataclass(frozen=True, slots=True)
class Check:
    """How one canonical column comes out of the source's columns."""

    value: pl.Expr
    expected: str
    required: bool


@dataclass(frozen=True, slots=True)
class Canonical:
    """A checked table: `rows_in` is the number of its rows and of the quarantined ones."""

    name: str
    frame: pl.DataFrame
    """Rows that are valid, in the order of the source."""
    quarantine: pl.DataFrame
    """Rows that are not, with the columns of `QUARANTINE`."""
    rows_in: int


def read_canonical(name: str, table: Table) -> Canonical:
    """Read and check one table.

    Args:
        name: `events`, `items` or `users`.
        table: Where it is and how its columns are called.

    Raises:
        DataError: If the file cannot be read, or lacks a column.
    """
    return checked(name, table, read_table(table))


def checked(name: str, table: Table, raw: RawTable) -> Canonical:
    """Check rows that are read already.

    Args:
        name: `events`, `items` or `users`.
        table: How the columns are called.
        raw: The rows.

    Raises:
        DataError: If a column is missing.
    """
    named, available = _named(name, table, raw)
    checks = {
        entry.name: _check(entry, table, available.get(entry.name))
        for entry in SCHEMAS[name]
        if entry.name in available
    }
    kept, rejected = _split(named, checks, KEYS[name], raw)
    frame = kept.select(_column(entry, checks) for entry in SCHEMAS[name])
    quarantine = pl.DataFrame(
        [(name, str(table.path), bad.row, bad.reason, bad.raw) for bad in rejected],
        QUARANTINE,
        orient="row",
    ).sort("row", maintain_order=True)
    return Canonical(name, frame, quarantine, named.height + len(raw.rejected))


def polars_type(arrow_type: pa.DataType) -> pl.DataType:
    """Return the Polars type of an Arrow type."""
    empty = pl.Series(pl.from_arrow(pa.array([], arrow_type)))
    return empty.dtype


def _column(entry: pa.Field, checks: dict[str, Check]) -> pl.Expr:
    value = pl.col(entry.name) if entry.name in checks else pl.lit(None)
    return value.cast(polars_type(entry.type)).alias(entry.name)


def _remedy(name: str, received: list[str]) -> str:
    """Return how to mend a file that lacks columns."""
    between = next((mark for mark in OTHER_SEPARATORS if mark in "".join(received)), None)
    if len(received) == 1 and between is not None:
        return (
            f"it seems to have {between!r} between its fields; say `separator = {between!r}` under "
            f"[{name}] in a mapping file"
        )
    return f"rename them, or map their names under [{name}.columns] in a mapping file"


def _named(name: str, table: Table, raw: RawTable) -> tuple[pl.DataFrame, dict[str, pl.DataType]]:
    """Return the source's columns under canonical names, with `ROW`, and the type of each."""
    found = raw.frame.columns
    identity = {entry.name: entry.name for entry in SCHEMAS[name] if entry.name in found}
    mapped = dict(table.columns) or identity
    made = {Columns.EVENT_ID} | ({Columns.KIND} if table.kind else set())
    needed = {entry.name for entry in SCHEMAS[name] if not entry.nullable} - made
    missing = sorted({source for source in mapped.values() if source not in found})
    missing += sorted(needed - mapped.keys())
    if missing:
        received = [column for column in found if column != ROW]
        raise DataError(
            f"{table.path} lacks column(s) {', '.join(missing)}; received {', '.join(received)}; "
            f"expected {', '.join(sorted(needed))} for {name}: {_remedy(name, received)}"
        )
    columns = [pl.col(ROW), *(pl.col(source).alias(ours) for ours, source in mapped.items())]
    if name == "events" and Columns.EVENT_ID not in mapped:
        columns.append(pl.col(ROW).cast(pl.String).alias(Columns.EVENT_ID))
    if name == "events" and table.kind:
        columns.append(pl.lit(table.kind).alias(Columns.KIND))
    text = pl.selectors.string().str.strip_chars()
    frame = raw.frame.select(columns).with_columns(
        pl.when(text.is_in(["", *table.nulls]).not_()).then(text)
    )
    if table.year_in_title:
        frame = _year_out_of_title(frame)
    return frame, {column: frame.schema[column] for column in frame.columns if column != ROW}


def _year_out_of_title(frame: pl.DataFrame) -> pl.DataFrame:
    title = pl.col(Columns.TITLE).str.strip_chars()
    return frame.with_columns(
        pl.coalesce(title.str.extract(YEAR_IN_TITLE, 1), title).alias(Columns.TITLE),
        title.str.extract(YEAR_IN_TITLE, 2).alias(Columns.RELEASE_YEAR),
    )


def _split(
    named: pl.DataFrame, checks: dict[str, Check], key: str, raw: RawTable
) -> tuple[pl.DataFrame, list[Rejected]]:
    """Part valid rows from the others, the second of two rows with one key among them."""
    computed = [check.value.alias(name) for name, check in checks.items()]
    kinds = [value for value in computed if value.meta.output_name() == Columns.KIND]
    others = [value for value in computed if value.meta.output_name() != Columns.KIND]
    values = named.with_columns(kinds).with_columns(others)
    flags = pl.DataFrame(
        {
            name: values[name].is_null() & (check.required | named[name].is_not_null())
            for name, check in checks.items()
        }
    )
    bad = flags.select(pl.any_horizontal(pl.all())).to_series()
    rejected = list(raw.rejected)
    for given, wrong in zip(
        named.filter(bad).iter_rows(named=True),
        flags.filter(bad).iter_rows(named=True),
        strict=True,
    ):
        reasons = [
            _reason(column, given[column], checks[column]) for column in wrong if wrong[column]
        ]
        rejected.append(Rejected(given[ROW], "; ".join(reasons), raw.text_of(given[ROW])))
    valid = values.filter(~bad)
    first = valid[key].is_first_distinct()
    for row, value in valid.filter(~first).select(ROW, key).iter_rows():
        reason = f"duplicate {key} {value!r}: an earlier row has it"
        rejected.append(Rejected(row, reason, raw.text_of(row)))
    return valid.filter(first), rejected


def _reason(column: str, received: object, check: Check) -> str:
    said = "nothing" if received is None else repr(received)
    return f"{column}: received {said}, expected {check.expected}"


def _check(entry: pa.Field, table: Table, dtype: pl.DataType | None) -> Check:
    """Return how a canonical column is computed from a column of that name and some type."""
    if dtype is None:
        return Check(pl.lit(None), "", not entry.nullable)
    column = pl.col(entry.name)
    value, expected = _typed(entry, table, column, dtype)
    if entry.name == Columns.KIND and table.kinds:
        value = value.replace(dict(table.kinds))
    if entry.name in LIMITS:
        limit, expected = LIMITS[entry.name]
        value = pl.when(limit(value)).then(value)
    return Check(value, expected, not entry.nullable)


def _typed(
    entry: pa.Field, table: Table, column: pl.Expr, dtype: pl.DataType
) -> tuple[pl.Expr, str]:
    if pa.types.is_timestamp(entry.type):
        return timestamp_of(column, dtype, table.time), table.time.expected
    if pa.types.is_list(entry.type):
        return _texts(column, dtype, table), f"texts separated by {table.genres_separator!r}"
    if dtype.is_nested() or dtype == pl.Binary:
        raise DataError(
            f"{table.path} has {dtype} in the column for {entry.name}; expected one plain value a "
            "row: convert the file"
        )
    if pa.types.is_string(entry.type):
        return _text(column, dtype), "a text that is not empty"
    number = column.cast(pl.Float64, strict=False)
    number = pl.when(number.is_finite()).then(number)
    if pa.types.is_integer(entry.type):
        whole = number.cast(pl.Int32, strict=False)
        return pl.when(whole == number).then(whole), "a whole number"
    return number, "a number"


def _text(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return text; a whole float, as an id column with gaps becomes elsewhere, loses its `.0`."""
    if dtype.is_float():
        whole = column.cast(pl.Int64, strict=False)
        return (
            pl.when(whole == column).then(whole.cast(pl.String)).otherwise(column.cast(pl.String))
        )
    return column.cast(pl.String)


def _texts(column: pl.Expr, dtype: pl.DataType, table: Table) -> pl.Expr:
    listed = (
        column
        if isinstance(dtype, pl.List)
        else column.cast(pl.String).str.split(table.genres_separator)
    )
    text = pl.element().cast(pl.String).str.strip_chars()
    return listed.list.eval(text.filter(text.is_in(["", *table.nulls]).not_()))
