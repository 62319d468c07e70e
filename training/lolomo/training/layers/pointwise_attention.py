"""The block of HSTU: attention without softmax, gated (Zhai et al. 2024).

Softmax attention divides one unit of attention among the events; pointwise attention lets each add
what it has, so that how much of something was watched is not lost. Positions and time enter as
biases, as in `causal_attention`; the gate takes the place of the feed-forward layer.
"""

from typing import Any

import keras
from keras import ops
from typing_extensions import override

from lolomo.training.layers.causal_attention import RelativeTimeBias


class PointwiseAttentionBlock(keras.layers.Layer):  # type: ignore[misc]
    """A residual block: `output(norm(silu(QK + bias) V / length) * U)`.

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
        self.dim, self.num_heads, self.length = dim, num_heads, length
        self.bias = RelativeTimeBias(num_heads, length, timed, name="bias")
        self.input_norm = keras.layers.LayerNormalization(name="input_norm")
        self.project_in = keras.layers.Dense(4 * dim, activation="silu", name="project_in")
        self.output_norm = keras.layers.LayerNormalization(name="output_norm")
        self.project_out = keras.layers.Dense(dim, name="project_out")
        self.drop = keras.layers.Dropout(dropout, name="drop")

    @override
    def build(self, states_shape: Any) -> None:
        self.bias.build(states_shape)
        for layer in (self.input_norm, self.project_in, self.output_norm, self.project_out):
            layer.build(states_shape)

    @override
    def call(self, states: Any, gaps: Any, visible: Any, training: bool = False) -> Any:
        """Return new states; the arguments are those of `CausalAttentionBlock`."""
        shape = ops.shape(states)
        size = self.dim // self.num_heads
        parts = self.project_in(self.input_norm(states))
        gate, *heads = ops.split(parts, 4, axis=-1)
        queries, keys, values = (
            ops.transpose(ops.reshape(part, (*shape[:2], self.num_heads, size)), (0, 2, 1, 3))
            for part in heads
        )
        products = ops.matmul(queries, ops.swapaxes(keys, -1, -2)) + self.bias(gaps)
        weights = ops.silu(products) * ops.cast(visible[:, None], products.dtype) / self.length
        attended = ops.transpose(ops.matmul(weights, values), (0, 2, 1, 3))
        attended = self.output_norm(ops.reshape(attended, shape)) * gate
        return states + self.project_out(self.drop(attended, training=training))
