"""What all item-item models share: weights from item to item, and how a history uses them.

Such a model is a sparse matrix: the few items that each item speaks for, and how strongly. A query
is scored by adding up the rows of its history, each weighed by how recent it is. Around it stands
what `blended` adds to any scorer of histories.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from typing_extensions import override

from lolomo.core.recommender import Scores
from lolomo.training.models.blended import HistoryScorer
from lolomo.training.models.export import Tensor


class ItemItem(HistoryScorer):
    """Adds up the rows of a sparse matrix.

    In TensorFlow the weights are `[rows, neighbours]`, never dense.

    Args:
        weights: What the row says for the column, in whatever unit. Shape: [rows, items].
    """

    def __init__(self, weights: sparse.csr_array) -> None:
        self.weights = in_unit(weights)

    @property
    @override
    def variables(self) -> Sequence[Any]:
        return self._tables

    @override
    def scores(self, history: Tensor, recency: Tensor) -> Tensor:
        from lolomo.runtimes.tensorflow import tf

        neighbours, weights = self._tables
        num_items = self.weights.shape[1]
        votes = tf.gather(weights, history) * recency[:, :, None]
        batch = tf.shape(history)[0]
        offset = tf.range(batch)[:, None, None] * num_items
        flat = tf.reshape(tf.gather(neighbours, history) + offset, [-1])
        total = tf.math.unsorted_segment_sum(tf.reshape(votes, [-1]), flat, batch * num_items)
        return tf.reshape(total, [batch, num_items])

    @cached_property
    def _tables(self) -> tuple[Any, Any]:
        """Column ids and values, rows of equal length after one row for padding."""
        from lolomo.runtimes.tensorflow import tf

        ids, values = _rows_of(self.weights)
        return tf.Variable(ids, trainable=False), tf.Variable(values, trainable=False)


def in_unit(weights: sparse.csr_array) -> sparse.csr_array:
    """Return weights scaled so that a row's strongest is 1 on average, as the prior's is."""
    largest = abs(weights).max(axis=1).toarray().ravel()
    unit = largest[largest > 0].mean() if (largest > 0).any() else 1.0
    return (weights / unit).astype(np.float32).tocsr()


def strongest(weights: sparse.csr_array, k: int) -> sparse.csr_array:
    """Return the matrix with only the k largest entries of each row, by absolute value."""
    weights = weights.tocsr()
    rows = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr))
    order = np.lexsort((-np.abs(weights.data), rows))
    rank = np.arange(len(order)) - weights.indptr[rows]
    keep = order[rank < k]
    entries = (weights.data[keep], (rows[keep], weights.indices[keep]))
    return sparse.csr_array(entries, shape=weights.shape)


def _rows_of(weights: sparse.csr_array) -> tuple[NDArray[np.int32], Scores]:
    """Return column ids and values, rows of equal length after one row for padding."""
    counts = np.diff(weights.indptr)
    width = max(int(counts.max(initial=0)), 1)
    ids = np.zeros((weights.shape[0] + 1, width), np.int32)
    values = np.zeros((weights.shape[0] + 1, width), np.float32)
    rows = np.repeat(np.arange(weights.shape[0]), counts)
    place = np.arange(weights.nnz) - weights.indptr[rows]
    ids[rows + 1, place] = weights.indices
    values[rows + 1, place] = weights.data
    return ids, values
