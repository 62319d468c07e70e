"""A small ranker as a SavedModel: it reads texts, numbers of candidates and of the query."""

from pathlib import Path
from typing import Any, Final

import numpy as np

from lolomo.core.recommender import Query
from lolomo.runtimes.tensorflow import SavedModelRanker, load_saved_model, tf

INPUTS: Final = ("candidates", "history_item_ids", "item_plays_1d", "user_plays_1d")


def small_ranker(path: Path) -> SavedModelRanker:
    """Export a ranker into a folder, and load it: vectors of candidates and history, and counts."""
    module: Any = tf.Module()
    module.weights = tf.Variable(tf.random.stateless_normal([4, 4], [1, 2]))
    module.biases = tf.Variable([0.0, 0.5, -0.5, 1.5])
    keys = tf.lookup.KeyValueTensorInitializer(["a", "b", "c"], [1, 2, 3])
    module.table = tf.lookup.StaticHashTable(keys, 0)

    def rank(**query: Any) -> dict[str, Any]:
        vectors = tf.matmul(module.weights, module.weights, transpose_b=True)
        own, past = (
            tf.gather(vectors, module.table.lookup(query[name]))
            for name in ("candidates", "history_item_ids")
        )
        seen = tf.cast(query["history_item_ids"] != "", tf.float32)[:, :, None]
        user = tf.reduce_sum(past * seen, axis=1, keepdims=True)
        counted = tf.math.log1p(query["item_plays_1d"]) + query["user_plays_1d"][:, None]
        bias = tf.gather(module.biases, module.table.lookup(query["candidates"]))
        return {"scores": tf.reduce_sum(own * user, axis=2) + counted + bias}

    specs = {name: tf.TensorSpec([None, None], tf.string, name=name) for name in INPUTS[:2]}
    specs["item_plays_1d"] = tf.TensorSpec([None, None], tf.float32, name="item_plays_1d")
    specs["user_plays_1d"] = tf.TensorSpec([None], tf.float32, name="user_plays_1d")
    module.rank = tf.function(rank, autograph=False)
    tf.saved_model.save(module, str(path), {"rank": module.rank.get_concrete_function(**specs)})
    loaded = load_saved_model(path, "rank", INPUTS)
    assert isinstance(loaded, SavedModelRanker)
    return loaded


def asked(candidates: str, history: str, queries: int = 1) -> Query:
    """Return queries about items of one letter each."""
    shown = np.array([list(candidates)] * queries, object)
    return {
        "candidates": shown,
        "history_item_ids": np.array([list(history)] * queries, object),
        "item_plays_1d": np.arange(shown.size, dtype=np.float32).reshape(shown.shape),
        "user_plays_1d": np.full(queries, 2.0, np.float32),
    }
