"""Co-visitation: how often the same users watched two items, as fresh as the hour.

A model's similarities are frozen when it is fitted; what is watched along with a new title is known
only days later. So a ranker is told, of each candidate, how often it was watched with the items of
the query's history, from counts that go on with the log, as an online store would hold them. Like
the item timeline this walks forward through the log once: the counts that answer a query are those
of the events before the beginning of its period, a day or an hour, in training, in evaluation and
in serving.

Two features a candidate and scale, each a sum over the history of which later entries weigh more:

- `covisits_next`: watched *after* the entry, counted with a half-life of 30 days, over both items'
  own faded counts (the asymmetric cosine, Aiolli 2013, with shrinkage);
- `covisits`: watched before or after it, ever.

What follows at once is another relation than what follows some day: the parts of a series, the rest
of a list that somebody works through. Hence several scales, by how many plays of the same user lie
at most between: the shorter look at the last few entries of the history, and the shortest are
counted by the hour, since what many watch in a row today is what the next one watches.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns, Kind
from lolomo.core.recommender import Scores
from lolomo.features.asked import DAY, Asked
from lolomo.features.pair_counts import pair_counts
from lolomo.features.places import Places

HOUR: Final = DAY // 24
"""Microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """What counts as together, and as of when."""

    window: int
    """How many plays later, by the same user, still count."""
    period: int = DAY
    """Counts are those of the beginning of a period so long, in microseconds."""
    latest_only: bool = True
    """Whether only the last few entries of the history count."""


SCALES: Final = {
    "covisits": Scale(window=50, latest_only=False),
    "covisits_near": Scale(window=10),
    "covisits_soon": Scale(window=3, period=HOUR),
    "covisits_then": Scale(window=1, period=HOUR),
}
COVISITS: Final = tuple(f"{scale}{end}" for scale in SCALES for end in ("_next", ""))
HALF_LIFE: Final = 30.0 * DAY
"""Of the counts that fade, in microseconds."""
HISTORY_HALF_LIFE_DAYS: Final = 7.0
"""A history entry so much older than the latest weighs half."""
HISTORY_DECAY: Final = 0.85
"""Of the part of an entry's weight that falls with each later entry."""
LATEST_DECAY: Final = 0.75
"""By how much an entry's weight falls with each later entry, where only the last few count."""
AT_ONCE: Final = 64
"""Of how many histories of a batch the sums over all items are in memory."""
REMEMBERED: Final = 4
"""Of how many histories the sums over all items are kept."""


class CoVisitation:
    """Counts of pairs of items on every scale, moving forward in time.

    Asking for an earlier time than before is allowed and starts again from the beginning.

    Args:
        events: The event table, in order of time.
        places: Of every item that may be asked for.
    """

    def __init__(self, events: pl.DataFrame, places: Places) -> None:
        plays = _Plays.of(events, places)
        self._pairs = {
            name: _PairCounts(plays, scale, len(places)) for name, scale in SCALES.items()
        }

    def of(self, asked: Asked, names: Collection[str] = COVISITS) -> dict[str, Scores]:
        """Return features of the candidates, by name. Shape of each: [batch, candidates].

        Args:
            asked: Queries with their histories and candidates.
            names: Which of `COVISITS`; a scale that none of them is of costs nothing.
        """
        scales = [scale for scale in SCALES if {scale, f"{scale}_next"} & set(names)]
        answer = {name: np.zeros(asked.candidates.shape, np.float32) for name in names}
        known, places = asked.history >= 0, np.arange(asked.history.shape[1])[::-1]
        weights = np.where(known, _recency(asked.times), 0.0)
        latest = np.where(known, LATEST_DECAY**places, 0.0)
        for scale in scales:
            pairs = self._pairs[scale]
            by_entry = latest if pairs.scale.latest_only else weights
            for start, rows in asked.by_period(pairs.scale.period):
                pairs.advance(start)
                sums = pairs.sums(asked.history[rows], by_entry[rows], asked.candidates[rows])
                for name, values in zip((f"{scale}_next", scale), sums, strict=True):
                    if name in answer:
                        answer[name][rows] = values
        return answer

    def advance(self, known_at: int) -> None:
        """Count what is known at a time, microseconds."""
        for pairs in self._pairs.values():
            pairs.advance(known_at // pairs.scale.period * pairs.scale.period)


@dataclass(frozen=True, slots=True)
class _Plays:
    """Who watched what when, in order of time. Shape of each: [plays]."""

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    times: NDArray[np.int64]

    @classmethod
    def of(cls, events: pl.DataFrame, places: Places) -> "_Plays":
        watched = events.filter(pl.col(Columns.KIND).is_in(Kind.INTERACTIONS))
        return cls(
            watched[Columns.USER_ID].rank("dense").cast(pl.Int64).to_numpy(),
            places.find(watched[Columns.ITEM_ID].to_numpy()),
            watched[Columns.TIMESTAMP].dt.epoch("us").to_numpy(),
        )

    def pairs(self, window: int) -> "_Pairs":
        """Return the plays of one user at most so many apart, by the time of the later."""
        order = np.argsort(self.users, kind="stable")
        users, items, times = self.users[order], self.items[order], self.times[order]
        before = np.full((len(order), window), -1, np.int32)
        for lag in range(1, window + 1):
            same = np.flatnonzero((users[lag:] == users[:-lag]) & (times[lag:] > times[:-lag]))
            before[order[same + lag], lag - 1] = items[same]
        found = before >= 0
        many = found.sum(axis=1)
        return _Pairs(before[found], np.repeat(np.arange(len(order), dtype=np.int32), many))


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Two plays of one user, in order of the later one; there are dozens for each play.

    Shape of each: [pairs].
    """

    earlier: NDArray[np.int32]
    """What was watched first: places of items."""
    later: NDArray[np.int32]
    """The later of the two, by its number among all plays."""


class _PairCounts:
    """The counts of one scale, as of the beginning of a period.

    One more place than there are items is the last, which -1 finds: that of no item, never counted.
    """

    def __init__(self, plays: _Plays, scale: Scale, num_items: int) -> None:
        self.scale = scale
        self._plays, self._pairs = plays, plays.pairs(scale.window)
        self._size = num_items + 1
        self._restart()

    def _restart(self) -> None:
        self._start = 0
        self._num_plays = self._num_pairs = 0
        self._counts = pair_counts(self._size)
        self._recent, self._total = np.zeros(self._size), np.zeros(self._size)
        self._weigh()

    def advance(self, start: int) -> None:
        """Count what lies before a period begins; what was counted already fades."""
        if start < self._start:
            self._restart()
        if start == self._start:
            return
        fade = 0.5 ** ((start - self._start) / HALF_LIFE)
        plays, pairs, size = self._plays, self._pairs, self._size
        end = int(np.searchsorted(plays.times, start))
        new = slice(self._num_plays, end)
        counted = np.bincount(plays.items[new], _faded(plays.times[new], start), size)
        self._recent = self._recent * fade + counted
        self._total = self._total + np.bincount(plays.items[new], minlength=size)
        last = int(np.searchsorted(pairs.later, np.int32(end)))
        earlier, later = pairs.earlier[self._num_pairs : last], pairs.later[self._num_pairs : last]
        worth = _faded(plays.times[later], start)
        self._counts.add(earlier, plays.items[later], worth, fade)
        self._start, self._num_plays, self._num_pairs = start, end, last
        self._weigh()

    def _weigh(self) -> None:
        """Find what each item's counts weigh beside an entry's and a candidate's, once a period."""
        recent, total = self._recent + 5.0, self._total + 10.0
        self._recent_sums: dict[bytes, Scores] = {}
        self._own = np.stack([recent**-0.75, total**-0.6])
        self._other = np.stack([recent**-0.25, total**-0.4])

    def sums(
        self,
        entries: NDArray[np.int64],
        weights: NDArray[np.float64],
        candidates: NDArray[np.int64],
    ) -> tuple[Scores, Scores]:
        """Return what followed and what was watched along, of candidates, 0 where there is none.

        Args:
            entries: Places of items. Shape: [rows, length].
            weights: Of the entries, 0 where padded. Shape: [rows, length].
            candidates: Places of items, -1 where there is none. Shape: [rows, candidates].
        """
        if len(entries) == 1:
            after, together = self._of_all(entries, weights)
            return after[candidates], together[candidates]
        found = np.empty((2, *candidates.shape), np.float32)
        for start in range(0, len(entries), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            sums = self._counts.added_up(entries[some], weights[some], self._own)
            rows, places = np.arange(len(sums))[:, None], candidates[some]
            for kind, other in enumerate(self._other):
                found[kind, some] = sums[rows, kind, places] * other[places]
        return found[0], found[1]

    def _of_all(self, entries: NDArray[np.int64], weights: NDArray[np.float64]) -> Scores:
        """Return what `sums` does of all items for one history. Shape: [2, items].

        It is kept for a while: a page asks twice, for a generator and for its ranker.
        """
        key = entries.tobytes() + weights.tobytes()
        found = self._recent_sums.get(key)
        if found is None:
            sums = self._counts.added_up(entries, weights, self._own)[0]
            found = (sums * self._other).astype(np.float32)
            if len(self._recent_sums) >= REMEMBERED:
                self._recent_sums.clear()
            self._recent_sums[key] = found
        return found


def _recency(times: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the weight of each entry, 0 where padded. Shape: [batch, length]."""
    ages = (times.max(axis=1, initial=0, keepdims=True) - times) / DAY
    places = np.arange(times.shape[1])[::-1]
    by_place = 0.3 + 0.7 * HISTORY_DECAY**places
    return np.where(times > 0, 0.5 ** (ages / HISTORY_HALF_LIFE_DAYS) * by_place, 0.0)


def _faded(times: NDArray[np.int64], start: int) -> NDArray[np.float32]:
    """Return what each event counts as a period begins."""
    return np.exp2((times - start) / HALF_LIFE).astype(np.float32)
