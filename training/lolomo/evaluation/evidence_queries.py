"""Queries of evidence: titles that were shown with a pitch, each a decision with its outcome.

A query is an impression. All pitches compete; of the one that was shown it is known whether the
title was played, and with what probability the pitch was drawn, and of the others nothing.
"""

from collections.abc import Sequence

import polars as pl

from lolomo.core.columns import Columns, Kind
from lolomo.evaluation.folds import Fold

MAX_DECISIONS = 40_000
"""Of a larger window, so many decisions, drawn by a hash of their events, are asked about."""

_SLOT = (Columns.REQUEST_ID, Columns.ITEM_ID)


def evidence_queries(events: pl.DataFrame, fold: Fold, pitches: Sequence[str]) -> pl.DataFrame:
    """Return the decisions of a window.

    Args:
        events: The table that the fold was cut from.
        fold: The window.
        pitches: What titles may be shown with.

    Returns:
        user_id, timestamp, item_id, device, country and `evidence_propensity`, and the lists
        candidates, all pitches; targets, the one that was shown; and gains and rewards, 1 if the
        title was played and else 0. In order of time.
    """
    window = fold.window_events(events)
    shown = window.filter(
        pl.col(Columns.KIND) == Kind.IMPRESSION,
        pl.col(Columns.EVIDENCE).is_in(pitches),
        pl.col(Columns.EVIDENCE_PROPENSITY).is_not_null(),
    )
    some = shown.sort(pl.col(Columns.EVENT_ID).hash(seed=0)).head(MAX_DECISIONS)
    played = window.filter(pl.col(Columns.KIND).is_in(Kind.INTERACTIONS)).select(_SLOT).unique()
    found = some.join(played.with_columns(pl.lit(1.0).alias(Columns.GAINS)), on=_SLOT, how="left")
    worth = pl.concat_list(pl.col(Columns.GAINS).fill_null(0.0))
    return found.sort(Columns.TIMESTAMP, Columns.EVENT_ID).select(
        Columns.USER_ID,
        Columns.TIMESTAMP,
        Columns.ITEM_ID,
        Columns.DEVICE,
        Columns.COUNTRY,
        Columns.EVIDENCE_PROPENSITY,
        pl.lit(list(pitches)).alias(Columns.CANDIDATES),
        pl.concat_list(Columns.EVIDENCE).alias(Columns.TARGETS),
        worth.alias(Columns.GAINS),
        worth.alias(Columns.REWARDS),
    )
