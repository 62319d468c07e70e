"""Counts of pairs of items: a sparse matrix, or dense ones where the catalogue is small.

Of each pair is counted how often one was watched *after* the other, which fades, and how often the
two were watched *together*, before or after, ever.

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

    def add(self, earlier: Places, later: Places, worth: NDArray[np.float32], fade: float) -> None:
        """Let what was watched after another fade, and then count some pairs.

        Args:
            earlier: Shape: [pairs].
            later: Shape: [pairs].
            worth: What each pair counts as watched after another. Shape: [pairs].
            fade: What is left of earlier such counts, from 0 to 1.
        """
        ...

    def added_up(
        self, entries: Places, weights: NDArray[np.float64], own: NDArray[np.float64]
    ) -> NDArray[np.floating]:
        """Return the weighted sums of the counts of each history's entries.

        Args:
            entries: Places of items. Shape: [rows, length].
            weights: Of the entries, 0 where padded. Shape: [rows, length].
            own: What an item's counts, after and together, weigh by themselves. Shape: [2, items].

        Returns:
            What was watched after, and together with, the entries. Shape: [rows, 2, items].
        """
        ...


def pair_counts(num_items: int) -> PairCounts:
    """Return counts of no pair yet."""
    return DenseCounts(num_items) if num_items <= DENSE_ITEMS else SparseCounts(num_items)


class SparseCounts:
    """Keeps the pairs that have been counted.

    Both counts are blocks of one matrix, after the other, so that a request gathers once.

    Args:
        num_items: How many items there are.
    """

    def __init__(self, num_items: int) -> None:
        self._num_items = num_items
        self._counts = sparse.csr_array((2 * num_items, 2 * num_items), dtype=np.float32)

    def add(self, earlier: Places, later: Places, worth: NDArray[np.float32], fade: float) -> None:
        """Let some counts fade, and then count some pairs; see `PairCounts`."""
        counts, size = self._counts, self._num_items
        first = np.concatenate([earlier, earlier + size, later + size])
        second = np.concatenate([later, later + size, earlier + size])
        counted = np.concatenate([worth, np.ones(2 * len(earlier), np.float32)])
        cells = first.astype(np.int32), second.astype(np.int32)  # the sums keep this type
        faded = counts.data.copy()
        faded[: counts.indptr[size]] *= np.float32(fade)
        before = sparse.csr_array((faded, counts.indices, counts.indptr), shape=counts.shape)
        self._counts = before + sparse.csr_array((counted, cells), shape=counts.shape)

    def added_up(
        self, entries: Places, weights: NDArray[np.float64], own: NDArray[np.float64]
    ) -> NDArray[np.floating]:
        """Return sums of histories' counts; see `PairCounts`.

        By hand, since a single request spends several times as long in a product of sparse
        matrices.
        """
        counts, shape = self._counts, (len(entries), *own.shape)
        rows, columns = np.nonzero(weights > 0)
        items, both = entries[rows, columns], (weights[rows, columns],) * 2
        items = np.concatenate([items, items + self._num_items])
        first = counts.indptr[items]
        lengths = counts.indptr[items + 1] - first
        before = np.cumsum(lengths) - lengths
        places = np.repeat(first - before, lengths)
        places += np.arange(len(places))
        worth = np.repeat(np.concatenate(both) * own.ravel()[items], lengths) * counts.data[places]
        cells = counts.indices[places]
        if len(entries) > 1:
            cells = cells + np.repeat(np.concatenate([rows, rows]) * own.size, lengths)
        sums = np.bincount(cells, worth, len(entries) * own.size)
        return sums.astype(np.float64, copy=False).reshape(shape)


class DenseCounts:
    """Keeps every pair; what fades is counted in a unit that fades in place of the counts.

    Args:
        num_items: How many items there are.
    """

    def __init__(self, num_items: int) -> None:
        self._after = np.zeros((num_items, num_items), np.float32)
        self._together = np.zeros_like(self._after)
        self._unit = 1.0

    def add(self, earlier: Places, later: Places, worth: NDArray[np.float32], fade: float) -> None:
        """Let some counts fade, and then count some pairs; see `PairCounts`."""
        self._unit *= fade
        if self._unit < SMALLEST_UNIT:
            self._after *= np.float32(self._unit)
            self._unit = 1.0
        size = len(self._after)
        np.add.at(self._after.reshape(-1), earlier * size + later, worth / np.float32(self._unit))
        for first, second in ((earlier, later), (later, earlier)):
            np.add.at(self._together.reshape(-1), first * size + second, np.float32(1))

    def added_up(
        self, entries: Places, weights: NDArray[np.float64], own: NDArray[np.float64]
    ) -> NDArray[np.floating]:
        """Return sums of histories' counts; see `PairCounts`."""
        known = weights > 0
        items, shape = entries[known], (len(entries), len(self._after))
        ends = np.concatenate([[0], np.cumsum(known.sum(axis=1))])
        sums = []
        for counts, unit, weight in zip(
            (self._after, self._together), (self._unit, 1.0), own, strict=True
        ):
            worth = (weights[known] * weight[items] * unit).astype(np.float32)
            sums.append(sparse.csr_array((worth, items, ends), shape) @ counts)
        return np.stack(sums, axis=1)
