"""Prefix times popularity: of the titles that begin so, the most watched lately.

The search that most services begin with, and the baseline of every other. A title begins with a
text if it does so from one of its words on. Where nothing is typed it is recent popularity, and
where nothing begins so as well. All that it learns is which of the counts to order by.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from typing_extensions import override

from lolomo.training.models.data import TrainingData
from lolomo.training.models.model import Role
from lolomo.training.models.search_blend import (
    COUNTS,
    STARTS,
    SearchGraph,
    TitleMatch,
    Weights,
    catalogue_index,
)
from lolomo.training.models.search_model import SearchModel

if TYPE_CHECKING:
    from lolomo.training.models.shortlists import Shortlists

_FIRST = 1000.0
"""What beginning so counts: more than any logarithm of a count."""


@dataclass(frozen=True, slots=True)
class PrefixPopularityConfig:
    """How to look for the count."""

    default: str = "item_decayed_plays_3d"
    """The count to order by where there are no rankings to choose one on."""
    queries_per_batch: int = 16
    """Most queries of each batch of rankings to choose on."""


class PrefixPopularity(SearchModel[PrefixPopularityConfig]):
    """Orders the titles that begin with the text by one decayed count."""

    name = "prefix_popularity"
    Config = PrefixPopularityConfig
    roles: ClassVar[Mapping[str, Role]] = {"search": Role.BASELINE}

    @override
    def fit(self, data: TrainingData, rng: np.random.Generator) -> None:
        index = catalogue_index(data)
        graph = SearchGraph(index.item_ids, [TitleMatch(index, (STARTS,))])
        lists = graph.lists(data, self.config.queries_per_batch, rng)
        best = self.config.default if not len(lists) else _best_count(lists)
        chosen = np.array([name == best for name in COUNTS], np.float32)
        self._graph = graph
        self._weights = Weights(np.append(np.float32(_FIRST), chosen), np.append(0.0, chosen))
        data.progress(1.0, f"orders by {best}")


def _best_count(lists: "Shortlists") -> str:
    """Return the count that orders past queries best."""
    begins = _FIRST * lists.values[:, :, 0]
    quality = [
        lists.ndcg(begins + lists.values[:, :, place]) for place in range(1, len(COUNTS) + 1)
    ]
    return COUNTS[int(np.argmax(quality))]
