"""What is known of a user besides what they watched."""

import polars as pl

from lolomo.core.columns import Columns
from lolomo.features.group import Feature, FeatureGroup
from lolomo.features.transforms.static import always

NAMES = (Columns.AGE, Columns.GENDER, Columns.OCCUPATION)


def user_attributes(
    events: pl.DataFrame,
    items: pl.DataFrame,
    users: pl.DataFrame,
) -> pl.DataFrame:
    """Return the attributes of each user, in effect always: the source does not date them."""
    return always(users.select(Columns.USER_ID, *NAMES))


USER_ATTRIBUTES = FeatureGroup(
    name="user_attributes",
    entity="user",
    description="Age, gender and occupation, where the user gave them.",
    features=(
        Feature(Columns.AGE, "user", "number", "Age in years."),
        Feature(Columns.GENDER, "user", "category", "Gender as given."),
        Feature(Columns.OCCUPATION, "user", "category", "Occupation as given."),
    ),
    transform=user_attributes,
    tags={"kind": "attributes", "personal": "true"},
)
