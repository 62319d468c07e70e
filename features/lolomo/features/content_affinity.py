"""How much an item's content is like that of a history: what can be said of a title on day one.

Each item is a vector of its title's tokens and of its genres, weighed by how rare they are (tf-idf,
Spärck Jones 1972) and of length 1 for each of the two. A history is the weighted mean of its
items' vectors, later ones counting more, and the affinity is the product of the two.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from lolomo.features.content import NUM_TOKEN_IDS, ItemContent

HALVING_LENGTH = 10.0
"""An item this many places further back in the history counts half."""


@dataclass(frozen=True, slots=True)
class ContentAffinity:
    """Compares histories with all items of a vocabulary."""

    title: sparse.csr_array
    """Unit rows. Shape: [items, token ids]."""
    genres: sparse.csr_array
    """Unit rows. Shape: [items, genres]."""

    @classmethod
    def of(cls, content: ItemContent) -> Self:
        """Weigh the terms of some items' content."""
        return cls(
            _weighed(content.tokens, NUM_TOKEN_IDS), _weighed(content.genres, content.num_genres)
        )

    def __call__(self, histories: NDArray[np.int64]) -> dict[str, NDArray[np.float32]]:
        """Return the affinity of each history to all items, by `title` and by `genres`.

        Args:
            histories: Places of items, oldest first, -1 where padded or unknown. [batch, length].

        Returns:
            Values from 0 to 1, 0 without a history or content. Shapes: [batch, items].
        """
        weights = _recency(histories, self.title.shape[0])
        return {
            name: np.asarray(((weights @ terms) @ terms.T).toarray(), np.float32)
            for name, terms in (("title", self.title), ("genres", self.genres))
        }


def _recency(histories: NDArray[np.int64], num_items: int) -> sparse.csr_array:
    """Return how much each item counts in each history, 1 in all. Shape: [batch, items]."""
    age = np.arange(histories.shape[1])[::-1] / HALVING_LENGTH
    rows, places = np.nonzero(histories >= 0)
    values = 0.5 ** age[places]
    total = np.bincount(rows, values, len(histories))
    shape = (len(histories), num_items)
    return sparse.csr_array((values / total[rows], (rows, histories[rows, places])), shape=shape)


def _weighed(terms: NDArray[np.int32], num_terms: int) -> sparse.csr_array:
    """Return unit rows of inverse document frequencies. Shape: [items, terms]."""
    rows, places = np.nonzero(terms)
    columns = terms[rows, places]
    frequency = np.bincount(columns, minlength=num_terms)
    values = np.log((1 + len(terms)) / (1 + frequency))[columns]
    norms = np.sqrt(np.bincount(rows, values**2, len(terms)))
    values = values / np.maximum(norms[rows], 1e-9)
    return sparse.csr_array((values, (rows, columns)), shape=(len(terms), num_terms))
