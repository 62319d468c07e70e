"""How often an item is watched on a television."""

import polars as pl

from lolomo.core.columns import Columns
from lolomo.features.group import EFFECTIVE_AFTER, Feature, FeatureGroup


def item_living_room(
    events: pl.DataFrame, items: pl.DataFrame, users: pl.DataFrame
) -> pl.DataFrame:
    """Return the change table of each item's plays on televisions."""
    return (
        events.filter(pl.col(Columns.DEVICE) == "tv")
        .group_by(Columns.ITEM_ID, Columns.TIMESTAMP)
        .len()
        .sort(Columns.TIMESTAMP)
        .select(
            Columns.ITEM_ID,
            pl.col(Columns.TIMESTAMP) + EFFECTIVE_AFTER,
            pl.col("len").cum_sum().over(Columns.ITEM_ID).alias("item_living_room_plays"),
        )
    )


ITEM_LIVING_ROOM = FeatureGroup(
    name="item_living_room",
    entity="item",
    description="Plays on televisions.",
    features=(Feature("item_living_room_plays", "item", "number", "Plays on televisions ever."),),
    transform=item_living_room,
    owner="acme",
)
