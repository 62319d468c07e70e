"""What the search models share: a graph of columns, and weights fitted on past queries.

A `SearchModel` is a `SearchGraph` with weights. A `BlendedSearch` fits those weights on queries
after the events that its columns are learned from, and then learns its columns from all events.
"""

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np
from typing_extensions import override

from lolomo.training.models.data import TrainingData
from lolomo.training.models.model import ConfigT, Export, Method, Model
from lolomo.training.models.search_blend import (
    READS,
    SearchGraph,
    TitleMatch,
    Weights,
    before_rankings,
    catalogue_index,
)
from lolomo.training.models.search_titles import TitleIndex


class SearchModel(Model[ConfigT]):
    """Ranks the catalogue by what a `SearchGraph` says of a text; `fit` sets graph and weights."""

    method: ClassVar[Method] = "rank"
    reads: ClassVar[tuple[str, ...]] = READS

    _graph: SearchGraph | None = None
    _weights: Weights

    @override
    def export(self, path: Path) -> Export:
        if self._graph is None:
            raise self.not_fitted()
        return self._graph.export(path, self._weights)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlendedSearchConfig:
    """How to weigh."""

    queries_per_batch: int = 32
    """Most queries of each batch of rankings to fit the weights on."""
    l2: float = 0.001
    """How strongly weights are drawn to 0, each counting one standard deviation."""


BlendedSearchConfigT = TypeVar("BlendedSearchConfigT", bound=BlendedSearchConfig)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What can be found, indexed once."""

    titles: TitleIndex
    match: TitleMatch
    """How a text fits the titles."""


class BlendedSearch(SearchModel[BlendedSearchConfigT]):
    """A search whose weights are fitted on queries that its columns have not learned from."""

    @abstractmethod
    def graph_of(
        self, data: TrainingData, catalogue: Catalogue, rng: np.random.Generator
    ) -> SearchGraph:
        """Return the graph, its columns learned from the data."""

    @override
    def fit(self, data: TrainingData, rng: np.random.Generator) -> None:
        index = catalogue_index(data)
        catalogue = Catalogue(index, TitleMatch(index))
        data.progress(0.3, f"indexed {len(index.item_ids):,} titles")
        early = before_rankings(data)
        graph = self.graph_of(early, catalogue, rng)
        self._weights = graph.fit(data, self.config.queries_per_batch, self.config.l2, rng)
        self._graph = graph if early is data else self.graph_of(data, catalogue, rng)
