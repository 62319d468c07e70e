"""A decoder over events that scores every item at a given moment.

SASRec (Kang & McAuley 2018) with continuous time: each token knows its item, the gap to the moment
that it predicts for, and that moment; attention knows the gaps between. Output embeddings are the
input embeddings. To the score of an item is added a *prior*: how popular the item was at a past
instant, in log decayed counts of several half-lives, weighted by the state and by how long ago that
instant is. The prior is a constant: the network learns only what it cannot say.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray
from typing_extensions import override

from lolomo.training.layers.causal_attention import CausalAttentionBlock
from lolomo.training.layers.continuous_time import ClockEncoding, GapEncoding, log_gap


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkShape:
    """Sizes of the network."""

    num_items: int
    length: int
    dim: int
    num_blocks: int
    num_heads: int
    dropout: float
    origin: int
    """The cut, int64 microseconds."""
    span_days: float
    """How long before the cut the data starts."""


@dataclass(frozen=True, slots=True)
class Prior:
    """What was popular at several past instants."""

    timestamps: NDArray[np.int64]
    """Ascending; the last is the cut. Shape: [snapshots]."""
    log_popularity: NDArray[np.float32]
    """Shape: [snapshots, items, half_lives]; zeros for no prior."""


@dataclass(frozen=True, slots=True)
class Negatives:
    """How the softmax is sampled."""

    num: int
    """How many a batch; as many as items, or more, for the full softmax."""
    probabilities: NDArray[np.float32]
    """With which to draw each item. Shape: [items]."""


class NextItemNetwork(keras.Model):  # type: ignore[misc]
    """Predicts the next item of every token of packed sequences.

    Inputs are the arrays of `PackedSequences`, and `snapshots` `[batch, length]`: which snapshot of
    the prior the token's prediction may know. Targets are item indices from 0, weights as usual.
    """

    def __init__(
        self, shape: NetworkShape, prior: Prior, negatives: Negatives, seed: int = 0
    ) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = self.add_weight(
            shape=(shape.num_items + 1, shape.dim),
            initializer=keras.initializers.RandomNormal(stddev=shape.dim**-0.5, seed=seed),
            name="embedding",
        )
        self.item_bias = self.add_weight(
            shape=(shape.num_items,), initializer="zeros", name="item_bias"
        )
        self.forward_gap = GapEncoding(shape.dim, name="forward_gap")
        self.clock = ClockEncoding(shape.dim, shape.origin, shape.span_days, name="clock")
        self.drop = keras.layers.Dropout(shape.dropout, name="drop")
        self.blocks = [
            CausalAttentionBlock(
                shape.dim, shape.num_heads, shape.length, shape.dropout, name=f"block_{index}"
            )
            for index in range(shape.num_blocks)
        ]
        self.norm = keras.layers.LayerNormalization(name="norm")
        self.prior_timestamps = ops.convert_to_tensor(prior.timestamps)
        self.log_popularity = ops.convert_to_tensor(prior.log_popularity)
        num_half_lives = prior.log_popularity.shape[2]
        self.prior_weights = keras.layers.Dense(
            num_half_lives,
            kernel_initializer="zeros",
            bias_initializer=keras.initializers.Constant(1.0 / num_half_lives),
            dtype="float32",
            name="prior_weights",
        )
        self.negatives = negatives
        self.log_expected = np.log(negatives.probabilities * negatives.num).astype(np.float32)
        self.random = keras.random.SeedGenerator(seed)

    @override
    def build(self, input_shape: Any = None) -> None:
        states = (None, self.shape.length, self.shape.dim)
        self.forward_gap.build(states[:2])
        self.clock.build(states[:2])
        for block in self.blocks:
            block.build(states)
        self.norm.build(states)
        self.prior_weights.build((None, self.shape.dim + 2))
        self.built = True

    @override
    def call(self, inputs: dict[str, Any], training: bool = False) -> Any:
        """Return the state of every token. Shape: [batch, length, dim]."""
        items, timestamps, clocks = (inputs[key] for key in ("items", "timestamps", "clocks"))
        states = ops.take(self.embedding, items, axis=0) * self.shape.dim**0.5
        states = states + self.forward_gap(log_gap(clocks, timestamps)) + self.clock(clocks)
        states = self.drop(states, training=training)
        gaps = log_gap(clocks[:, :, None], timestamps[:, None, :])
        visible = self._visible(items, inputs["segments"])
        for block in self.blocks:
            states = block(states, gaps, visible, training=training)
        return self.norm(states)

    @override
    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the mean cross-entropy of the targets, by full or sampled softmax."""
        sources = x["sources"][..., None]
        states = ops.reshape(ops.take_along_axis(y_pred, sources, axis=1), (-1, self.shape.dim))
        clocks = ops.reshape(ops.take_along_axis(x["clocks"], sources[..., 0], axis=1), (-1,))
        snapshots, targets = (ops.reshape(value, (-1,)) for value in (x["snapshots"], y))
        losses = self._cross_entropy(ops.cast(states, "float32"), clocks, snapshots, targets)
        weights = ops.reshape(sample_weight, (-1,))
        return ops.sum(losses * weights) / ops.maximum(ops.sum(weights), 1e-6)

    def item_scores(self, states: Any, clocks: Any) -> Any:
        """Score all items by the prior at the cut.

        Args:
            states: `[batch, dim]`.
            clocks: `[batch]`.

        Returns:
            Shape: [batch, items].
        """
        scores = ops.matmul(states, ops.transpose(self.embedding[1:])) + self.item_bias
        weights = self._prior_weights(states, clocks, self.prior_timestamps[-1])
        return scores + ops.matmul(weights, ops.transpose(self.log_popularity[-1]))

    def _visible(self, items: Any, segments: Any) -> Any:
        """Say which tokens each may attend to: itself, and earlier events of its window."""
        steps = ops.arange(self.shape.length)
        itself = steps[:, None] == steps[None, :]
        earlier = steps[:, None] > steps[None, :]
        same = (segments[:, :, None] == segments[:, None, :]) & (items[:, None, :] > 0)
        return (same & earlier) | itself

    def _prior_weights(self, states: Any, clocks: Any, known_at: Any) -> Any:
        """Return how much each half-life of the prior counts. Shape: [batch, half_lives]."""
        age = log_gap(clocks, known_at)[:, None]
        return self.prior_weights(ops.concatenate([states, age, age * age], axis=1))

    def _cross_entropy(self, states: Any, clocks: Any, snapshots: Any, targets: Any) -> Any:
        """Return the cross-entropy of each target. Shape: [targets].

        A sampled negative counts for the items it stands for, by its log expected count (Bengio &
        Senécal 2008); the target, always present, counts once.
        """
        known_at = ops.take(self.prior_timestamps, snapshots)
        weights = self._prior_weights(states, clocks, known_at)
        positive = ops.sum(states * ops.take(self.embedding, targets + 1, axis=0), axis=1)
        positive = positive + ops.take(self.item_bias, targets)
        popularity = self.log_popularity
        flat = ops.reshape(popularity, (-1, popularity.shape[2]))
        rows = ops.cast(snapshots, "int32") * self.shape.num_items + ops.cast(targets, "int32")
        positive = positive + ops.sum(weights * ops.take(flat, rows, axis=0), axis=1)
        sample, correction = self._sample()
        scores = ops.matmul(states, ops.transpose(ops.take(self.embedding, sample + 1, axis=0)))
        scores = scores + ops.take(self.item_bias, sample) - correction
        sampled = ops.take(popularity, sample, axis=1)
        for index in range(popularity.shape[2]):
            scores += weights[:, index, None] * ops.take(sampled[:, :, index], snapshots, axis=0)
        scores = ops.where(sample[None, :] == targets[:, None], -1e9, scores)
        everything = ops.concatenate([positive[:, None], scores], axis=1)
        return ops.logsumexp(everything, axis=1) - positive

    def _sample(self) -> tuple[Any, Any]:
        """Return item indices and their log expected counts, all items and 0 if they are few."""
        if self.negatives.num >= self.shape.num_items:
            everything = ops.arange(self.shape.num_items)
            return everything, ops.zeros(self.shape.num_items)
        logits = ops.log(ops.convert_to_tensor(self.negatives.probabilities))[None]
        sample = keras.random.categorical(logits, self.negatives.num, seed=self.random)[0]
        sample = ops.cast(sample, "int32")
        return sample, ops.take(ops.convert_to_tensor(self.log_expected), sample)
