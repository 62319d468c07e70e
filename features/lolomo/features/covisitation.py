"""Co-visitation: how often the same users watched two items, as fresh as the day.

A model's similarities are frozen when it is fitted; what is watched along with a new title is known
only days later. So a ranker is told, of each candidate, how often it was watched with the items of
the query's history, from counts that go on with the log, as an online store would hold them. Like
the item timeline this walks forward through the log once: the counts that answer a query are those
of the events before the beginning of its UTC day, in training, in evaluation and in serving.

Two features a candidate, each a sum over the history in which recent entries weigh more:

- `covisits_next`: watched *after* the entry, counted with a half-life of 30 days, over both items'
  own faded counts (the asymmetric cosine, Aiolli 2013, with shrinkage);
- `covisits`: watched before or after it, ever.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from lolomo.core.columns import Columns, Kind
from lolomo.core.recommender import Ids, Scores

COVISITS: Final = ("covisits_next", "covisits")
DAY: Final = 86_400_000_000
"""Microseconds."""
WINDOW: Final = 50
"""How many plays later, by the same user, still count as together."""
HALF_LIFE_DAYS: Final = 30.0
HISTORY_HALF_LIFE_DAYS: Final = 7.0
"""A history entry so much older than the latest weighs half."""
HISTORY_DECAY: Final = 0.85
"""Of the part of an entry's weight that falls with each later entry."""


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Plays of one user at most `WINDOW` apart, in order of the later one."""

    earlier: NDArray[np.int64]
    later: NDArray[np.int64]
    times: NDArray[np.int64]
    """Of the later play, in microseconds."""


class CoVisitation:
    """Counts of pairs of items, moving forward in time by days.

    Asking for an earlier day than before is allowed and starts again from the beginning.

    Args:
        events: The event table, in order of time.
        item_ids: Every item that may be asked for, sorted. Shape: [items].
    """

    def __init__(self, events: pl.DataFrame, item_ids: Ids) -> None:
        watched = events.filter(pl.col(Columns.KIND).is_in(Kind.INTERACTIONS))
        self._index = {item_id: place for place, item_id in enumerate(item_ids)}
        self._items = self._places(watched[Columns.ITEM_ID].to_numpy())
        self._times = watched[Columns.TIMESTAMP].dt.epoch("us").to_numpy()
        users = watched[Columns.USER_ID].rank("dense").to_numpy()
        self._pairs = _pairs(users, self._items, self._times)
        self._restart()

    def of(
        self, known_at: NDArray[np.int64], history: Ids, times: NDArray[np.int64], candidates: Ids
    ) -> dict[str, Scores]:
        """Return the features of some candidates of each query.

        Args:
            known_at: As of when counts are asked, microseconds, ascending. Shape: [batch].
            history: Item ids, oldest first, "" where padded. Shape: [batch, length].
            times: When they were watched, 0 where padded. Shape: [batch, length].
            candidates: Item ids; unknown ones and "" have 0. Shape: [batch, candidates].

        Returns:
            By name of `COVISITS`, float32 of shape [batch, candidates].
        """
        answer = {name: np.zeros(candidates.shape, np.float32) for name in COVISITS}
        if not candidates.size:
            return answer
        entries = self._places(history.ravel()).reshape(history.shape)
        wanted = self._places(candidates.ravel()).reshape(candidates.shape)
        weights = np.where(entries >= 0, _recency(times), 0.0)
        days = known_at // DAY
        for day in np.unique(days):
            rows = np.flatnonzero(days == day)
            self._go_to(int(day))
            found = self._sums(entries[rows], weights[rows])
            for name, sums in zip(COVISITS, found, strict=True):
                taken = np.take_along_axis(sums, np.maximum(wanted[rows], 0), axis=1)
                answer[name][rows] = np.where(wanted[rows] >= 0, taken, 0.0)
        return answer

    def advance(self, known_at: int) -> None:
        """Count what is known at a time, microseconds, so that the first query need not wait."""
        self._go_to(known_at // DAY)

    def _places(self, item_ids: Ids) -> NDArray[np.int64]:
        find = self._index.get
        return np.array([find(item_id, -1) for item_id in item_ids.tolist()], np.int64)

    def _restart(self) -> None:
        size = len(self._index)
        self._day = 0
        self._num_events = self._num_pairs = 0
        self._after = sparse.csr_array((size, size), dtype=np.float32)
        self._together = sparse.csr_array((size, size), dtype=np.float32)
        self._recent, self._total = np.zeros(size), np.zeros(size)

    def _go_to(self, day: int) -> None:
        """Count the events before a day begins."""
        if day < self._day:
            self._restart()
        if day == self._day:
            return
        size, fade = len(self._index), 0.5 ** ((day - self._day) / HALF_LIFE_DAYS)
        end = int(np.searchsorted(self._times, day * DAY))
        items, ages = self._new(self._items, self._times, self._num_events, end, day)
        self._recent = self._recent * fade + np.bincount(items, ages, size)
        self._total = self._total + np.bincount(items, minlength=size)
        last = int(np.searchsorted(self._pairs.times, day * DAY))
        later, worth = self._new(self._pairs.later, self._pairs.times, self._num_pairs, last, day)
        earlier = self._pairs.earlier[self._num_pairs : last]
        shape = (size, size)
        faded = sparse.csr_array((worth.astype(np.float32), (earlier, later)), shape=shape)
        whole = sparse.csr_array((np.ones(len(later), np.float32), (earlier, later)), shape=shape)
        self._after = self._after * np.float32(fade) + faded
        self._together = self._together + whole + whole.T.tocsr()
        self._day, self._num_events, self._num_pairs = day, end, last

    def _new(
        self, items: NDArray[np.int64], times: NDArray[np.int64], start: int, end: int, day: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the items of some rows, and what each counts as the day begins."""
        ages = (day * DAY - times[start:end]) / DAY
        return items[start:end], 0.5 ** (ages / HALF_LIFE_DAYS)

    def _sums(
        self, entries: NDArray[np.int64], weights: NDArray[np.float64]
    ) -> tuple[Scores, Scores]:
        """Return both features of every item. Shape of each: [rows, items]."""
        recent, total = self._recent + 5.0, self._total + 10.0
        after = self._weighed(entries, weights, recent**-0.75) @ self._after
        together = self._weighed(entries, weights, total**-0.6) @ self._together
        return (
            (after.toarray() * recent**-0.25).astype(np.float32),
            (together.toarray() * total**-0.4).astype(np.float32),
        )

    def _weighed(
        self, entries: NDArray[np.int64], weights: NDArray[np.float64], own: NDArray[np.float64]
    ) -> sparse.csr_array:
        """Return the histories as rows of weights. Shape: [rows, items]."""
        rows, columns = np.nonzero(weights > 0)
        items = entries[rows, columns]
        values = (weights[rows, columns] * own[items]).astype(np.float32)
        return sparse.csr_array((values, (rows, items)), shape=(len(entries), len(own)))


def _recency(times: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the weight of each entry, 0 where padded. Shape: [batch, length]."""
    ages = (times.max(axis=1, initial=0, keepdims=True) - times) / DAY
    places = np.arange(times.shape[1])[::-1]
    by_place = 0.3 + 0.7 * HISTORY_DECAY**places
    return np.where(times > 0, 0.5 ** (ages / HISTORY_HALF_LIFE_DAYS) * by_place, 0.0)


def _pairs(users: NDArray[np.int64], items: NDArray[np.int64], times: NDArray[np.int64]) -> _Pairs:
    order = np.argsort(users, kind="stable")
    users, items, times = users[order], items[order], times[order]
    found = []
    for lag in range(1, WINDOW + 1):
        same = np.flatnonzero((users[lag:] == users[:-lag]) & (times[lag:] > times[:-lag]))
        found.append((items[same], items[same + lag], times[same + lag]))
    earlier, later, at = (np.concatenate(column) for column in zip(*found, strict=True))
    by_time = np.argsort(at, kind="stable")
    return _Pairs(earlier[by_time], later[by_time], at[by_time])
