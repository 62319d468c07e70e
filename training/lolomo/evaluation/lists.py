"""Metrics of the shown lists themselves: what they are like, whatever the targets.

* `novelty@k`: mean self-information of the first k items, -log2 of an item's share of all
  interactions before the window, in bits (Zhou et al. 2010).
* `ild@k`: intra-list diversity, the mean Jaccard distance between the genres of two of the first k
  items (Ziegler et al. 2005). Items of no genre are left out.
* `calibration@k`: how far the genres of the first k items are from those of the user's history, as
  the Kullback-Leibler divergence of Steck (2018), the list's distribution smoothed by 1 % of the
  history's. Lower is better; 0 is a list that mirrors the history.

A query for which a metric says nothing is NaN, and does not count: an empty list, fewer than two
items with genres, or a history without any.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.errors import SettingsError
from lolomo.evaluation.genres import Genres
from lolomo.evaluation.judging import TOP_ITEM_IDS
from lolomo.evaluation.queries import NUM_PLAYS
from lolomo.evaluation.seen import SeenItems

SMOOTHING = 0.01
"""Share of the history's distribution that is mixed into the list's, so that no log is of 0."""

_ROWS_AT_ONCE = 2048

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Lists:
    """What was shown to each query, and what lists are held against."""

    judgements: pl.DataFrame
    item_counts: pl.DataFrame
    genres: Genres | None
    seen: SeenItems | None

    def measure(self, name: str, k: int) -> Floats:
        """Return a metric of each query's first k items, NaN where it says nothing.

        Raises:
            SettingsError: If the metric needs genres or histories, and none are known.
        """
        return MEASURES[name](self, k)

    def first(self, k: int) -> tuple[NDArray[np.int64], pl.Series]:
        """Return the query of each of the first k items, and the items, flat."""
        lists = self.judgements[TOP_ITEM_IDS].list.head(k)
        rows = np.repeat(np.arange(len(lists)), lists.list.len().to_numpy())
        return rows, lists.explode(empty_as_null=False)

    def genre_rows(self, k: int) -> NDArray[np.int64]:
        """Return where the first k items stand among the genres. Shape: [queries, k]."""
        rows, items = self.first(k)
        places = np.full((len(self.judgements), k), len(self._genres.places), np.int64)
        starts = np.searchsorted(rows, rows)
        places[rows, np.arange(len(rows)) - starts] = self._genres.rows(items)
        return places

    @property
    def _genres(self) -> Genres:
        if self.genres is None:
            raise SettingsError("a metric of genres needs `genres`: pass `Genres.of(items)`")
        return self.genres

    def novelty(self, k: int) -> Floats:
        """Return the mean self-information. Shape: [queries]."""
        rows, items = self.first(k)
        shares = self.item_counts.select(
            Columns.ITEM_ID, -(pl.col(NUM_PLAYS) / pl.col(NUM_PLAYS).sum()).log(2).alias("bits")
        )
        table = pl.DataFrame({"row": rows, Columns.ITEM_ID: items}).join(
            shares, on=Columns.ITEM_ID, how="left", maintain_order="left"
        )
        # An item that was never watched is as surprising as the rarest that was.
        bits = table["bits"].fill_null(shares["bits"].max()).to_numpy()
        return _mean(rows, bits, len(self.judgements))

    def diversity(self, k: int) -> Floats:
        """Return the mean pairwise Jaccard distance. Shape: [queries]."""
        has = self._genres.has.astype(np.float32)
        places = self.genre_rows(k)
        found = [
            _mean_distance(has[places[start : start + _ROWS_AT_ONCE]])
            for start in range(0, len(places), _ROWS_AT_ONCE)
        ]
        return np.concatenate([*found, np.zeros(0)])

    def calibration(self, k: int) -> Floats:
        """Return the divergence of the list's genres from the history's. Shape: [queries]."""
        if self.seen is None:
            raise SettingsError("calibration needs histories: pass `seen_items(events, queries)`")
        shares = self._genres.shares
        watched = shares[self._genres.rows(self.seen.item_ids)]
        running = np.concatenate([np.zeros((1, shares.shape[1])), np.cumsum(watched, axis=0)])
        history = _normalised(running[self.seen.stops] - running[self.seen.starts])
        shown = _normalised(shares[self.genre_rows(k)].sum(axis=1))
        mixed = (1 - SMOOTHING) * shown + SMOOTHING * history
        ratio = np.divide(history, mixed, out=np.ones_like(history), where=history > 1e-12)
        divergence = (history * np.log(ratio)).sum(axis=1)
        listed = self.judgements[TOP_ITEM_IDS].list.len().to_numpy() > 0
        return np.where(listed & (history.sum(axis=1) > 0), divergence, np.nan)


MEASURES: Mapping[str, Callable[[Lists, int], Floats]] = {
    "calibration": Lists.calibration,
    "ild": Lists.diversity,
    "novelty": Lists.novelty,
}


def _mean(rows: NDArray[np.int64], values: Floats, num_rows: int) -> Floats:
    """Return the mean of values a row, NaN where there are none. Shape: [rows]."""
    totals = np.bincount(rows, values, num_rows)
    counts = np.bincount(rows, minlength=num_rows)
    return _divide(totals, counts)


def _mean_distance(has: NDArray[np.float32]) -> Floats:
    """Return the mean Jaccard distance of pairs with genres. Args shape: [rows, k, genres]."""
    common = has @ has.transpose(0, 2, 1)
    sizes = has.sum(axis=2)
    union = sizes[:, :, None] + sizes[:, None, :] - common
    valid = (sizes[:, :, None] > 0) & (sizes[:, None, :] > 0)
    valid &= ~np.eye(has.shape[1], dtype=bool)
    distance = 1.0 - np.divide(common, union, out=np.ones_like(common), where=valid)
    counts = valid.sum(axis=(1, 2))
    totals = np.where(valid, distance, 0.0).sum(axis=(1, 2), dtype=np.float64)
    return _divide(totals, counts)


def _normalised(weights: Floats) -> Floats:
    weights = np.where(weights > 1e-9, weights, 0.0)
    totals = weights.sum(axis=1, keepdims=True)
    return np.nan_to_num(_divide(weights, np.broadcast_to(totals, weights.shape)))


def _divide(values: NDArray[Any], by: NDArray[Any]) -> Floats:
    """Return a quotient, NaN where it is divided by nothing."""
    quotient = np.full(values.shape, np.nan)
    np.divide(values, by, out=quotient, where=by > 0)
    return quotient
