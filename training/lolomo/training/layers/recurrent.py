"""A gated recurrent unit over packed windows: the state is forgotten where a window starts."""

from typing import Any

import keras
from keras import ops
from typing_extensions import override


class WindowedGRU(keras.layers.Layer):  # type: ignore[misc]
    """The body of GRU4Rec.

    Args:
        dim: Size of a state.
        units: Units of the recurrent layers.
        num_layers: How many.
        dropout: Share of activations dropped between layers in training.
    """

    def __init__(self, dim: int, units: int, num_layers: int, dropout: float) -> None:
        super().__init__(autocast=False, name="body")
        self.layers_in_order = [
            keras.layers.RNN(_ResettingCell(units), return_sequences=True, name=f"layer_{index}")
            for index in range(num_layers)
        ]
        self.drop = keras.layers.Dropout(dropout, name="drop")
        self.project = keras.layers.Dense(dim, name="project")

    @override
    def build(self, tokens_shape: Any) -> None:
        batch, length, size = tokens_shape
        for layer in self.layers_in_order:
            layer.build((batch, length, size + 1))
            size = layer.cell.units
        self.project.build((batch, length, size))

    @override
    def call(
        self, tokens: Any, moments: Any, gaps: Any, visible: Any, training: bool = False
    ) -> Any:
        """Return states `[batch, length, dim]`; the arguments are those of `NextItemNetwork`.

        A token that sees nothing but itself starts a window.
        """
        num_seen = ops.sum(ops.cast(visible, tokens.dtype), axis=-1)
        starts = ops.cast(num_seen < 1.5, tokens.dtype)[..., None]
        values = tokens + moments
        for layer in self.layers_in_order:
            values = layer(ops.concatenate([values, starts], axis=-1))
            values = self.drop(values, training=training)
        return self.project(values)


class _ResettingCell(keras.layers.GRUCell):  # type: ignore[misc]
    """A GRU cell whose last input says, by 1, to forget the state first."""

    @override
    def build(self, input_shape: Any) -> None:
        super().build((*input_shape[:-1], input_shape[-1] - 1))

    @override
    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        kept = states[0] if isinstance(states, list | tuple) else states
        kept = kept * (1.0 - inputs[:, -1:])
        return super().call(inputs[:, :-1], [kept], training=training)
