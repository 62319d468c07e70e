"""How active a user is."""

from datetime import timedelta

import polars as pl

from lolomo.core.columns import Columns
from lolomo.features.group import Derived, Feature, FeatureGroup
from lolomo.features.transforms.clock import log_seconds_since
from lolomo.features.transforms.windows import instants, interactions, last_event, mean_value

WINDOWS = {f"user_plays_{days}d": timedelta(days=days) for days in (1, 7, 30)}
TOTAL = "user_plays_total"
MEAN = "user_mean_value"
LAST = "user_last_timestamp"


def user_activity(
    events: pl.DataFrame,
    items: pl.DataFrame,
    users: pl.DataFrame,
) -> pl.DataFrame:
    """Return the change table of what each user has watched lately, and how they value it."""
    user_id = Columns.USER_ID
    return instants(interactions(events), user_id, WINDOWS, TOTAL).select(
        user_id, Columns.TIMESTAMP, *WINDOWS, TOTAL, mean_value(MEAN), last_event(LAST, user_id)
    )


USER_ACTIVITY = FeatureGroup(
    name="user_activity",
    entity="user",
    description="How much a user has watched lately, and how they value it.",
    features=(
        *(
            Feature(name, "user", "number", f"Plays within the last {24 * length.days} hours.")
            for name, length in WINDOWS.items()
        ),
        Feature(TOTAL, "user", "number", "Plays ever."),
        Feature(MEAN, "user", "number", "Mean value of the user's events, such as ratings."),
    ),
    state=(Feature(LAST, "user", "instant", "Time of the last play."),),
    transform=user_activity,
    derived=(
        Derived(
            Feature("user_recency", "user", "number", "log(1 + seconds since the last play)."),
            (LAST,),
            log_seconds_since,
        ),
    ),
    tags={"kind": "activity"},
)
