"""Popularity: what many watched, of all time or lately, the baseline that is hardest to beat.

The models order by counts that are features, as fresh as the feature store is. All they learn is
how far back to look: `popularity` nothing, `recent_popularity` which window, `decayed_popularity`
which half-life, or how to weigh several half-lives and the trend against each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from typing_extensions import override

from lolomo.core.recommender import Scores
from lolomo.training.models.data import TrainingData
from lolomo.training.models.export import Tensor, export_ranker, ranker_inputs
from lolomo.training.models.model import Export, Method, Model, Role
from lolomo.training.models.shortlists import Shortlists, available, shortlists

ALL_TIME = "item_plays_total"
WINDOWS = tuple(f"item_plays_{window}" for window in ("1d", "3d", "7d", "14d", "30d", "total"))
HALF_LIVES = tuple(f"item_decayed_plays_{half_life}" for half_life in ("1d", "3d", "7d"))
TREND = "item_trend"
BLENDED = (*HALF_LIVES, "item_plays_1d", "item_plays_30d", "item_plays_total", TREND)


@dataclass(frozen=True, slots=True)
class PopularityConfig:
    """There is nothing to choose."""


class Popularity(Model[PopularityConfig]):
    """Orders items by how often they were ever watched; what every model should beat."""

    name = "popularity"
    Config = PopularityConfig
    roles: ClassVar[Mapping[str, Role]] = {
        "trending_now": Role.ALTERNATIVE,
        "next_play": Role.ALTERNATIVE,
        "top_picks": Role.ALTERNATIVE,
    }
    method: ClassVar[Method] = "rank"
    reads: ClassVar[tuple[str, ...]] = (ALL_TIME,)

    _fitted: bool = False

    @override
    def fit(self, data: TrainingData, rng: np.random.Generator) -> None:
        self._fitted = True

    @override
    def export(self, path: Path) -> Export:
        if not self._fitted:
            raise self.not_fitted()
        return _export(path, (ALL_TIME,), np.ones(1, np.float32))


@dataclass(frozen=True, slots=True)
class RecentPopularityConfig:
    """How to look for the window."""

    default: str = "item_plays_14d"
    """The count to order by where there are no rankings to choose one on."""
    queries_per_batch: int = 64
    """Most queries of each batch of rankings to choose on."""


class RecentPopularity(Model[RecentPopularityConfig]):
    """Orders items by how often they were watched in one window before the query."""

    name = "recent_popularity"
    Config = RecentPopularityConfig
    roles: ClassVar[Mapping[str, Role]] = {
        "trending_now": Role.BASELINE,
        "next_play": Role.BASELINE,
        "top_picks": Role.BASELINE,
    }
    method: ClassVar[Method] = "rank"
    reads: ClassVar[tuple[str, ...]] = WINDOWS

    _column: str | None = None

    @override
    def fit(self, data: TrainingData, rng: np.random.Generator) -> None:
        columns = available(data, WINDOWS)
        lists = shortlists(data, columns, self.config.queries_per_batch, rng) if columns else None
        if lists:
            self._column = columns[int(np.argmax(column_ndcg(lists)))]
        else:
            self._column = self.config.default
        data.progress(1.0, f"orders by {self._column}")

    @override
    def export(self, path: Path) -> Export:
        if self._column is None:
            raise self.not_fitted()
        return _export(path, (self._column,), np.ones(1, np.float32))


@dataclass(frozen=True, slots=True)
class DecayedPopularityConfig:
    """How to look for the half-life, and for the blend."""

    default: str = "item_decayed_plays_3d"
    """The count to order by where there are no rankings to choose one on."""
    queries_per_batch: int = 128
    """Most queries of each batch of rankings to learn from."""
    held_back: float = 0.3
    """Share of the queries, the latest, on which the blend must beat the best half-life."""
    l2: float = 0.003
    """How strongly the blend's weights are drawn to 0, each counting one standard deviation."""


class DecayedPopularity(Model[DecayedPopularityConfig]):
    """Orders items by counts in which the past fades exponentially.

    Chooses the better of the best half-life and a log-linear blend: a weighted sum of log counts of
    several half-lives and windows, and of the trend, fitted by the softmax cross-entropy of whole
    lists (ListNet, Cao et al. 2007). It has one weight a column, so it cannot overfit by much, and
    is refitted on all queries once chosen.
    """

    name = "decayed_popularity"
    Config = DecayedPopularityConfig
    roles: ClassVar[Mapping[str, Role]] = {"trending_now": Role.CHALLENGER}
    method: ClassVar[Method] = "rank"
    reads: ClassVar[tuple[str, ...]] = BLENDED

    _columns: tuple[str, ...] | None = None
    _weights: Scores

    @override
    def fit(self, data: TrainingData, rng: np.random.Generator) -> None:
        self._columns, self._weights = (self.config.default,), np.ones(1, np.float32)
        columns = available(data, BLENDED)
        if not set(columns) & set(HALF_LIVES):
            return
        lists = shortlists(data, columns, self.config.queries_per_batch, rng)
        split = round(len(lists) * (1 - self.config.held_back))
        early, late = lists.part(0, split), lists.part(split, len(lists))
        half_lives = [columns.index(name) for name in columns if name in HALF_LIVES]
        decays = column_ndcg(lists)
        best = max(half_lives, key=lambda column: decays[column])
        self._columns = (columns[best],)
        if len(early) and len(late):
            weights = self._blend(columns, early)
            blended = late.ndcg(_logs(columns, late.values) @ weights)
            if blended > late.ndcg(late.values[:, :, best]):
                self._columns, self._weights = columns, self._blend(columns, lists)
        data.progress(1.0, f"orders by {' + '.join(self._columns)}")

    @override
    def export(self, path: Path) -> Export:
        if self._columns is None:
            raise self.not_fitted()
        return _export(path, self._columns, self._weights)

    def _blend(self, columns: Sequence[str], lists: Shortlists) -> Scores:
        """Return the weights of the log columns that fit the lists best. Shape: [columns]."""
        return lists.blend(_logs(columns, lists.values), self.config.l2)


def column_ndcg(lists: Shortlists) -> list[float]:
    """Return the mean NDCG@10 of ordering by each column."""
    return [lists.ndcg(lists.values[:, :, column]) for column in range(lists.values.shape[2])]


SMALLEST_COUNT = 0.1
"""Added to counts before the logarithm: a count far below it is as good as none."""


def _logs(columns: Sequence[str], values: Scores) -> Scores:
    """Return log counts, and the trend as it is, being a logarithm already."""
    is_log = np.array([name == TREND for name in columns])
    logs: Scores = np.where(
        is_log, values, np.log(np.maximum(values, 0) + np.float32(SMALLEST_COUNT))
    )
    return logs


def _export(path: Path, columns: tuple[str, ...], weights: Scores) -> Export:
    """Write the weighted sum of log columns as a ranker that reads just these columns."""
    from lolomo.runtimes.tensorflow import tf

    def scores(query: Mapping[str, Tensor]) -> Tensor:
        total: Any = 0.0
        for name, weight in zip(columns, weights.tolist(), strict=True):
            value = query[name]
            value = tf.where(tf.math.is_nan(value), tf.zeros_like(value), value)
            if name != TREND:
                value = tf.math.log(tf.maximum(value, 0.0) + SMALLEST_COUNT)
            total += weight * value
        return total

    return export_ranker(path, scores, ranker_inputs((), columns))
