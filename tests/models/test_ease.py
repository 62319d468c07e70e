"""EASE against its closed form."""

from typing import ClassVar

import numpy as np
import pytest
from models.conformance import FEW_CHOICES, RetrieverConformance
from numpy.typing import NDArray
from scipy import sparse

from lolomo.core.errors import ModelError
from lolomo.tasks import BECAUSE_YOU_WATCHED, NEXT_PLAY
from lolomo.training.models import Ease
from lolomo.training.models.ease import ease_weights

NUM_ITEMS = 12


class TestEase(RetrieverConformance):
    model = Ease
    task = BECAUSE_YOU_WATCHED
    config: ClassVar = {**FEW_CHOICES, "l2": (10.0, 100.0)}
    least_ndcg = 0.35
    tolerance = 1e-4


class TestEaseOfASmallCore(RetrieverConformance):
    model = Ease
    task = NEXT_PLAY
    config: ClassVar = {**FEW_CHOICES, "l2": 10.0, "memory_days": 1000.0, "max_items": 20}
    least_ndcg = 0.3
    tolerance = 1e-4


@pytest.fixture(scope="module")
def watched() -> sparse.csr_array:
    return sparse.csr_array(np.random.default_rng(2).random((40, NUM_ITEMS)) < 0.3, dtype=float)


def closed_form(watched: sparse.csr_array, l2: float) -> NDArray[np.float64]:
    """Return the weights as Steck (2019) writes them."""
    inverse = np.linalg.inv((watched.T @ watched).toarray() + l2 * np.eye(NUM_ITEMS))
    weights = np.eye(NUM_ITEMS) - inverse / np.diag(inverse)
    return np.asarray(weights, np.float64)


def test_the_weights_are_those_of_the_closed_form(watched: sparse.csr_array) -> None:
    everything = (np.arange(NUM_ITEMS), np.arange(0))
    weights = ease_weights(watched, 3.0, everything, NUM_ITEMS).toarray()
    np.testing.assert_allclose(weights, closed_form(watched, 3.0), atol=1e-5)


def test_an_item_outside_the_core_gets_the_weights_it_would_have_inside(
    watched: sparse.csr_array,
) -> None:
    apart = 4
    core = np.delete(np.arange(NUM_ITEMS), apart)
    weights = ease_weights(watched, 3.0, (core, np.array([apart])), NUM_ITEMS).toarray()
    expected = closed_form(watched, 3.0)
    np.testing.assert_allclose(weights[apart], expected[apart], atol=1e-5)
    np.testing.assert_allclose(weights[:, apart], expected[:, apart], atol=1e-5)


def test_too_little_regularisation_is_refused(watched: sparse.csr_array) -> None:
    twins = sparse.hstack([watched, watched]).tocsr()
    with pytest.raises(ModelError, match="l2 0"):
        ease_weights(twins, 0.0, (np.arange(2 * NUM_ITEMS), np.arange(0)), 5)
