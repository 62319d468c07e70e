"""Fuzzy search: what a text resembles, what is watched, and what the user likes, weighed together.

Titles are matched by their beginnings, by words, and by character runs that survive a slip of the
finger (TF-IDF over character n-grams, Cavnar & Trenkle 1994). The match, fresh log counts and the
nearness of an item to the user's taste are columns of one log-linear score, whose weights are
fitted on the queries of the days before the cut. So prefix times popularity is one of the models it
can become, and what more there is to gain is gained by weights alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from typing_extensions import override

from lolomo.training.models.data import TrainingData
from lolomo.training.models.model import Role
from lolomo.training.models.play_vectors import Taste, play_vectors
from lolomo.training.models.search_blend import SearchGraph
from lolomo.training.models.search_model import BlendedSearch, BlendedSearchConfig, Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class FuzzySearchConfig(BlendedSearchConfig):
    """How to match, and how to weigh."""

    embedding_dim: int = 48
    """Dimensions of the vectors that taste is measured in."""


class FuzzySearch(BlendedSearch[FuzzySearchConfig]):
    """Blends how a title matches, how much it is watched and how near it is to the user's taste."""

    name = "fuzzy_search"
    Config = FuzzySearchConfig
    roles: ClassVar[Mapping[str, Role]] = {"search": Role.CHALLENGER}

    @override
    def graph_of(
        self, data: TrainingData, catalogue: Catalogue, rng: np.random.Generator
    ) -> SearchGraph:
        item_ids = catalogue.titles.item_ids
        vectors = play_vectors(data, item_ids, self.config.embedding_dim, rng)
        return SearchGraph(item_ids, [catalogue.match, Taste(vectors)])
