"""What autoencoders over sets of items share: a set as one vector, and how likely a set is."""

from dataclasses import dataclass
from typing import Any

import keras
from keras import ops
from typing_extensions import override


@dataclass(frozen=True, slots=True, kw_only=True)
class VAEShape:
    """Sizes of a variational autoencoder over items."""

    num_items: int
    hidden_dim: int
    latent_dim: int
    dropout: float
    """Share of the items of the input dropped in training."""


class ItemBag(keras.layers.Layer):  # type: ignore[misc]
    """A dense layer over a weighted multi-hot vector of length 1, without making that vector.

    Args:
        num_items: Size of the vocabulary.
        dim: Size of the output.
        dropout: Share of the items dropped in training.
    """

    def __init__(self, num_items: int, dim: int, dropout: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_items, self.dim = num_items, dim
        self.drop = keras.layers.Dropout(dropout, name="drop")

    @override
    def build(self, input_shape: Any = None) -> None:
        self.kernel = self.add_weight(
            shape=(self.num_items + 1, self.dim), initializer="glorot_uniform", name="kernel"
        )
        self.bias = self.add_weight(shape=(self.dim,), initializer="zeros", name="bias")

    @override
    def call(self, items: Any, weights: Any, training: bool = False) -> Any:
        """Encode a bag.

        Args:
            items: Item i as i + 1, 0 where padded, none twice. Shape: [batch, length].
            weights: What each counts, 0 where padded. Shape: [batch, length].
            training: Whether to drop some.

        Returns:
            Shape: [batch, dim].
        """
        length = ops.sqrt(ops.sum(ops.square(weights), axis=1, keepdims=True))
        weights = self.drop(weights / ops.maximum(length, 1e-6), training=training)
        rows = ops.take(self.kernel, items, axis=0)
        return ops.sum(rows * weights[:, :, None], axis=1) + self.bias


def multinomial_loss(logits: Any, items: Any) -> Any:
    """Return minus the log-likelihood of each bag, its items drawn from one softmax.

    Args:
        logits: Shape: [batch, items].
        items: Item i as i + 1, 0 where padded. Shape: [batch, length].

    Returns:
        Shape: [batch].
    """
    chosen = ops.take_along_axis(logits, ops.maximum(items - 1, 0), axis=1)
    losses = ops.logsumexp(logits, axis=1, keepdims=True) - chosen
    return ops.sum(ops.where(items > 0, losses, 0.0), axis=1)


def present(items: Any) -> Any:
    """Return weights of a bag's items, all alike: 1, or 0 where padded."""
    return ops.cast(items > 0, "float32")


def drawn(mean: Any, log_variance: Any, random: keras.random.SeedGenerator) -> Any:
    """Draw from a normal distribution such that gradients flow (Kingma & Welling 2014)."""
    noise = keras.random.normal(ops.shape(mean), seed=random)
    return mean + ops.exp(0.5 * log_variance) * noise
