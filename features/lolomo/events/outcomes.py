"""What was shown joined to what came of it: one row a slot of the journal, ready to train on.

The journal says what each request showed, with which probability; events say what was done, each
with the request that it answers. Joined by request and title they tell a title that was shown and
left from one that was shown and watched, with the propensity by which either may be weighed. An
outcome counts if it came within the horizon, so a row is settled once the horizon is over, however
late its events come in; before, it is left out.
"""

from datetime import datetime, timedelta
from typing import Final

import polars as pl

from lolomo.core.columns import Columns, Kind
from lolomo.events.journal_reading import Journal

HORIZON: Final = timedelta(days=1)
"""How long after the page a play still counts as its doing."""
PLAYED: Final = "played"
COMPLETED: Final = "completed"
THUMB: Final = "thumb"
_SLOTS: Final = """
    SELECT request_id, timestamp, user_id, device, country, unnest(slots, recursive := true)
    FROM journal WHERE len(slots) > 0
"""


def shown_slots(journal: Journal) -> pl.DataFrame:
    """Return one row a slot: request, time, user, task, row, position, item, score, propensity."""
    slots = journal.query(_SLOTS)
    # DuckDB calls the zone by another of its names.
    return slots.with_columns(pl.col(Columns.TIMESTAMP).dt.convert_time_zone("UTC"))


def with_outcomes(
    slots: pl.DataFrame, events: pl.DataFrame, now: datetime, horizon: timedelta = HORIZON
) -> pl.DataFrame:
    """Join slots to what came of them.

    Args:
        slots: As `shown_slots` returns them.
        events: The event table; only events with a request id are looked at.
        now: Up to when events are known; slots of less than a horizon before are not settled.
        horizon: How long an outcome may take.

    Returns:
        The settled slots with `played` and `completed`, 0 or 1, and `thumb`, null without one.
    """
    keys = [Columns.REQUEST_ID, Columns.ITEM_ID]
    settled = slots.filter(pl.col(Columns.TIMESTAMP) <= now - horizon)
    answers = events.filter(
        pl.col(Columns.REQUEST_ID).is_not_null(), pl.col(Columns.KIND) != Kind.IMPRESSION
    ).select(*keys, Columns.KIND, Columns.VALUE, pl.col(Columns.TIMESTAMP).alias("_answered"))
    since = pl.col("_answered") - pl.col(Columns.TIMESTAMP)
    kind = pl.col(Columns.KIND)
    outcomes = (
        settled.select(*keys, Columns.TIMESTAMP)
        .unique(keys)
        .join(answers, on=keys)
        .filter(since <= horizon)
        .group_by(keys)
        .agg(
            kind.is_in(Kind.INTERACTIONS).any().cast(pl.Int8).alias(PLAYED),
            (kind == Kind.COMPLETE).any().cast(pl.Int8).alias(COMPLETED),
            pl.col(Columns.VALUE).filter(kind == Kind.THUMB).last().alias(THUMB),
        )
    )
    joined = settled.join(outcomes, on=keys, how="left", maintain_order="left")
    return joined.with_columns(pl.col(PLAYED, COMPLETED).fill_null(0))
