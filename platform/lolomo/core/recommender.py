"""What a loaded release can be asked: numpy in, numpy out, whatever the runtime beneath.

A query is a mapping from input name to an array whose first axis is the batch. Names are those of
`Columns` and of the features. String ids stay strings up to this boundary and beyond it.

Axes: `batch` (queries), `length` (history), `items` (the vocabulary), `candidates`, `k`.
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypeIs

Query: TypeAlias = Mapping[str, NDArray[Any]]
Ids: TypeAlias = NDArray[np.object_]
Scores: TypeAlias = NDArray[np.float32]
Factors: TypeAlias = NDArray[np.float32]

EXCLUDE: Final = "exclude"
"""Optional input of a retriever: items that must not come back, "" where padded.
Shape: [batch, excluded]."""


@runtime_checkable
class Retriever(Protocol):
    """Finds items for a query among all it knows."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the arrays that a query must have; others are ignored."""
        ...

    @property
    def items(self) -> Ids:
        """Every item id it can return, in the order of `scores`. Shape: [items]."""
        ...

    def scores(self, query: Query) -> Scores:
        """Score every known item. Shape: [batch, items]."""
        ...

    def retrieve(self, query: Query, k: int) -> tuple[Ids, Scores]:
        """Return the k best items, best first, none of the query's history.

        Returns:
            Ids `[batch, k]`, "" where fewer than k are left, and scores `[batch, k]`.
        """
        ...


@runtime_checkable
class EmbeddingRetriever(Retriever, Protocol):
    """A retriever whose scores are inner products of vectors."""

    def encode(self, query: Query) -> NDArray[np.float32]:
        """Return the vectors of the queries. Shape: [batch, dim]."""
        ...

    def item_vectors(self) -> NDArray[np.float32]:
        """Return the vectors of all items, in the order of `items`. Shape: [items, dim]."""
        ...


@runtime_checkable
class Ranker(Protocol):
    """Orders the candidates that it is given."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the arrays that a query must have; others are ignored."""
        ...

    def rank(self, query: Query) -> Scores:
        """Score the candidates of each query; an unknown candidate is scored, not refused.

        Args:
            query: User and context inputs `[batch]`, candidate inputs `[batch, candidates]`.

        Returns:
            Scores, the higher the better. Shape: [batch, candidates].
        """
        ...


def ranks(recommender: Retriever | Ranker) -> TypeIs[Ranker]:
    """Return whether a recommender ranks; `isinstance` would take a page .1 ms to say so."""
    return hasattr(recommender, "rank")


@runtime_checkable
class PosteriorRanker(Ranker, Protocol):
    """A ranker that knows how sure it is: its scores have a posterior."""

    def rank_with_factors(self, query: Query) -> tuple[Scores, Factors]:
        """Score the candidates of each query, and say how the scores may move together.

        Returns:
            Scores as of `rank`, and factors: for a standard normal z of `rank` numbers,
            `scores + z @ factors` is a draw from the posterior. Shapes: [batch, candidates] and
            [batch, rank, candidates].
        """
        ...
