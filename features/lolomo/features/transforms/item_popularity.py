"""How popular an item is, lately and at the very moment of a query."""

from datetime import timedelta
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.features.group import Derived, Feature, FeatureGroup
from lolomo.features.transforms.clock import log_days_since
from lolomo.features.transforms.decay import decayed_count, half_lives, running_log2_sum
from lolomo.features.transforms.windows import (
    ENTERED,
    first_event,
    instants,
    interactions,
    last_event,
    mean_value,
)

WINDOWS = {f"item_plays_{days}d": timedelta(days=days) for days in (1, 3, 7, 14, 30)}
TOTAL = "item_plays_total"
HALF_LIVES = {f"{days}d": timedelta(days=days) for days in (1, 3, 7)}
MEAN = "item_mean_value"
FIRST = "item_first_timestamp"
LAST = "item_last_timestamp"


def item_popularity(
    events: pl.DataFrame,
    items: pl.DataFrame,
    users: pl.DataFrame,
) -> pl.DataFrame:
    """Return the change table of each item's counts over windows and its forward-decayed counts."""
    item_id = Columns.ITEM_ID
    table = instants(interactions(events), item_id, WINDOWS, TOTAL)
    return table.select(
        item_id,
        Columns.TIMESTAMP,
        *WINDOWS,
        TOTAL,
        mean_value(MEAN),
        first_event(FIRST, item_id),
        last_event(LAST, item_id),
        *_log2_counts(table),
    )


def _log2_counts(table: pl.DataFrame) -> list[pl.Series]:
    entered = table[ENTERED].to_numpy()
    times = table["event_microseconds"].fill_null(0).to_numpy().astype(np.float64)
    arriving = entered > 0
    log2_entered = np.log2(np.where(arriving, entered, 1))
    entities = table[Columns.ITEM_ID].rle_id().to_numpy().astype(np.int64)
    columns = []
    for name, half_life in HALF_LIVES.items():
        exponents = np.where(arriving, half_lives(times, half_life) + log2_entered, -np.inf)
        columns.append(pl.Series(_log2_name(name), running_log2_sum(exponents, entities)))
    return columns


def _log2_name(half_life: str) -> str:
    return f"item_log2_plays_{half_life}"


def trend(
    plays_3d: NDArray[np.float64], plays_14d: NDArray[np.float64], _timestamp: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the smoothed log ratio of the daily rate over 3 days to that over 14.

    >>> now = np.array([0])
    >>> trend(np.array([3.0]), np.array([14.0]), now).tolist()
    [0.0]
    """
    return np.asarray(np.log1p(plays_3d * (14 / 3)) - np.log1p(plays_14d))


def _derived() -> tuple[Derived, ...]:
    def feature(name: str, description: str) -> Feature:
        return Feature(name, "item", "number", description)

    return (
        *(
            Derived(
                feature(f"item_decayed_plays_{name}", f"Plays, each worth half after {name}."),
                (_log2_name(name),),
                partial(decayed_count, half_life=half_life),
            )
            for name, half_life in HALF_LIVES.items()
        ),
        Derived(
            feature("item_trend", "Smoothed log ratio of 3 to 14 days' daily rate."),
            ("item_plays_3d", "item_plays_14d"),
            trend,
        ),
        Derived(feature("item_age", "log(1 + days since first play)."), (FIRST,), log_days_since),
        Derived(feature("item_recency", "log(1 + days since last play)."), (LAST,), log_days_since),
    )


ITEM_POPULARITY = FeatureGroup(
    name="item_popularity",
    entity="item",
    description="How often an item is watched, over windows and decaying, and how it is valued.",
    features=(
        *(
            Feature(name, "item", "number", f"Plays within the last {24 * length.days} hours.")
            for name, length in WINDOWS.items()
        ),
        Feature(TOTAL, "item", "number", "Plays ever."),
        Feature(MEAN, "item", "number", "Mean value of the item's events, such as ratings."),
    ),
    state=(
        Feature(FIRST, "item", "instant", "Time of the first play."),
        Feature(LAST, "item", "instant", "Time of the last play."),
        *(
            Feature(
                _log2_name(name), "item", "number", f"log2 of the forward count, half-life {name}."
            )
            for name in HALF_LIVES
        ),
    ),
    transform=item_popularity,
    derived=_derived(),
    tags={"kind": "popularity"},
)
