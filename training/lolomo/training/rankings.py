"""Ranking batches: past queries with candidates, and the features of both at that very instant.

The same batches train a ranker, tune a popularity list and judge either. Features of users and of
context were joined when the queries were prepared; features of items are read here from the item
timeline, which moves forward in time with the queries, so nothing of the size queries x candidates
x features is ever held or stored. Item features may be late or frozen, as they are for a service
whose features arrive in batches; `counts_timestamp` tells models as of when they are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.recommender import Ids, Scores
from lolomo.core.task import Task
from lolomo.features import FeatureStore, ItemTimeline, all_features, query_inputs
from lolomo.features.candidates import candidate_inputs
from lolomo.features.history_features import HISTORY, OF_HISTORIES
from lolomo.training.models.data import RankingBatch
from lolomo.training.stored_queries import Queries

BATCH_SIZE = 128


@dataclass(frozen=True)
class Rankings:
    """Starts passes over the ranking batches of one task and one window."""

    task: Task
    queries: Queries
    """Prepared queries in order of time; see `pipelines.prepare`. A slice is read at a time."""
    features: FeatureStore
    known: Ids
    """The catalogue as known before the window. Shape: [items]."""
    reads: tuple[str, ...] = ()
    """Which of the task's features to read; all if empty."""
    frozen_at: datetime | None = None
    """When stored item features stop to change, UTC; None for never."""
    delay: timedelta = timedelta(0)
    """How late stored item features arrive."""

    def __call__(self) -> Iterator[RankingBatch]:
        """Yield batches of up to `BATCH_SIZE` queries, in order of time."""
        timeline = self.features.item_timeline(self.delay, self.frozen_at)
        said = self._said_of_histories()
        history = self.features.history_features() if said else None
        for rows in self.queries.iter_slices(BATCH_SIZE):
            query = dict(query_inputs(rows, [Columns.TIMESTAMP, *self._names(of_items=False)]))
            timestamps = query[Columns.TIMESTAMP]
            query[Columns.COUNTS_TIMESTAMP] = timeline.known_at(timestamps)
            if self.task.has_candidates:
                candidates = padded(rows[Columns.CANDIDATES], "")
                query |= _source_inputs(rows, self.task)
                query |= timeline.gather(timestamps, candidates, self._names(of_items=True))
            else:
                candidates = np.broadcast_to(self.known, (len(rows), len(self.known)))
                query |= self._catalogue(timeline, timestamps, candidates)
            query[Columns.CANDIDATES] = candidates
            if history is not None:
                query |= history.of({**query, **query_inputs(rows, HISTORY)}, said)
            yield RankingBatch(
                query, _worth(rows, Columns.GAINS, candidates), self._values(rows, candidates)
            )

    def _values(self, rows: pl.DataFrame, candidates: Ids) -> Scores | None:
        """Return how candidates that are targets were valued, NaN elsewhere, if it is known."""
        if not self.task.has_candidates or Columns.REWARDS not in rows.columns:
            return None
        return _worth(rows, Columns.REWARDS, candidates, np.nan)

    def _said_of_histories(self) -> tuple[str, ...]:
        """Return what candidates and queries are told of their histories.

        All of it where a ranker of a few candidates reads everything; of a whole catalogue only
        what is asked for, as it is large.
        """
        if not set(HISTORY) <= set(self.queries.columns):
            return ()
        if not self.reads:
            return OF_HISTORIES if self.task.candidates_from else ()
        return tuple(name for name in OF_HISTORIES if name in self.reads)

    def _catalogue(
        self, timeline: ItemTimeline, timestamps: NDArray[np.int64], candidates: Ids
    ) -> dict[str, NDArray[Any]]:
        """Return the features of the whole catalogue; numbers need no look-up of ids."""
        names = self._names(of_items=True)
        numbers = [name for name in names if all_features()[name].dtype == "number"]
        others = [name for name in names if name not in numbers]
        places = np.searchsorted(timeline.item_ids.astype(str), self.known.astype(str))
        values = timeline.at(timestamps, numbers)
        return {name: value[:, places] for name, value in values.items()} | (
            timeline.gather(timestamps, candidates, others) if others else {}
        )

    def _names(self, *, of_items: bool) -> list[str]:
        known = all_features()
        return [
            name
            for name in self.task.features
            if (known[name].entity == "item") == of_items
            and (of_items or name in self.queries.columns)
            and (not self.reads or name in self.reads)
        ]


def padded(lists: pl.Series, fill: Any) -> NDArray[Any]:
    """Return a series of lists as one array, padded at the end. Shape: [rows, longest]."""
    lengths = lists.list.len().fill_null(0).to_numpy()
    array = np.full((len(lists), max(1, int(lengths.max(initial=0)))), fill, _dtype_of(fill))
    inside = np.arange(array.shape[1])[None, :] < lengths[:, None]
    array[inside] = lists.explode(empty_as_null=False).to_numpy()
    return array


def _dtype_of(fill: Any) -> Any:
    return object if isinstance(fill, str) else np.float32


def _source_inputs(rows: pl.DataFrame, task: Task) -> dict[str, Scores]:
    return {name: padded(rows[name], 0.0) for name in candidate_inputs(task)}


def _worth(rows: pl.DataFrame, name: str, candidates: Ids, elsewhere: float = 0.0) -> Scores:
    """Return a value of each query's targets at their candidates. Shape: [batch, candidates]."""
    worth = np.full(candidates.shape, elsewhere, np.float32)
    targets: Sequence[Sequence[str]] = rows[Columns.TARGETS].to_list()
    values: Sequence[Sequence[float]] = rows[name].to_list()
    for row, (items, some) in enumerate(zip(targets, values, strict=True)):
        for item, value in zip(items, some, strict=True):
            worth[row, candidates[row] == item] = value
    return worth
