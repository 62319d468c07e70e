"""Users' plays as bags of items, and the scorer that a network over bags is.

A variational autoencoder sees a user as the set of what was watched, and tells how likely each item
is to be in it. Large bags are split, so that a batch has one width.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from lolomo.training.models.blended import HistoryScorer
from lolomo.training.models.export import Tensor
from lolomo.training.models.plays import Plays, watched

if TYPE_CHECKING:
    from lolomo.training.loop import Examples


def bags_of(plays: Plays, length: int) -> NDArray[np.int32]:
    """Return each user's items as rows: item i as i + 1, padded with 0 at the end.

    A user with more than `length` items has several rows. Users with a single item, which foretells
    nothing, are left out as long as others remain. Shape: [bags, length].
    """
    matrix = watched(plays, 1e9)
    counts = np.diff(matrix.indptr)
    row = np.repeat(np.arange(matrix.shape[0]), counts)
    place = np.arange(matrix.nnz) - matrix.indptr[row]
    _, bag = np.unique(row * (matrix.shape[1] + 1) + place // length, return_inverse=True)
    bags = np.zeros((int(bag.max()) + 1, length), np.int32)
    bags[bag, place % length] = matrix.indices + 1
    several = (bags > 0).sum(axis=1) > 1
    return bags[several] if several.any() else bags


def examples_of(bags: NDArray[np.int32], batch_size: int) -> "Examples":
    """Return what the training loop learns from."""
    import tensorflow as tf

    from lolomo.training.loop import Examples

    dataset = tf.data.Dataset.from_tensor_slices({"items": bags})
    return Examples(training=dataset, num_training=len(bags), batch_size=batch_size)


class BagScorer(HistoryScorer):
    """Scores items by a network over bags.

    Args:
        network: With `logits(items, weights)`, log-likelihoods of items up to a constant.
    """

    def __init__(self, network: Any) -> None:
        self.network = network

    @property
    @override
    def variables(self) -> Sequence[Any]:
        return [weight.value for weight in self.network.weights]

    @override
    def scores(self, history: Tensor, recency: Tensor) -> Tensor:
        """Return how likely each item is beside the likeliest."""
        import tensorflow as tf

        logits = self.network.logits(history, recency)
        return tf.exp(logits - tf.reduce_max(logits, axis=1, keepdims=True))
