"""A text and a user on one side, an item on the other, in one space.

Both texts, what was typed and the item's title, go through one encoder: the mean of the embeddings
of hashed character runs (as in fastText, Bojanowski et al. 2017, and DSSM, Huang et al. 2013), then
a residual layer. The user's taste and the item's vector of co-play are each projected and added, so
an item that nobody watched is found by its title alone.

It learns by the softmax over the items of a batch, corrected for how often each is drawn (logQ, Yi
et al. 2019).

Axes: `batch`, `pieces` (hashed runs, 0 where padded), `dim`.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray
from typing_extensions import override


@dataclass(frozen=True, slots=True)
class SearchItems:
    """What is known of each item; constant."""

    pieces: NDArray[np.int32]
    """Hashed runs of its title, 0 where padded. Shape: [items, pieces]."""
    vectors: NDArray[np.float32]
    """Who played it. Shape: [items, taste dim]."""
    log_shares: NDArray[np.float32]
    """Logarithm of its share of the training examples. Shape: [items]."""


class SearchNetwork(keras.Model):  # type: ignore[misc]
    """Two encoders that share how they read text.

    Args:
        items: What is known of items.
        num_buckets: Buckets of hashed runs; pieces are 1 to this number.
        dim: Dimensions of the common space.
    """

    def __init__(self, items: SearchItems, num_buckets: int, dim: int) -> None:
        super().__init__()
        self.items = items
        self.embedding = keras.layers.Embedding(num_buckets + 1, dim)
        self.hidden = keras.layers.Dense(dim, activation="gelu")
        self.out = keras.layers.Dense(dim)
        self.taste = keras.layers.Dense(dim, use_bias=False)
        self.played = keras.layers.Dense(dim, use_bias=False)
        self.log_scale = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(2.5), name="log_scale"
        )

    @override
    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return scaled similarities of each query to each query's item. [batch, batch]."""
        found = self.encode_items(inputs["targets"])
        asked = self.encode_queries(inputs["pieces"], inputs["tastes"])
        return ops.exp(self.log_scale) * ops.matmul(asked, ops.transpose(found))

    def encode_queries(self, pieces: Any, tastes: Any) -> Any:
        """Return what was meant, of length 1. Shape: [batch, dim]."""
        return _unit(self._text(pieces) + self.taste(tastes))

    def encode_items(self, places: Any) -> Any:
        """Return items of the vocabulary, of length 1. Shape: [batch, dim]."""
        pieces = ops.take(ops.convert_to_tensor(self.items.pieces), places, axis=0)
        vectors = ops.take(ops.convert_to_tensor(self.items.vectors), places, axis=0)
        return _unit(self._text(pieces) + self.played(vectors))

    def _text(self, pieces: Any) -> Any:
        """Return the encoding of a text, 0 where there is none. Shape: [batch, dim]."""
        present = ops.cast(pieces > 0, "float32")
        total = ops.einsum("bp,bpd->bd", present, ops.cast(self.embedding(pieces), "float32"))
        mean = total / ops.maximum(ops.sum(present, axis=1, keepdims=True), 1.0)
        some = ops.cast(ops.any(pieces > 0, axis=1, keepdims=True), "float32")
        return some * (self.out(self.hidden(mean)) + mean)

    @override
    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the mean cross-entropy of the batch's items, each item counted once a row."""
        targets = x["targets"]
        log_shares = ops.take(ops.convert_to_tensor(self.items.log_shares), targets, axis=0)
        others = ops.logical_not(ops.eye(ops.shape(targets)[0], dtype="bool"))
        same = ops.logical_and(ops.equal(targets[:, None], targets[None]), others)
        logits = ops.where(same, -1e9, ops.cast(y_pred, "float32") - log_shares[None])
        return -ops.mean(ops.diagonal(ops.log_softmax(logits, axis=1)))


def _unit(vectors: Any) -> Any:
    """Return vectors of length 1; unlike `ops.normalize` it has a gradient at 0."""
    squares = ops.sum(ops.square(vectors), axis=-1, keepdims=True)
    return vectors * ops.rsqrt(squares + 1e-6)
