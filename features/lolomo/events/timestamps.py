"""Times as sources write them, to UTC microseconds."""

from datetime import UTC, datetime

import polars as pl

from lolomo.events.dataset import TimeFormat

UNITS_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
LATEST_SECONDS = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())
"""Times before 1970 or after this are taken for a wrong unit, hence invalid."""

ISO_8601 = (
    r"^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?))?"
    r" ?(Z|[+-]\d{2}(?::?\d{2})?)?$"
)


def timestamp_of(column: pl.Expr, dtype: pl.DataType, time: TimeFormat) -> pl.Expr:
    """Return a column of any type as UTC microseconds, null where it is no time of 1970 to 2100."""
    if isinstance(dtype, pl.Datetime):
        value = column.dt.cast_time_unit("us")
        value = value.dt.convert_time_zone("UTC") if dtype.time_zone else _located(value, time)
    elif dtype == pl.Date:
        value = _located(column.cast(pl.Datetime("us")), time)
    elif dtype.is_numeric():
        value = _from_number(column, "s" if time.unit in ("auto", "iso") else time.unit)
    elif dtype == pl.String:
        value = _from_text(column, time)
    else:
        value = pl.lit(None, pl.Datetime("us", "UTC"))
    microseconds = value.dt.timestamp("us")
    return pl.when(microseconds.is_between(0, LATEST_SECONDS * 10**6)).then(value)


def _from_text(text: pl.Expr, time: TimeFormat) -> pl.Expr:
    if time.format:
        if "%z" in time.format or "%:z" in time.format:
            zoned = pl.Datetime("us", "UTC")
            return text.str.strptime(zoned, time.format, strict=False)
        return _located(text.str.strptime(pl.Datetime("us"), time.format, strict=False), time)
    if time.unit == "iso":
        return _from_iso(text, time)
    if time.unit == "auto":
        return pl.coalesce(_from_iso(text, time), _from_number(text, "s"))
    return _from_number(text, time.unit)


def _from_iso(text: pl.Expr, time: TimeFormat) -> pl.Expr:
    clock = text.str.extract(ISO_8601, 2).fill_null("00:00:00")
    clock = pl.when(clock.str.len_chars() == 5).then(clock + ":00").otherwise(clock)
    written = text.str.extract(ISO_8601, 1) + "T" + clock
    naive = written.str.strptime(pl.Datetime("us"), "%Y-%m-%dT%H:%M:%S%.f", strict=False)
    offset = text.str.extract(ISO_8601, 3)
    digits = offset.str.replace("Z", "+0000").str.replace(":", "").str.pad_end(5, "0")
    minutes = digits.str.slice(1, 2).cast(pl.Int64) * 60 + digits.str.slice(3, 2).cast(pl.Int64)
    east = pl.when(digits.str.starts_with("-")).then(-minutes).otherwise(minutes)
    zoned = (naive - pl.duration(minutes=east)).dt.replace_time_zone("UTC")
    return pl.when(offset.is_null()).then(_located(naive, time)).otherwise(zoned)


def _from_number(column: pl.Expr, unit: str) -> pl.Expr:
    """Whole numbers stay exact; fractions are rounded to the microsecond."""
    per_second = UNITS_PER_SECOND[unit]
    number = column.cast(pl.Float64, strict=False)
    whole = column.cast(pl.Int64, strict=False)
    exact = whole // (per_second // 10**6) if unit == "ns" else whole * (10**6 // per_second)
    rounded = (number * (10**6 / per_second)).round().cast(pl.Int64, strict=False)
    is_whole = whole.is_not_null() & (whole.cast(pl.Float64) == number)
    microseconds = pl.when(is_whole).then(exact).otherwise(rounded)
    sane = number.is_between(0, LATEST_SECONDS * per_second)
    return pl.when(sane).then(microseconds).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _located(naive: pl.Expr, time: TimeFormat) -> pl.Expr:
    located = naive.dt.replace_time_zone(time.timezone, ambiguous="earliest", non_existent="null")
    return located.dt.convert_time_zone("UTC")
