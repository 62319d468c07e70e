"""Adds up what the network says of an item and how popular the item is.

Embeddings say what was popular on average; counts say what is popular now. The sum is linear: a
weight for the network's score, and one for the logarithm of each count. The weights are not trained
with the network, but calibrated on events that it has not seen (see `models.calibration`).
"""

from typing import Any

import keras
from keras import ops
from typing_extensions import override


class ScoreBlend(keras.layers.Layer):  # type: ignore[misc]
    """Weighs scores and log counts.

    Args:
        num_counts: How many counts an item has.
    """

    def __init__(self, num_counts: int) -> None:
        super().__init__(dtype="float32", name="score_blend")
        self.num_counts = num_counts

    @override
    def build(self, input_shape: Any = None) -> None:
        self.blend_weights = self.add_weight(
            shape=(1 + self.num_counts,), initializer="zeros", trainable=False, name="blend_weights"
        )
        self.built = True

    @override
    def call(self, scores: Any, log_counts: Any) -> Any:
        """Return the sums. Shape: [batch, candidates].

        Args:
            scores: What the network says, `[batch, candidates]`.
            log_counts: `[batch, candidates, counts]`.
        """
        counted = ops.matmul(log_counts, self.blend_weights[1:, None])[:, :, 0]
        return scores * self.blend_weights[0] + counted
