"""What each query's user has seen: the items that ranking leaves out."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns, Kind
from lolomo.core.recommender import Ids


@dataclass(frozen=True, slots=True)
class SeenItems:
    """The items that each query's user watched strictly before the query.

    A user's queries share one list in time order, of which each sees a prefix, so that memory is
    that of the events, not of events times queries.
    """

    item_ids: Ids
    """Item of each interaction, by user and time. Shape: [interactions]."""
    starts: NDArray[np.int64]
    """Where the list of each query's user begins. Shape: [queries]."""
    stops: NDArray[np.int64]
    """Where the query's own prefix of it stops. Shape: [queries]."""

    def __len__(self) -> int:
        return len(self.starts)

    def of(self, query: int) -> Ids:
        """Return the seen items of one query, oldest first. Shape: [seen]."""
        return self.item_ids[self.starts[query] : self.stops[query]]


def seen_items(events: pl.DataFrame, queries: pl.DataFrame) -> SeenItems:
    """Return what each query's user watched strictly before its timestamp, nothing for user "".

    Args:
        events: The canonical event table, ordered by time; it may reach beyond the queries.
        queries: Any table with user_id and timestamp, in any order.
    """
    user, time, row = Columns.USER_ID, Columns.TIMESTAMP, "_row"
    watched = (
        events.filter(pl.col(Columns.KIND).is_in(Kind.INTERACTIONS))
        .select(user, Columns.ITEM_ID, time)
        .sort(user, time, maintain_order=True)
        .with_row_index(row)
    )
    lists = watched.group_by(user).agg(pl.col(row).min().cast(pl.Int64).alias("_start"))
    asked = queries.select(user, time).with_row_index("_query").sort(time, maintain_order=True)
    before = asked.join_asof(
        watched.sort(time, maintain_order=True).with_columns(pl.col(row).cast(pl.Int64)),
        on=time,
        by=user,
        strategy="backward",
        allow_exact_matches=False,
        check_sortedness=False,
    )
    spans = (
        before.join(lists, on=user, how="left", maintain_order="left")
        .sort("_query")
        .select(
            pl.col("_start").fill_null(0),
            (pl.col(row) + 1).fill_null(pl.col("_start")).fill_null(0).alias("_stop"),
        )
    )
    return SeenItems(
        watched[Columns.ITEM_ID].to_numpy().astype(object),
        spans["_start"].to_numpy(),
        spans["_stop"].to_numpy(),
    )


def known_items(item_counts: pl.DataFrame) -> Ids:
    """Return the ids of `queries.item_counts` as an array, in order of id. Shape: [items]."""
    return item_counts[Columns.ITEM_ID].to_numpy().astype(object)
