"""The history as a bag: a weighted mean of what was watched, the order forgotten.

The weights fade: by a learned bias for how many events ago, and, where time is told, one for how
long ago, continuous in it. They are those of attention without queries and keys, so a bag is the
simplest of the bodies, and what attention adds is measured against it.
"""

from typing import Any

import keras
from keras import ops
from typing_extensions import override

from lolomo.training.layers.causal_attention import RelativeTimeBias


class CausalBag(keras.layers.Layer):  # type: ignore[misc]
    """Averages each token's visible past.

    Args:
        length: The longest sequence.
        timed: Whether to weigh by time too.
    """

    def __init__(self, length: int, timed: bool, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.bias = RelativeTimeBias(1, length, timed, name="bias")

    @override
    def build(self, tokens_shape: Any) -> None:
        self.bias.build(tokens_shape)

    @override
    def call(self, tokens: Any, gaps: Any, visible: Any) -> Any:
        """Return the bag of each token, itself included. Shape: [batch, length, dim].

        Args:
            tokens: `[batch, length, dim]`.
            gaps: Scaled log gaps from each moment (axis 1) to each event,
                `[batch, length, length]`.
            visible: Which events each token may see, bool, as `gaps`; at least one each.
        """
        recency = ops.cast(self.bias(gaps)[:, 0], "float32")
        weights = ops.softmax(ops.where(visible, recency, -1e9))
        return ops.matmul(ops.cast(weights, tokens.dtype), tokens)


class LinearBag(keras.layers.Layer):  # type: ignore[misc]
    """The body of asymmetric matrix factorisation: the bag, and the moment beside it.

    Args:
        length: The longest sequence.
        timed: Whether to weigh by time too.
    """

    def __init__(self, length: int, timed: bool) -> None:
        super().__init__(autocast=False, name="body")
        self.bag = CausalBag(length, timed, name="bag")

    @override
    def build(self, tokens_shape: Any) -> None:
        self.bag.build(tokens_shape)

    @override
    def call(
        self, tokens: Any, moments: Any, gaps: Any, visible: Any, training: bool = False
    ) -> Any:
        """Return states `[batch, length, dim]`; the arguments are those of `NextItemNetwork`."""
        return self.bag(tokens, gaps=gaps, visible=visible) + moments


class DenseBag(keras.layers.Layer):  # type: ignore[misc]
    """The body of a feed-forward network: hidden layers over the bag, the last item and the moment.

    Args:
        length: The longest sequence.
        timed: Whether to weigh by time too.
        dim: Size of a state.
        hidden: Units of the hidden layers.
        dropout: Share of activations dropped in training.
    """

    def __init__(
        self, length: int, timed: bool, dim: int, hidden: tuple[int, ...], dropout: float
    ) -> None:
        super().__init__(autocast=False, name="body")
        self.bag = CausalBag(length, timed, name="bag")
        self.hidden = [
            keras.layers.Dense(units, activation="gelu", name=f"hidden_{index}")
            for index, units in enumerate(hidden)
        ]
        self.drop = keras.layers.Dropout(dropout, name="drop")
        self.project = keras.layers.Dense(dim, name="project")

    @override
    def build(self, tokens_shape: Any) -> None:
        self.bag.build(tokens_shape)
        size = 3 * tokens_shape[-1]
        for layer in self.hidden:
            layer.build((None, size))
            size = layer.units
        self.project.build((None, size))

    @override
    def call(
        self, tokens: Any, moments: Any, gaps: Any, visible: Any, training: bool = False
    ) -> Any:
        """Return states `[batch, length, dim]`; the arguments are those of `NextItemNetwork`."""
        bag = self.bag(tokens, gaps=gaps, visible=visible)
        values = ops.concatenate([bag, tokens, moments], axis=-1)
        for layer in self.hidden:
            values = self.drop(layer(values), training=training)
        return bag + self.project(values)
