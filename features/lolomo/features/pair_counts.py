"""Fading counts of pairs of items: a sparse matrix, or a dense one where the catalogue is small.

Two titles of a hundred thousand have hardly ever been watched by one user, so what is not zero is
kept alone. In a catalogue of a thousand nearly every pair has been, and then a sparse matrix is the
larger and by far the slower one: a history's entries are added up by whole rows instead, and to
count a few plays more is to write into a few cells rather than to merge two matrices.

Both count the same, up to the rounding of float32.
"""

from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

DENSE_ITEMS = 2048
"""Up to so many items are kept dense: 16 MiB a matrix."""
SMALLEST_UNIT = 1e-20
"""Of a dense matrix whose counts fade; below it they are written anew, before float32 ends."""

Places: TypeAlias = NDArray[np.signedinteger]
"""Of items."""


class PairCounts(Protocol):
    """How often one item goes with another."""

    def add(self, first: Places, second: Places, worth: NDArray[np.float32], fade: float) -> None:
        """Let all counts fade, and then count some pairs.

        Args:
            first: Shape: [pairs].
            second: Shape: [pairs].
            worth: What each pair counts. Shape: [pairs].
            fade: What is left of earlier counts, from 0 to 1.
        """
        ...

    def added_up(
        self, entries: Places, weights: NDArray[np.float64], own: NDArray[np.float64]
    ) -> NDArray[np.floating]:
        """Return the weighted sums of the counts of each history's entries. Shape: [rows, items].

        Args:
            entries: Places of items. Shape: [rows, length].
            weights: Of the entries, 0 where padded. Shape: [rows, length].
            own: What an item's counts weigh by themselves. Shape: [items].
        """
        ...


def pair_counts(num_items: int) -> PairCounts:
    """Return counts of no pair yet."""
    return DenseCounts(num_items) if num_items <= DENSE_ITEMS else SparseCounts(num_items)


class SparseCounts:
    """Keeps the pairs that have been counted.

    Args:
        num_items: How many items there are.
    """

    def __init__(self, num_items: int) -> None:
        self._counts = sparse.csr_array((num_items, num_items), dtype=np.float32)

    def add(self, first: Places, second: Places, worth: NDArray[np.float32], fade: float) -> None:
        """Let all counts fade, and then count some pairs; see `PairCounts`."""
        cells = first.astype(np.int32), second.astype(np.int32)  # the sums keep this type
        new = sparse.csr_array((worth, cells), shape=self._counts.shape)
        faded = self._counts if fade == 1.0 else self._counts * np.float32(fade)
        self._counts = faded + new

    def added_up(
        self, entries: Places, weights: NDArray[np.float64], own: NDArray[np.float64]
    ) -> NDArray[np.floating]:
        """Return sums of histories' counts; see `PairCounts`.

        By hand, since a single request spends several times as long in a product of sparse
        matrices.
        """
        counts = self._counts
        rows, columns = np.nonzero(weights > 0)
        items = entries[rows, columns]
        first = counts.indptr[items]
        lengths = counts.indptr[items + 1] - first
        before = np.cumsum(lengths) - lengths
        places = np.repeat(first - before, lengths)
        places += np.arange(len(places))
        worth = np.repeat(weights[rows, columns] * own[items], lengths) * counts.data[places]
        cells = counts.indices[places]
        if len(entries) > 1:
            cells = cells + np.repeat(rows * len(own), lengths)
        sums = np.bincount(cells, worth, len(entries) * len(own))
        return sums.astype(np.float64, copy=False).reshape(len(entries), len(own))


class DenseCounts:
    """Keeps every pair, counted in a unit that fades in place of the counts.

    Args:
        num_items: How many items there are.
    """

    def __init__(self, num_items: int) -> None:
        self._counts = np.zeros((num_items, num_items), np.float32)
        self._unit = 1.0

    def add(self, first: Places, second: Places, worth: NDArray[np.float32], fade: float) -> None:
        """Let all counts fade, and then count some pairs; see `PairCounts`."""
        self._unit *= fade
        if self._unit < SMALLEST_UNIT:
            self._counts *= np.float32(self._unit)
            self._unit = 1.0
        cells = first * len(self._counts) + second
        np.add.at(self._counts.reshape(-1), cells, worth / np.float32(self._unit))

    def added_up(
        self, entries: Places, weights: NDArray[np.float64], own: NDArray[np.float64]
    ) -> NDArray[np.floating]:
        """Return sums of histories' counts; see `PairCounts`."""
        known = weights > 0
        items = entries[known]
        worth = (weights[known] * own[items] * self._unit).astype(np.float32)
        ends = np.concatenate([[0], np.cumsum(known.sum(axis=1))])
        shape = (len(entries), len(self._counts))
        sums: NDArray[np.floating] = sparse.csr_array((worth, items, ends), shape) @ self._counts
        return sums
