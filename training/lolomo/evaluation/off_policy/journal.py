"""Slates out of the journal: what was shown with what probability, and what it led to.

A task's first row on a page is a slate (rows below it are cut from the same ranking). Its
candidates are those that were ranked, or proposed where nothing ranks, less what stood above the
row, since a title is on a page once; a policy that never ran is asked how probable it would have
made the list that was shown. What a slot earned comes from the events of the same request.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.errors import DataError
from lolomo.core.policy import Policy
from lolomo.evaluation.off_policy.logs import Slates

REWARD = "reward"
"""Column of what an event was worth."""

_SLATE, _PLACE = "_slate", "_place"
_LISTS_AT_ONCE = 8_192

Floats = NDArray[np.float64]


def slates_of(journal: pl.DataFrame, rewarded: pl.DataFrame, task: str, policy: Policy) -> Slates:
    """Return the slates of a task, and how another policy would have drawn them.

    Lists shorter than the longest are filled with slots that both policies are sure of and that
    earn nothing, so that they count for nothing.

    Args:
        journal: Requests, with the columns of `lolomo.events.journal.JOURNAL`.
        rewarded: What members did: request_id, item_id and `REWARD`; only what was shown counts.
        task: Which row of the page is judged.
        policy: What would have drawn instead, from the same scores.

    Raises:
        DataError: If the task was never shown, or a propensity is null.
    """
    slots = _slots(journal, task)
    earned = rewarded.group_by(Columns.REQUEST_ID, Columns.ITEM_ID).agg(pl.col(REWARD).sum())
    keys = [Columns.REQUEST_ID, Columns.ITEM_ID]
    slots = slots.join(earned, on=keys, how="left").with_columns(pl.col(REWARD).fill_null(0.0))
    lists = slots.group_by(Columns.REQUEST_ID, maintain_order=True).agg(
        pl.col(Columns.USER_ID).first(),
        Columns.ITEM_ID,
        Columns.PROPENSITY,
        Columns.PROPENSITY_ERROR,
        REWARD,
        pl.col(Columns.ROW).first(),
    )
    lists = lists.with_row_index(_SLATE).with_columns(pl.col(_SLATE).cast(pl.Int64))
    longest = int(lists[Columns.ITEM_ID].list.len().max() or 0)  # type: ignore[arg-type]
    return Slates(
        rewards=_filled(lists[REWARD], longest, 0.0),
        propensities=_filled(lists[Columns.PROPENSITY], longest, 1.0),
        target_propensities=_target(journal, task, lists, longest, policy),
        errors=_errors(lists, longest),
        clusters=lists[Columns.USER_ID].rank("dense").cast(pl.Int64).to_numpy() - 1,
    )


def _slots(journal: pl.DataFrame, task: str) -> pl.DataFrame:
    flat = journal.select(Columns.REQUEST_ID, Columns.USER_ID, "slots").explode("slots")
    slots = flat.unnest("slots").filter(pl.col("task") == task)
    if Columns.PROPENSITY_ERROR not in slots.columns:
        slots = slots.with_columns(pl.lit(None, pl.Float64).alias(Columns.PROPENSITY_ERROR))
    if slots.is_empty():
        shown = flat.unnest("slots")["task"].drop_nulls().unique().sort().to_list()
        raise DataError(
            f"the journal's {journal.height} requests never showed task {task!r}; expected one of "
            f"{shown}"
        )
    first = slots.filter(pl.col(Columns.ROW) == pl.col(Columns.ROW).min().over(Columns.REQUEST_ID))
    return first.sort(Columns.REQUEST_ID, Columns.POSITION)


def _errors(lists: pl.DataFrame, longest: int) -> Floats | None:
    """Return the errors of the propensities, None where all are exact. Shape: [slates, longest]."""
    errors = lists[Columns.PROPENSITY_ERROR]
    if errors.explode().null_count() == errors.list.len().sum():
        return None
    return np.nan_to_num(_filled(errors, longest, 0.0))


def _scored(journal: pl.DataFrame, column: str, task: str) -> pl.DataFrame:
    """Return by request the item ids of a task, and their scores, as lists."""
    flat = journal.select(Columns.REQUEST_ID, column).explode(column).unnest(column)
    of_task = flat.filter(pl.col("task") == task)
    return of_task.select(Columns.REQUEST_ID, pl.col("item_ids").alias(Columns.ITEM_ID), "scores")


def _target(
    journal: pl.DataFrame, task: str, lists: pl.DataFrame, longest: int, policy: Policy
) -> Floats:
    """Return how probable the policy would have made each slot. Shape: [slates, longest].

    Lists of one length are asked about together, some thousands at once.
    """
    candidates = _candidates(journal, task, lists)
    shown = lists.select(_SLATE, Columns.ITEM_ID).explode(Columns.ITEM_ID)
    placed = shown.join(candidates, on=[_SLATE, Columns.ITEM_ID], how="left", maintain_order="left")
    _refuse_unknown(lists, placed)
    scores = np.full((lists.height, int(candidates[_PLACE].max() or 0) + 1), -np.inf)  # type: ignore[arg-type]
    scores[candidates[_SLATE].to_numpy(), candidates[_PLACE].to_numpy()] = candidates["scores"]
    places = placed[_PLACE].to_numpy()
    lengths = lists[Columns.ITEM_ID].list.len().cast(pl.Int64).to_numpy()
    starts = np.cumsum(lengths) - lengths
    target = np.ones((lists.height, longest))
    for length in np.unique(lengths):
        of_length = np.flatnonzero(lengths == length)
        for start in range(0, len(of_length), _LISTS_AT_ONCE):
            rows = of_length[start : start + _LISTS_AT_ONCE]
            ranking = places[starts[rows][:, None] + np.arange(length)]
            target[rows, :length] = policy.propensities(scores[rows], ranking)
    return target


def _candidates(journal: pl.DataFrame, task: str, lists: pl.DataFrame) -> pl.DataFrame:
    """Return what each slate was drawn from: its number, item_id, score and place among them."""
    ranked, proposed = (_scored(journal, column, task) for column in ("rankings", "proposals"))
    unranked = proposed.join(ranked, on=Columns.REQUEST_ID, how="anti")
    numbers = lists.select(Columns.REQUEST_ID, _SLATE, pl.col(Columns.ROW).alias("its_row"))
    scored = (
        numbers.join(pl.concat([ranked, unranked]), on=Columns.REQUEST_ID, maintain_order="left")
        .select(_SLATE, Columns.ITEM_ID, "scores")
        .explode(Columns.ITEM_ID, "scores")
    )
    slots = journal.select(Columns.REQUEST_ID, "slots").explode("slots").unnest("slots")
    above = slots.join(numbers, on=Columns.REQUEST_ID).filter(
        pl.col(Columns.ROW) < pl.col("its_row")
    )
    left = scored.join(above, on=[_SLATE, Columns.ITEM_ID], how="anti", maintain_order="left")
    counts = np.bincount(left[_SLATE].to_numpy(), minlength=lists.height)
    firsts = np.repeat(np.cumsum(counts) - counts, counts)
    return left.with_columns(pl.Series(_PLACE, np.arange(left.height) - firsts))


def _refuse_unknown(lists: pl.DataFrame, placed: pl.DataFrame) -> None:
    unknown = placed.filter(pl.col(_PLACE).is_null())
    if unknown.is_empty():
        return
    request = lists[Columns.REQUEST_ID][unknown[_SLATE][0]]
    raise DataError(
        f"request {request!r} shows {unknown[Columns.ITEM_ID][0]!r}, one of {unknown.height} slots "
        "whose ranking has no score for it: what is put into a row after ranking has no "
        "propensity, and must be logged as null"
    )


def _filled(lists: pl.Series, longest: int, value: float) -> Floats:
    """Return lists as rows of one length. Shape: [lists, longest]."""
    table = np.full((len(lists), longest), value)
    lengths = lists.list.len().to_numpy()
    there = np.arange(longest) < lengths[:, None]
    table[there] = lists.explode().cast(pl.Float64).fill_null(np.nan).to_numpy()
    return table
