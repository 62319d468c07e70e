"""What users said they do not want: a thumb down, until the same user's thumb goes up."""

from collections.abc import Mapping

import polars as pl

from lolomo.core.columns import Columns, Kind


def turned_down(events: pl.DataFrame) -> Mapping[str, frozenset[str]]:
    """Return by user the items whose latest thumb points down: its value is 0 or less.

    Args:
        events: The event table, ordered by time.
    """
    thumbs = events.filter(
        (pl.col(Columns.KIND) == Kind.THUMB) & pl.col(Columns.VALUE).is_not_null()
    )
    pair = (Columns.USER_ID, Columns.ITEM_ID)
    latest = thumbs.unique(pair, keep="last", maintain_order=True)
    down = latest.filter(pl.col(Columns.VALUE) <= 0)
    by_user = down.group_by(Columns.USER_ID).agg(Columns.ITEM_ID)
    return {user_id: frozenset(item_ids) for user_id, item_ids in by_user.iter_rows()}
