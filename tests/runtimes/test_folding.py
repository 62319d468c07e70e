"""A ranker's signature whose weights were read once answers as the one with variables."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lolomo.runtimes.tensorflow import (
    SavedModelRanker,
    folded,
    load_saved_model,
    tf,
    works_without_inputs,
)

INPUTS = ("candidates", "item_plays_1d")


@pytest.fixture(scope="module")
def ranker(tmp_path_factory: pytest.TempPathFactory) -> SavedModelRanker:
    path = tmp_path_factory.mktemp("release")
    module: Any = tf.Module()
    module.weights = tf.Variable(tf.random.stateless_normal([3, 4], [1, 2]))
    keys = tf.lookup.KeyValueTensorInitializer(["a", "b"], [1, 2])
    module.table = tf.lookup.StaticHashTable(keys, 0)

    def rank(candidates: Any, item_plays_1d: Any) -> dict[str, Any]:
        vectors = tf.matmul(module.weights, module.weights, transpose_b=True)
        chosen = tf.gather(vectors, module.table.lookup(candidates))
        return {"scores": tf.reduce_sum(chosen, axis=2) * item_plays_1d}

    specs = (
        tf.TensorSpec([None, None], tf.string, "candidates"),
        tf.TensorSpec([None, None], tf.float32, "item_plays_1d"),
    )
    module.rank = tf.function(rank, autograph=False)
    tf.saved_model.save(module, str(path), {"rank": module.rank.get_concrete_function(*specs)})
    loaded = load_saved_model(path, "rank", INPUTS)
    assert isinstance(loaded, SavedModelRanker)
    return loaded


def test_scores_are_the_same_up_to_rounding(ranker: SavedModelRanker) -> None:
    query = {
        "candidates": np.array([["a", "b", "?"]], object),
        "item_plays_1d": np.array([[1.0, 2.0, 3.0]], np.float32),
    }
    tensors = {name: tf.constant(value) for name, value in query.items()}
    plain = ranker.module.signatures["rank"](**tensors)["scores"].numpy()
    np.testing.assert_allclose(ranker.rank(query), plain, rtol=1e-6)


def test_no_variable_is_read_by_a_call(ranker: SavedModelRanker) -> None:
    signature = folded(ranker.module.signatures["rank"])
    operations = {operation.type for operation in signature.graph.get_operations()}
    assert "ReadVariableOp" not in operations
    assert not signature.variables


def test_work_that_no_input_decides_is_found(ranker: SavedModelRanker) -> None:
    assert works_without_inputs(ranker.module.signatures["rank"])


def test_a_product_with_an_input_is_no_such_work(tmp_path: Path) -> None:
    module: Any = tf.Module()
    module.weights = tf.Variable(tf.ones([2, 2]))
    spec = tf.TensorSpec([None, 2], tf.float32, "item_plays_1d")
    module.rank = tf.function(
        lambda item_plays_1d: {"scores": tf.matmul(item_plays_1d, module.weights)}, autograph=False
    )
    tf.saved_model.save(module, str(tmp_path), {"rank": module.rank.get_concrete_function(spec)})
    ranker = load_saved_model(tmp_path, "rank", ("item_plays_1d",))
    assert isinstance(ranker, SavedModelRanker)
    assert ranker.signature is ranker.module.signatures["rank"]
