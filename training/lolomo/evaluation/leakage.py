"""Leakage: checks that fail loudly when the future shows.

A feature row made by an event at t is stamped t + 1 µs, so that a join on "at or before" means
strictly before. The first two checks look at stamps, the third at values: whatever the stamps say,
features as of a moment must not change when everything from that moment on is taken away.
"""

from collections.abc import Callable
from datetime import datetime

import polars as pl

from lolomo.core.columns import Columns
from lolomo.core.errors import FeatureError


def check_stamps(table: pl.DataFrame, made_by: str, stamp: str = Columns.TIMESTAMP) -> None:
    """Check that every feature row is stamped after the event that made it.

    Args:
        table: A feature table.
        made_by: Column with the time of the latest event that a row was computed from.
        stamp: Column with the time from which the row is effective.

    Raises:
        FeatureError: If a row is stamped at or before its event.
    """
    leaks = table.filter(pl.col(stamp) <= pl.col(made_by))
    if len(leaks):
        first = leaks.row(0, named=True)
        raise FeatureError(
            f"{len(leaks)} of {len(table)} feature rows leak: the first is stamped "
            f"{first[stamp]}, expected later than its event at {first[made_by]}: stamp it 1 µs "
            "after the event"
        )


def check_histories(queries: pl.DataFrame, times: str = Columns.HISTORY_TIMESTAMPS) -> None:
    """Check that every history lies strictly before its query.

    Args:
        queries: A table with `timestamp` and a list column of times, or of int64 microseconds;
            padding is null or 0.
        times: Name of the list column.

    Raises:
        FeatureError: If a history holds a time at or after its query.
    """
    rows = queries.select(
        pl.col(Columns.TIMESTAMP).cast(pl.Int64).alias("asked"),
        pl.col(times).list.eval(pl.element().cast(pl.Int64)).list.max().alias("latest"),
    )
    leaks = rows.filter(pl.col("latest") >= pl.col("asked"))
    if len(leaks):
        first = leaks.row(0, named=True)
        raise FeatureError(
            f"{len(leaks)} of {len(rows)} histories leak: the first reaches {first['latest']} µs, "
            f"expected strictly before its query at {first['asked']} µs"
        )


def check_blind_to_future(
    compute: Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame],
    events: pl.DataFrame,
    rows: pl.DataFrame,
) -> None:
    """Check by value that features do not change when the events from a moment on are removed.

    Args:
        compute: Maps events and rows to the rows with features, in the same order.
        events: The events, including those at and after the rows.
        rows: Rows to compute; all must have one `timestamp`.

    Raises:
        FeatureError: If rows have several timestamps, or a feature changes.
    """
    moments = rows[Columns.TIMESTAMP].unique()
    if len(moments) != 1:
        raise FeatureError(f"received rows of {len(moments)} moments, expected 1: check one a call")
    past = events.filter(pl.col(Columns.TIMESTAMP) < moments[0])
    seeing, blind = compute(events, rows), compute(past, rows)
    changed = [name for name in seeing.columns if not seeing[name].equals(blind[name])]
    if changed:
        raise FeatureError(
            f"features {changed} at {moments[0]} use events at or after that moment: compute them "
            "from what is strictly before"
        )


def check_changes(whole: pl.DataFrame, past: pl.DataFrame, moment: datetime, name: str) -> None:
    """Check by value that a change table is, up to a moment, what the past alone makes of it.

    Args:
        whole: The change table of all events: `timestamp` says from when a row is in effect.
        past: That of the events strictly before the moment, in the same order.
        moment: The moment.
        name: What the table is called.

    Raises:
        FeatureError: If a row that is in effect by then differs, is missing or is added.
    """
    seeing, blind = (table.filter(pl.col(Columns.TIMESTAMP) <= moment) for table in (whole, past))
    if seeing.equals(blind):
        return
    columns = [
        column
        for column in seeing.columns
        if len(seeing) != len(blind) or not seeing[column].equals(blind[column])
    ]
    raise FeatureError(
        f"features of {name!r} use events at or after {moment}: {columns} in effect by then change "
        "when the events from then on are removed: compute each row from what is strictly before "
        "its timestamp"
    )
