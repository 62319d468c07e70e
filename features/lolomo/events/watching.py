"""What a user has started and not finished, at any moment.

A play or completion says how far its user got (`progress`), and so what is left: an item is
unfinished from a play that stopped short of its end until the next play or completion of it. As
everywhere, what happens at an instant is known strictly after it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import polars as pl

from lolomo.core.columns import Columns, Kind

FINISHED: Final = 0.95
"""From this progress on only the credits are left."""
SESSION_GAP: Final = timedelta(minutes=30)
"""A user who does nothing for so long begins a new session."""
AGE_DAYS: Final = "days_since_progress"
"""How long ago an item was left."""
CANDIDATE_INPUTS: Final = (Columns.PROGRESS, AGE_DAYS)
"""What is said of each unfinished item."""
_UNTIL: Final = "_until"
_SINCE: Final = "_since"


def left_unfinished() -> pl.Expr:
    """Return whether an event leaves its item unfinished."""
    return ((pl.col(Columns.KIND) == Kind.PLAY) & (pl.col(Columns.PROGRESS) < FINISHED)).fill_null(
        value=False
    )


def unfinished_spans(events: pl.DataFrame) -> pl.DataFrame:
    """Return from when until when each item was unfinished to each user.

    Args:
        events: With `progress`, ordered by time.

    Returns:
        user_id, item_id, progress, `_since` and `_until`, null for until now; ordered by `_since`.
    """
    time = pl.col(Columns.TIMESTAMP)
    watched = events.filter(pl.col(Columns.KIND).is_in((Kind.PLAY, Kind.COMPLETE)))
    spans = watched.with_columns(
        time.shift(-1).over(Columns.USER_ID, Columns.ITEM_ID).alias(_UNTIL), time.alias(_SINCE)
    )
    return spans.filter(left_unfinished()).select(
        Columns.USER_ID, Columns.ITEM_ID, Columns.PROGRESS, _SINCE, _UNTIL
    )


def with_unfinished(queries: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Give each query its user's unfinished items, the latest first.

    Returns:
        The queries in their order, with the list columns `candidates`, `progress` and
        `days_since_progress`; empty lists where nothing is unfinished.
    """
    row, asked = "_row", pl.col(Columns.TIMESTAMP)
    numbered = queries.with_row_index(row)
    age = (asked - pl.col(_SINCE)).dt.total_microseconds() / 86_400_000_000
    found = (
        numbered.select(row, Columns.USER_ID, Columns.TIMESTAMP)
        .join(unfinished_spans(events), on=Columns.USER_ID)
        .filter(pl.col(_SINCE) < asked, pl.col(_UNTIL).is_null() | (pl.col(_UNTIL) >= asked))
        .with_columns(age.alias(AGE_DAYS))
        .sort(row, AGE_DAYS)
        .group_by(row, maintain_order=True)
        .agg(
            pl.col(Columns.ITEM_ID).alias(Columns.CANDIDATES),
            pl.col(Columns.PROGRESS).cast(pl.Float32),
            pl.col(AGE_DAYS).cast(pl.Float32),
        )
    )
    return (
        numbered.join(found, on=row, how="left", maintain_order="left")
        .with_columns(pl.col(Columns.CANDIDATES, *CANDIDATE_INPUTS).fill_null([]))
        .drop(row)
    )


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An item that a user left."""

    item_id: str
    progress: float
    since: int
    """When it was left, microseconds since 1970 UTC."""


def unfinished_now(events: pl.DataFrame) -> Mapping[str, tuple[Unfinished, ...]]:
    """Return by user what is unfinished after all events, nothing where none says how far it got.

    Args:
        events: The event table, ordered by time.
    """
    if Columns.PROGRESS not in events.columns:
        return {}
    now = unfinished_spans(events).filter(pl.col(_UNTIL).is_null())
    left: dict[str, tuple[Unfinished, ...]] = {}
    for user_id, item_id, progress, since in now.select(
        Columns.USER_ID, Columns.ITEM_ID, Columns.PROGRESS, pl.col(_SINCE).dt.epoch("us")
    ).iter_rows():
        left[user_id] = (*left.get(user_id, ()), Unfinished(item_id, progress, since))
    return left
