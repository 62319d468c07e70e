"""A causal transformer block whose attention sees how long ago each event was.

To the scaled dot products it adds two learned biases a head, as HSTU (Zhai et al. 2024) does: one
for how many events ago, and, where time is told, one for how long ago. The second is continuous: a
piecewise linear function of the log gap, so that no event jumps between buckets.
"""

from typing import Any

import keras
from keras import ops
from typing_extensions import override

NUM_KNOTS = 16
"""How many points, from no gap to the longest, carry the piecewise linear function of the gap."""


class RelativeTimeBias(keras.layers.Layer):  # type: ignore[misc]
    """Attention biases from the number of events and the time between query and key.

    Args:
        num_heads: How many attention heads.
        length: The longest sequence.
        timed: Whether there is a bias for time.
    """

    def __init__(self, num_heads: int, length: int, timed: bool = True, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.num_heads, self.length, self.timed = num_heads, length, timed

    @override
    def build(self, input_shape: Any) -> None:
        self.by_order = self.add_weight(
            shape=(self.length, self.num_heads), initializer="zeros", name="by_order"
        )
        if self.timed:
            self.by_gap = self.add_weight(
                shape=(NUM_KNOTS, self.num_heads), initializer="zeros", name="by_gap"
            )

    @override
    def call(self, gaps: Any) -> Any:
        """Return biases `[batch, heads, length, length]` of scaled log gaps without `heads`."""
        steps = ops.arange(ops.shape(gaps)[1])
        ago = ops.clip(steps[:, None] - steps[None, :], 0, self.length - 1)
        by_order = ops.transpose(
            ops.take(ops.cast(self.by_order, self.compute_dtype), ago, axis=0), (2, 0, 1)
        )
        return by_order[None] + self._by_gap(gaps) if self.timed else by_order[None]

    def _by_gap(self, gaps: Any) -> Any:
        knots = ops.arange(NUM_KNOTS, dtype="float32")
        distance = ops.abs(ops.expand_dims(gaps * (NUM_KNOTS - 1), -1) - knots)
        tents = ops.cast(ops.maximum(1.0 - distance, 0.0), self.compute_dtype)
        biases = ops.matmul(tents, ops.cast(self.by_gap, self.compute_dtype))
        return ops.transpose(biases, (0, 3, 1, 2))


class CausalAttentionBlock(keras.layers.Layer):  # type: ignore[misc]
    """Pre-norm self-attention and a feed-forward layer, each with a residual connection.

    Args:
        dim: Size of the states.
        num_heads: How many attention heads.
        length: The longest sequence.
        timed: Whether attention sees time.
        dropout: Share of activations dropped in training.
    """

    def __init__(
        self, dim: int, num_heads: int, length: int, timed: bool, dropout: float, **kwargs: Any
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.dim, self.num_heads = dim, num_heads
        self.bias = RelativeTimeBias(num_heads, length, timed, name="bias")
        self.attention_norm = keras.layers.LayerNormalization(name="attention_norm")
        self.project_in = keras.layers.Dense(3 * dim, name="project_in")
        self.project_out = keras.layers.Dense(dim, name="project_out")
        self.feed_forward = keras.Sequential(
            [
                keras.layers.LayerNormalization(),
                keras.layers.Dense(2 * dim, activation="gelu"),
                keras.layers.Dense(dim),
            ],
            name="feed_forward",
        )
        self.drop = keras.layers.Dropout(dropout, name="drop")

    @override
    def build(self, states_shape: Any) -> None:
        self.bias.build(states_shape)
        self.attention_norm.build(states_shape)
        self.project_in.build(states_shape)
        self.project_out.build(states_shape)
        self.feed_forward.build(states_shape)

    @override
    def call(self, states: Any, gaps: Any, visible: Any, training: bool = False) -> Any:
        """Return new states.

        Args:
            states: `[batch, length, dim]`.
            gaps: Scaled log gaps from each query (axis 1) to each key, `[batch, length, length]`.
            visible: Which keys each query may attend to, bool, as `gaps`; at least one each.
            training: Whether to drop.
        """
        attended = self._attend(self.attention_norm(states), gaps, visible)
        states = states + self.drop(self.project_out(attended), training=training)
        return states + self.drop(self.feed_forward(states), training=training)

    def _attend(self, states: Any, gaps: Any, visible: Any) -> Any:
        """Return the attention-weighted values, heads joined."""
        shape = ops.shape(states)
        size = self.dim // self.num_heads
        parts = ops.reshape(self.project_in(states), (*shape[:2], 3, self.num_heads, size))
        queries, keys, values = ops.unstack(ops.transpose(parts, (2, 0, 3, 1, 4)), 3)
        products = ops.matmul(queries, ops.swapaxes(keys, -1, -2)) / size**0.5
        attention_scores = ops.cast(products + self.bias(gaps), "float32")
        attention_scores = ops.where(visible[:, None], attention_scores, -1e9)
        weights = ops.cast(ops.softmax(attention_scores), self.compute_dtype)
        return ops.reshape(ops.transpose(ops.matmul(weights, values), (0, 2, 1, 3)), shape)
