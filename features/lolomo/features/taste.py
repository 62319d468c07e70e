"""Taste: what a user usually watches, and how far a candidate departs from it.

Whether somebody wants the film that everybody talks about depends on whether they usually do. So a
history is summed up by what its items are like, how often watched and how old, as the mean over
its items, of which later ones count more. A candidate is told how far it is from these means, and
the query what means and spreads are. A tree splits on such a difference at once, which it could
otherwise only approach by many splits on both sides.

How often an item was watched is known as of the beginning of the query's UTC day, as in
`covisitation`, in training, in evaluation and in serving; gaps are to the query's very instant.
"""

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns, Kind
from lolomo.core.recommender import Scores
from lolomo.features.asked import DAY, Asked
from lolomo.features.places import Places

TASTES: Final = ("taste_plays", "taste_age", "taste_age_latest")
"""How far a candidate departs from the history in log plays, and in log years since release from
its mean and from its latest entry."""
PROFILE: Final = (
    "profile_plays",
    "profile_plays_spread",
    "profile_plays_latest",
    "profile_age",
    "profile_age_spread",
    "profile_age_latest",
    "profile_new",
    "profile_gap_before",
    "profile_gap_of_five",
)
"""Of a query: mean, spread and latest of the history's log plays and log ages, the share of titles
of this year, and log seconds from the last play but one to the last, and from the fifth last to the
query, NaN where there is none."""
HALVING_LENGTH: Final = 10.0
"""An item this many places further back in the history counts half."""
OF_FIVE: Final = 5
MICROSECONDS: Final = 1e-6


class Taste:
    """How often items were watched and how old they are, moving forward in time by days.

    Asking for an earlier day than before is allowed and starts again from the beginning.

    Args:
        events: The event table, in order of time.
        items: The catalogue.
        places: Of every item that may be asked for.
    """

    def __init__(self, events: pl.DataFrame, items: pl.DataFrame, places: Places) -> None:
        watched = events.filter(pl.col(Columns.KIND).is_in(Kind.INTERACTIONS))
        self._items = places.find(watched[Columns.ITEM_ID].to_numpy())
        self._times = watched[Columns.TIMESTAMP].dt.epoch("us").to_numpy()
        self._years = np.full(len(places), np.nan)
        if Columns.RELEASE_YEAR in items.columns:
            found = places.find(items[Columns.ITEM_ID].to_numpy())
            years = items[Columns.RELEASE_YEAR].cast(pl.Float64).fill_null(np.nan).to_numpy()
            self._years[found[found >= 0]] = years[found >= 0]
        self._day = self._counted = 0
        self._plays = np.zeros(len(places))
        self._values = self._of_items()

    def of(self, asked: Asked) -> dict[str, Scores]:
        """Return the features of candidates, `[batch, candidates]`, and of queries, `[batch]`."""
        weights = _weights(asked.history)
        of_candidates = {name: np.zeros(asked.candidates.shape, np.float32) for name in TASTES}
        of_queries = {name: np.zeros(len(asked.known_at), np.float32) for name in PROFILE}
        answer: dict[str, Scores] = {**of_candidates, **of_queries}
        answer["profile_gap_before"] = _log_seconds(asked.times[:, -1:], asked.times[:, -2:-1])
        answer["profile_gap_of_five"] = _log_seconds(
            asked.timestamps[:, None], asked.times[:, -OF_FIVE : 1 - OF_FIVE]
        )
        for day, rows in asked.by_period(DAY):
            self.advance(day)
            for name, values in self._of_rows(asked, rows, weights[rows]).items():
                answer[name][rows] = values
        return answer

    def _of_rows(
        self, asked: Asked, rows: NDArray[np.int64] | slice, weights: NDArray[np.float64]
    ) -> dict[str, NDArray[np.float64]]:
        """Return what rests on plays and ages, as they are now, of some queries."""
        history, candidates = asked.history[rows], asked.candidates[rows]
        answer = {}
        for name, values in self._values.items():
            past, own = values[history], values[candidates]
            mean, spread = _moments(past, weights)
            answer[f"profile_{name}"], answer[f"profile_{name}_spread"] = mean, spread
            answer[f"profile_{name}_latest"] = past[:, -1]
            answer[f"taste_{name}"] = own - mean[:, None]
        ages = self._values["age"]
        answer["taste_age_latest"] = ages[candidates] - ages[history[:, -1:]]
        answer["profile_new"] = (_shares(weights) * (ages[history] == 0.0)).sum(axis=1)
        return answer

    def _of_items(self) -> dict[str, NDArray[np.float64]]:
        """Return what is known of each item as of the day; a last NaN is what -1 finds."""
        values = {"plays": np.log1p(self._plays), "age": self._log_ages()}
        return {name: np.append(each, np.nan) for name, each in values.items()}

    def _log_ages(self) -> NDArray[np.float64]:
        """Return log1p of the years since each item's release, NaN where unknown."""
        year = 1970 + int(np.datetime64(self._day, "us").astype("datetime64[Y]").astype(int))
        return np.asarray(np.log1p(np.maximum(year - self._years, 0.0)))

    def advance(self, known_at: int) -> None:
        """Count the plays before the day of a time, microseconds, begins."""
        day = known_at // DAY * DAY
        if day == self._day:
            return
        if day < self._day:
            self._counted = 0
            self._plays = np.zeros_like(self._plays)
        end = int(np.searchsorted(self._times, day))
        new = self._items[self._counted : end]
        self._plays += np.bincount(new, minlength=len(self._plays))
        self._day, self._counted = day, end
        self._values = self._of_items()


def _weights(history: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what each entry counts, 0 where padded. Shape: [batch, length]."""
    ages = np.arange(history.shape[1])[::-1]
    return np.where(history >= 0, 0.5 ** (ages / HALVING_LENGTH), 0.0)


def _moments(
    values: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation of each row's known values, NaN without any. [batch]."""
    known = np.isfinite(values)
    shares, filled = _shares(np.where(known, weights, 0.0)), np.where(known, values, 0.0)
    mean = (shares * filled).sum(axis=1)
    spread = np.sqrt((shares * (filled - mean[:, None]) ** 2).sum(axis=1))
    return mean, spread


def _shares(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each row's weights over their sum, NaN where that is 0. The same shape."""
    total = weights.sum(axis=1, keepdims=True)
    return weights / np.where(total > 0, total, np.nan)


def _log_seconds(later: NDArray[np.int64], earlier: NDArray[np.int64]) -> Scores:
    """Return log1p of the seconds between two times, NaN where one is missing. Shape: [batch]."""
    if not later.size or not earlier.size:
        return np.full(len(later), np.nan, np.float32)
    seconds = np.maximum(later[:, 0] - earlier[:, 0], 0) * MICROSECONDS
    known = (later[:, 0] > 0) & (earlier[:, 0] > 0)
    return np.where(known, np.log1p(seconds), np.nan).astype(np.float32)
