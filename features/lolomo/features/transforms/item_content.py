"""What an item is."""

import polars as pl

from lolomo.core.columns import Columns
from lolomo.features.group import Feature, FeatureGroup
from lolomo.features.transforms.static import always

NAMES = (Columns.TITLE, Columns.GENRES, Columns.RELEASE_YEAR)


def item_content(
    events: pl.DataFrame,
    items: pl.DataFrame,
    users: pl.DataFrame,
) -> pl.DataFrame:
    """Return the content of each item of the catalogue, in effect always."""
    return always(items.select(Columns.ITEM_ID, *NAMES))


ITEM_CONTENT = FeatureGroup(
    name="item_content",
    entity="item",
    description="Title, genres and release year.",
    features=(
        Feature(Columns.TITLE, "item", "text", "The title that a member reads."),
        Feature(Columns.GENRES, "item", "categories", "Genres, in the order of the source."),
        Feature(Columns.RELEASE_YEAR, "item", "number", "Year of release."),
    ),
    transform=item_content,
    tags={"kind": "content"},
)
