"""Adds up what the network says of an item and what is watched now.

Embeddings say what was watched on average; counts and co-visits say what is watched now. The sum is
linear: a weight for the network's score, and one for the logarithm of each value of the candidate.
The weights are not trained with the network, but calibrated on events that it has not seen (see
`models.calibration`).
"""

from typing import Any

import keras
from keras import ops
from typing_extensions import override


class ScoreBlend(keras.layers.Layer):  # type: ignore[misc]
    """Weighs scores and the logarithms of counts and co-visits.

    Args:
        num_values: How many of the latter a candidate has.
    """

    def __init__(self, num_values: int) -> None:
        super().__init__(dtype="float32", name="score_blend")
        self.num_values = num_values

    @override
    def build(self, input_shape: Any = None) -> None:
        self.blend_weights = self.add_weight(
            shape=(1 + self.num_values,), initializer="zeros", trainable=False, name="blend_weights"
        )
        self.built = True

    @override
    def call(self, scores: Any, log_values: Any) -> Any:
        """Return the sums. Shape: [batch, candidates].

        Args:
            scores: What the network says, `[batch, candidates]`.
            log_values: `[batch, candidates, values]`.
        """
        known = ops.matmul(log_values, self.blend_weights[1:, None])[:, :, 0]
        return scores * self.blend_weights[0] + known
