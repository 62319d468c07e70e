"""Retrievers of the `tensorflow` runtime that compare vectors, with every item or by an index.

Their SavedModel has two more signatures, `encode` for queries and `item_vectors`. A release that
holds an index answers `retrieve` through it; `scores` is exact in any case.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from lolomo.core.columns import Columns
from lolomo.core.recommender import EXCLUDE, Ids, Query, Scores
from lolomo.runtimes.item_index import INDEX, ItemIndex
from lolomo.runtimes.tensorflow import SavedModelRetriever, call, numbers


@dataclass(frozen=True, slots=True)
class VectorRetriever(SavedModelRetriever):
    """Compares the vector of a query with those of all items."""

    def encode(self, query: Query) -> NDArray[np.float32]:
        """Return the vectors that item vectors are multiplied with. Shape: [batch, dim]."""
        return numbers(call(self.module.signatures["encode"], self.inputs, query)["vectors"])

    def item_vectors(self) -> NDArray[np.float32]:
        """Return the vectors of all items, in the order of `items`. Shape: [items, dim]."""
        return numbers(self.module.signatures["item_vectors"]()["vectors"])


@dataclass(frozen=True, slots=True)
class IndexedRetriever(VectorRetriever):
    """Finds items by an index, now and then missing one of the best."""

    index: ItemIndex

    @override
    def retrieve(self, query: Query, k: int) -> tuple[Ids, Scores]:
        """Return about the k best items, none of the history or of the optional input `exclude`.

        The index knows nothing of what must not come back, so it is asked for that many more.
        """
        vectors = self.encode(query)
        hidden = self._hidden(query)
        most = max((len(ids) for ids in hidden), default=0)
        places, scores = self.index.search(vectors, min(k + most, len(self.index)))
        item_ids = np.full((len(vectors), k), "", object)
        best = np.full((len(vectors), k), -np.inf, np.float32)
        for row, ids in enumerate(hidden):
            found = self.items[places[row, places[row] >= 0]].tolist()
            keep = [place for place, item_id in enumerate(found) if item_id not in ids][:k]
            item_ids[row, : len(keep)] = [found[place] for place in keep]
            best[row, : len(keep)] = scores[row, keep]
        return item_ids, best

    def _hidden(self, query: Query) -> list[set[str]]:
        """Return what must not come back, by query."""
        lists = [query[name] for name in (Columns.HISTORY_ITEM_IDS, EXCLUDE) if name in query]
        return [{*map(str, np.concatenate(row))} - {""} for row in zip(*lists, strict=True)]


def with_vectors(retriever: SavedModelRetriever, path: Path) -> VectorRetriever:
    """Return the retriever by its vectors, and by the index of its release if it has one."""
    known = (retriever.module, retriever.inputs, retriever.items)
    if (path / INDEX).is_file():
        return IndexedRetriever(*known, ItemIndex.load(path))
    return VectorRetriever(*known)
