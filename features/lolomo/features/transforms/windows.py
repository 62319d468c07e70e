"""Counts over sliding windows, as change tables.

An event at `t` is within a window of length `w` at every query time `q` with `q - w <= t < q`. So
the count changes at `t` + 1 microsecond, and again at `t + w` + 1 microsecond when it leaves.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import polars as pl

from lolomo.core.columns import Columns, Kind
from lolomo.features.group import EFFECTIVE_AFTER

ENTERED: Final = "entered"
"""How many events take effect at this instant; 0 where events only leave a window."""


def interactions(events: pl.DataFrame) -> pl.DataFrame:
    """Return the events that say that a user watched an item."""
    return events.filter(pl.col(Columns.KIND).is_in(Kind.INTERACTIONS))


def instants(
    events: pl.DataFrame, entity_id: str, windows: Mapping[str, timedelta], total: str
) -> pl.DataFrame:
    """Return one row per entity and instant at which any of its counts changes.

    Args:
        events: Interactions.
        entity_id: The column to count by.
        windows: Length of each window, by the name of its count.
        total: Name of the count that no event leaves.

    Returns:
        Sorted by entity and time: entity, timestamp, the counts, `value_sum` and `value_count` so
        far, `entered`, and `event_microseconds` of what enters, null where events only leave.
    """
    names = (*windows, total)
    arrivals = events.group_by(entity_id, Columns.TIMESTAMP).agg(
        pl.len().cast(pl.Int64).alias(ENTERED),
        pl.col(Columns.VALUE).sum().alias("value_sum"),
        pl.col(Columns.VALUE).count().cast(pl.Int64).alias("value_count"),
    )
    entering = arrivals.with_columns(
        *(pl.col(ENTERED).alias(name) for name in names),
        pl.col(Columns.TIMESTAMP).dt.epoch("us").alias("event_microseconds"),
        pl.col(Columns.TIMESTAMP) + EFFECTIVE_AFTER,
    )
    leaving = [
        arrivals.select(
            entity_id,
            pl.col(Columns.TIMESTAMP) + length + EFFECTIVE_AFTER,
            (-pl.col(ENTERED)).alias(name),
        )
        for name, length in windows.items()
    ]
    sums = (*names, "value_sum", "value_count", ENTERED)
    return (
        pl.concat([entering, *leaving], how="diagonal")
        .group_by(entity_id, Columns.TIMESTAMP)
        .agg(pl.col(sums).sum(), pl.col("event_microseconds").max())
        .sort(entity_id, Columns.TIMESTAMP)
        .with_columns(
            pl.col(*names, "value_sum", "value_count").cum_sum().over(entity_id),
        )
    )


def mean_value(name: str) -> pl.Expr:
    """Return the mean of all values so far, null where no event had one."""
    count = pl.col("value_count")
    return pl.when(count > 0).then(pl.col("value_sum") / count).alias(name)


def last_event(name: str, entity_id: str) -> pl.Expr:
    """Return the time of the latest event so far, in microseconds."""
    return pl.col("event_microseconds").forward_fill().over(entity_id).alias(name)


def first_event(name: str, entity_id: str) -> pl.Expr:
    """Return the time of the first event, in microseconds."""
    return pl.col("event_microseconds").first().over(entity_id).alias(name)
