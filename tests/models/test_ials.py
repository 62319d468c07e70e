"""iALS against its normal equations."""

from typing import ClassVar

import numpy as np
import pytest
from models.conformance import FEW_CHOICES, RetrieverConformance
from numpy.typing import NDArray
from scipy import sparse

from lolomo.tasks import NEXT_PLAY
from lolomo.training.models import Ials
from lolomo.training.models.ials import Factors, solve_all

NUM_ITEMS, DIM, UNOBSERVED, L2 = 9, 4, 0.2, 0.03


class TestIals(RetrieverConformance):
    model = Ials
    task = NEXT_PLAY
    config: ClassVar = {
        **FEW_CHOICES,
        "embedding_dim": 8,
        "iterations": 5,
        "unobserved_weight": (0.1, 0.3),
        "l2": 0.01,
    }
    least_ndcg = 0.2
    tolerance = 1e-3


@pytest.fixture(scope="module")
def factors() -> NDArray[np.float32]:
    return np.random.default_rng(3).normal(size=(NUM_ITEMS, DIM)).astype(np.float32)


def normal_equations(
    factors: NDArray[np.float32], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Solve for one user, whose weights are 0 where nothing was watched."""
    amount = weights.sum() + UNOBSERVED * NUM_ITEMS
    left = factors.T @ np.diag(weights + UNOBSERVED) @ factors + L2 * amount * np.eye(DIM)
    return np.asarray(np.linalg.solve(left, factors.T @ weights), np.float64)


def test_a_half_step_solves_the_normal_equations_of_every_row(
    factors: NDArray[np.float32],
) -> None:
    watched = (np.random.default_rng(5).random((30, NUM_ITEMS)) < 0.3).astype(float)
    table = np.vstack([np.zeros((1, DIM), np.float32), factors])
    solved = solve_all(Factors(table, UNOBSERVED, L2), sparse.csr_array(watched))
    expected = [normal_equations(factors, row) if row.any() else np.zeros(DIM) for row in watched]
    np.testing.assert_allclose(solved[1:], np.array(expected), atol=1e-4)
    assert not solved[0].any()


def test_a_history_is_folded_in_by_its_recency(factors: NDArray[np.float32]) -> None:
    table = np.vstack([np.zeros((1, DIM), np.float32), factors])
    history, recency = np.array([[0, 3, 8]], np.int32), np.array([[0.0, 0.25, 1.0]], np.float32)
    weights = np.zeros(NUM_ITEMS)
    weights[[2, 7]] = 0.25, 1.0
    scores = np.asarray(Factors(table, UNOBSERVED, L2).scores(history, recency))[0]
    expected = factors @ normal_equations(factors, weights)
    np.testing.assert_allclose(scores, expected / expected.max(), atol=1e-4)
