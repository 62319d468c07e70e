"""Fuzzy search: what a text resembles, what is watched, and what the user likes, weighed together.

Titles are matched by their beginnings, by words, and by character runs that survive a slip of the
finger (TF-IDF over character n-grams, Cavnar & Trenkle 1994). The match, fresh log counts and the
nearness of an item to the user's taste are columns of one log-linear score, whose weights are
fitted on the queries of the days before the cut. So prefix times popularity is one of the models it
can become, and what more there is to gain is gained by weights alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from typing_extensions import override

from lolomo.training.models.data import TrainingData
from lolomo.training.models.model import Export, Method, Model, Role
from lolomo.training.models.play_vectors import Taste, play_vectors
from lolomo.training.models.search_blend import (
    READS,
    SearchGraph,
    TitleMatch,
    Weights,
    before_rankings,
    catalogue_index,
)
from lolomo.training.models.search_titles import TitleIndex


@dataclass(frozen=True, slots=True)
class FuzzySearchConfig:
    """How to match, and how to weigh."""

    embedding_dim: int = 48
    """Dimensions of the vectors that taste is measured in."""
    queries_per_batch: int = 32
    """Most queries of each batch of rankings to fit the weights on."""
    l2: float = 0.001
    """How strongly weights are drawn to 0, each counting one standard deviation."""


class FuzzySearch(Model[FuzzySearchConfig]):
    """Blends how a title matches, how much it is watched and how near it is to the user's taste."""

    name = "fuzzy_search"
    Config = FuzzySearchConfig
    roles: ClassVar[Mapping[str, Role]] = {"search": Role.CHALLENGER}
    method: ClassVar[Method] = "rank"
    reads: ClassVar[tuple[str, ...]] = READS

    _graph: SearchGraph | None = None
    _weights: Weights

    @override
    def fit(self, data: TrainingData, rng: np.random.Generator) -> None:
        index = catalogue_index(data)
        titles = TitleMatch(index)
        data.progress(0.3, f"indexed {len(index.item_ids):,} titles")
        early = self._graph_of(before_rankings(data), titles, index, rng)
        self._weights = early.fit(data, self.config.queries_per_batch, self.config.l2, rng)
        self._graph = self._graph_of(data, titles, index, rng)

    @override
    def export(self, path: Path) -> Export:
        if self._graph is None:
            raise self.not_fitted()
        return self._graph.export(path, self._weights)

    def _graph_of(
        self, data: TrainingData, titles: TitleMatch, index: TitleIndex, rng: np.random.Generator
    ) -> SearchGraph:
        vectors = play_vectors(data, index.item_ids, self.config.embedding_dim, rng)
        return SearchGraph(index.item_ids, [titles, Taste(vectors)])
