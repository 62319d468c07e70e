"""An index of item vectors: finds the items of largest inner product without looking at all.

A graph of near neighbours (HNSW, Malkov & Yashunin 2018) finds what is near, not what is long. So
each item gets one more value, which makes all of them equally long, and queries a zero there: then
the nearest is the one of largest product (Bachrach et al. 2014, "Speeding up the Xbox recommender
system using a Euclidean transformation for inner-product spaces"). It works where a query's values
are of like size, so that near items are those that score alike: a model moves the scale of its
queries' values into those of its items.

An exact search reads every vector, so it takes ten times as long for ten times the items; an index
takes about the same time whatever their number, and misses a few. The file is usearch's own
format, which holds no code.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lolomo.core.errors import ReleaseError

APPROXIMATE_FROM = 100_000
"""Items from which on an index pays."""
INDEX = "items.usearch"
NEIGHBOURS = 32
"""Edges of a node of the graph."""
BUILD_WIDTH = 128
"""Nodes that are kept in view when an item is added."""
SEARCH_WIDTH = 256
"""Nodes that are kept in view when a query is answered; more find more and take longer."""

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ItemIndex:
    """The vectors of items in a graph, items by their place in the vocabulary."""

    graph: Any
    """A `usearch.index.Index`."""

    @classmethod
    def build(cls, vectors: Vectors) -> Self:
        """Index vectors `[items, dim]`; the same vectors give the same index."""
        from usearch.index import Index, MetricKind

        norms = np.sqrt(np.sum(np.square(vectors, dtype=np.float64), axis=1))
        longest = float(norms.max(initial=0.0))
        missing = np.sqrt(np.maximum(longest**2 - norms**2, 0.0)).astype(np.float32)
        graph = Index(
            ndim=vectors.shape[1] + 1,
            metric=MetricKind.IP,
            dtype="f32",
            connectivity=NEIGHBOURS,
            expansion_add=BUILD_WIDTH,
            expansion_search=SEARCH_WIDTH,
        )
        keys = np.arange(len(vectors), dtype=np.uint64)
        graph.add(keys, np.column_stack([vectors, missing]), threads=1)
        return cls(graph)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Open the index of a release's folder; its pages are read from disk as they are needed.

        Raises:
            ReleaseError: If there is none that can be read.
        """
        from usearch.index import Index

        try:
            graph = Index.restore(path / INDEX, view=True)
        except (RuntimeError, ValueError, OSError) as error:
            raise ReleaseError(
                f"{path / INDEX} cannot be read ({error}): publish the release again"
            ) from error
        if graph is None:
            raise ReleaseError(f"{path / INDEX} is no index of items: publish the release again")
        graph.expansion_search = SEARCH_WIDTH
        return cls(graph)

    def save(self, path: Path) -> None:
        """Write the index into a release's folder."""
        self.graph.save(path / INDEX)

    def __len__(self) -> int:
        return len(self.graph)

    def search(self, vectors: Vectors, k: int) -> tuple[NDArray[np.int64], Vectors]:
        """Return about the k items of largest inner product, best first.

        Args:
            vectors: Of queries. Shape: [batch, dim].
            k: How many.

        Returns:
            Places in the vocabulary, -1 where there are fewer, and products, -inf there. Shapes:
            [batch, k].
        """
        queries = np.column_stack([vectors, np.zeros(len(vectors), np.float32)])
        places = np.full((len(vectors), k), -1, np.int64)
        products = np.full((len(vectors), k), -np.inf, np.float32)
        if not len(vectors) or not len(self):
            return places, products
        found = self.graph.search(queries, min(k, len(self)), threads=1)
        keys = np.atleast_2d(found.keys).astype(np.int64)
        distances = np.atleast_2d(found.distances)
        counts = np.atleast_1d(np.asarray(getattr(found, "counts", keys.shape[1])))
        there = np.arange(keys.shape[1])[None, :] < counts[:, None]
        places[:, : keys.shape[1]][there] = keys[there]
        products[:, : keys.shape[1]][there] = 1.0 - distances[there]
        return places, products
