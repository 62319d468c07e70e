"""SLIM against the conditions of its optimum."""

from typing import ClassVar

import numpy as np
import pytest
from models.conformance import FEW_CHOICES, RetrieverConformance
from scipy import sparse

from lolomo.tasks import NEXT_PLAY
from lolomo.training.models import Slim
from lolomo.training.models.slim import BLOCK, slim_weights

NUM_ITEMS = BLOCK + 10


class TestSlim(RetrieverConformance):
    model = Slim
    task = NEXT_PLAY
    config: ClassVar = {**FEW_CHOICES, "l1": (0.3, 1.0), "l2": 3.0, "memory_days": 1000.0}
    least_ndcg = 0.3
    tolerance = 1e-4


@pytest.fixture(scope="module")
def gram() -> sparse.csr_array:
    watched = np.random.default_rng(4).random((300, NUM_ITEMS)) < np.linspace(0.02, 0.2, NUM_ITEMS)
    watched[:, 7] = watched[:, -1] & watched[:, -2]
    return sparse.csr_array((watched.T.astype(float) @ watched).astype(float))


def test_the_weights_satisfy_the_karush_kuhn_tucker_conditions(gram: sparse.csr_array) -> None:
    l1, l2 = 0.5, 4.0
    weights = slim_weights(gram, (l1, l2), NUM_ITEMS, sweeps=500).toarray()
    gradient = gram @ weights - gram.toarray() + l2 * weights + l1
    np.fill_diagonal(gradient, 0.0)
    assert (weights >= 0).all()
    assert not np.diag(weights).any()
    np.testing.assert_allclose(gradient[weights > 0], 0.0, atol=1e-2)
    assert gradient[weights == 0].min() > -1e-2
    assert 0.01 < (weights > 0).mean() < 0.9


def test_only_the_most_similar_items_predict(gram: sparse.csr_array) -> None:
    weights = slim_weights(gram, (0.1, 1.0), 2, sweeps=50).toarray()
    assert (weights > 0).sum(axis=0).max() <= 2
    assert set(np.flatnonzero(weights[:, 7])) == {NUM_ITEMS - 1, NUM_ITEMS - 2}


def test_a_higher_price_leaves_fewer_weights(gram: sparse.csr_array) -> None:
    cheap, dear = (slim_weights(gram, (l1, 4.0), 20, sweeps=50).nnz for l1 in (0.1, 3.0))
    assert dear < cheap
