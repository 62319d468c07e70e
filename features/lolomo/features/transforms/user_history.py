"""What a user has watched, in order and time."""

import numpy as np
import polars as pl
import pyarrow as pa

from lolomo.core.columns import Columns
from lolomo.features.group import EFFECTIVE_AFTER, Feature, FeatureGroup
from lolomo.features.transforms.windows import interactions

LENGTH = 50
"""Most events in a history."""

SOURCES = {
    Columns.HISTORY_ITEM_IDS: Columns.ITEM_ID,
    Columns.HISTORY_TIMESTAMPS: Columns.TIMESTAMP,
    Columns.HISTORY_KINDS: Columns.KIND,
}


def user_history(
    events: pl.DataFrame,
    items: pl.DataFrame,
    users: pl.DataFrame,
) -> pl.DataFrame:
    """Return the change table of each user's last events, oldest first.

    Events of one instant enter together, in the order of their source.
    """
    rows = interactions(events).sort(Columns.USER_ID, Columns.TIMESTAMP, maintain_order=True)
    if rows.is_empty():
        return USER_HISTORY_SCHEMA.clone()
    user = rows[Columns.USER_ID].rle_id().to_numpy()
    starts = np.flatnonzero(np.r_[True, user[1:] != user[:-1]])
    time = rows[Columns.TIMESTAMP].dt.epoch("us").to_numpy()
    last = np.flatnonzero(np.r_[(user[1:] != user[:-1]) | (time[1:] != time[:-1]), True])
    first = np.maximum(starts[user[last]], last + 1 - LENGTH)
    offsets = np.r_[0, np.cumsum(last + 1 - first)]
    members = np.repeat(first - offsets[:-1], np.diff(offsets)) + np.arange(offsets[-1])
    values = rows.select(
        Columns.ITEM_ID, pl.col(Columns.TIMESTAMP).dt.epoch("us"), Columns.KIND
    ).to_arrow()
    return rows[last].select(
        Columns.USER_ID,
        pl.col(Columns.TIMESTAMP) + EFFECTIVE_AFTER,
        *(_lists(values[source], members, offsets, name) for name, source in SOURCES.items()),
    )


def _lists(
    values: pa.ChunkedArray,
    members: np.ndarray[tuple[int], np.dtype[np.int64]],
    offsets: np.ndarray[tuple[int], np.dtype[np.int64]],
    name: str,
) -> pl.Series:
    taken = values.combine_chunks().take(pa.array(members))
    return pl.Series(name, pa.LargeListArray.from_arrays(pa.array(offsets), taken))


USER_HISTORY_SCHEMA = pl.DataFrame(
    schema={
        Columns.USER_ID: pl.String(),
        Columns.TIMESTAMP: pl.Datetime("us", "UTC"),
        Columns.HISTORY_ITEM_IDS: pl.List(pl.String()),
        Columns.HISTORY_TIMESTAMPS: pl.List(pl.Int64()),
        Columns.HISTORY_KINDS: pl.List(pl.String()),
    }
)

USER_HISTORY = FeatureGroup(
    name="user_history",
    entity="user",
    description=f"The last {LENGTH} items that a user watched, when and how, oldest first.",
    features=(
        Feature(Columns.HISTORY_ITEM_IDS, "user", "ids", "Items watched, oldest first."),
        Feature(
            Columns.HISTORY_TIMESTAMPS,
            "user",
            "timestamps",
            "When each was watched, in microseconds since 1970 UTC.",
        ),
        Feature(Columns.HISTORY_KINDS, "user", "kinds", "What was done: play, complete or rate."),
    ),
    transform=user_history,
    tags={"kind": "sequence"},
)
