"""Counts of pairs: sparse or dense, they are the same."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lolomo.features.pair_counts import (
    DENSE_ITEMS,
    DenseCounts,
    PairCounts,
    SparseCounts,
    pair_counts,
)

NUM_ITEMS = 6
ENTRIES = np.array([[-1, 0, 2], [5, 5, 1], [-1, -1, -1]])
WEIGHTS = np.array([[0.0, 0.5, 1.0], [0.2, 0.3, 1.0], [0.0, 0.0, 0.0]])
OWN = np.linspace(0.5, 1.5, 2 * NUM_ITEMS).reshape(2, NUM_ITEMS)


def counted(counts: PairCounts, fades: tuple[float, ...]) -> NDArray[np.floating]:
    """Count some pairs, some of them twice, after each of the fades; add up histories."""
    rng = np.random.default_rng(3)
    for fade in fades:
        earlier, later = rng.integers(NUM_ITEMS, size=(2, 40))
        counts.add(earlier, later, rng.random(40, np.float32), fade)
    return counts.added_up(ENTRIES, WEIGHTS, OWN)


@pytest.mark.parametrize("fades", [(), (1.0,), (1.0, 0.5, 0.9), (1.0, 1e-12, 1e-12, 0.5), (0.0,)])
def test_dense_and_sparse_counts_are_the_same(fades: tuple[float, ...]) -> None:
    dense, kept = counted(DenseCounts(NUM_ITEMS), fades), counted(SparseCounts(NUM_ITEMS), fades)
    assert dense.shape == kept.shape == (3, 2, NUM_ITEMS)
    assert not dense[2].any()
    np.testing.assert_allclose(dense, kept, rtol=1e-5)


@pytest.mark.parametrize("make", [DenseCounts, SparseCounts])
def test_a_history_alone_has_the_sums_that_it_has_among_others(
    make: type[DenseCounts | SparseCounts],
) -> None:
    counts = make(NUM_ITEMS)
    among = counted(counts, (1.0, 0.7))
    for row in range(3):
        alone = counts.added_up(ENTRIES[row : row + 1], WEIGHTS[row : row + 1], OWN)
        np.testing.assert_array_equal(alone[0], among[row])


def test_small_catalogues_are_dense_and_large_ones_are_not() -> None:
    assert isinstance(pair_counts(3), DenseCounts)
    assert isinstance(pair_counts(DENSE_ITEMS + 1), SparseCounts)


@pytest.mark.parametrize("make", [DenseCounts, SparseCounts])
def test_what_came_after_fades_and_what_went_together_does_not(
    make: type[DenseCounts | SparseCounts],
) -> None:
    counts, one = make(NUM_ITEMS), np.ones(1, np.float32)
    counts.add(np.array([0]), np.array([1]), one, 1.0)
    counts.add(np.array([0]), np.array([2]), one, 0.5)
    sums = [
        counts.added_up(np.array([[place]]), np.ones((1, 1)), np.ones((2, NUM_ITEMS)))[0].tolist()
        for place in (0, 1)
    ]
    assert sums[0] == [[0, 0.5, 1, 0, 0, 0], [0, 1, 1, 0, 0, 0]]
    assert sums[1] == [[0] * NUM_ITEMS, [1, 0, 0, 0, 0, 0]]
