"""One network for all models of the next item: input layer, body, output.

The *input layer* turns events into vectors: the item, by id and, if told, by content and by what
was done; and the *moment*, which is when the prediction is for. The *body* turns the visible past
of each token into a state: a bag, a recurrent unit, attention. The *output* adds what is known of
the user, and scores items: by their embeddings, and by their age at the moment. Where the model
ranks, it adds what is watched now, by weights that are not trained with the network.

Bodies are all that differs between `asymmetric_mf`, `feed_forward`, `gru4rec`, `sasrec` and `hstu`.
"""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray
from typing_extensions import override

from lolomo.training.layers.continuous_time import log_gap
from lolomo.training.layers.item_age import ItemAge
from lolomo.training.layers.item_embedding import ItemEmbedding
from lolomo.training.layers.moments import bucketed
from lolomo.training.layers.next_item_losses import NEVER, NextItemLoss
from lolomo.training.layers.score_blend import ScoreBlend

TimeKind: TypeAlias = Literal["none", "discrete", "continuous", "absolute"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkParts:
    """What a network is made of, beside its body."""

    items: ItemEmbedding
    loss: NextItemLoss
    dim: int
    dropout: float
    """Share of input activations dropped in training."""
    first_timestamps: NDArray[np.int64]
    """Of each item's first event, microseconds. Shape: [items]."""
    time: TimeKind = "none"
    moments: keras.layers.Layer | None = None
    """From clocks and timestamps of last events to vectors; None where time is not told."""
    num_kinds: int = 0
    """How many kinds of events are told apart, with 0 for none; 0 for no such input."""
    context_sizes: tuple[int, ...] = ()
    """Sizes of the vocabularies of what is known of user and request, with 0 for unknown."""
    num_values: int = 0
    """How many values of a candidate are added to its score; 0 for none."""


class NextItemNetwork(keras.Model):  # type: ignore[misc]
    """Predicts the next item of every token of packed sequences.

    Inputs are arrays of `PackedSequences`, each `[batch, length]`: items, timestamps, clocks,
    segments, sources; `kinds`; `known_at`, int64 microseconds, as of when the prediction of each
    token may know items; and `context`, int32 `[batch, length, fields]`. Targets are item indices
    from 0, weights as usual.

    Args:
        body: A layer from tokens and moments `[batch, length, dim]`, scaled log gaps and visibility
            `[batch, length, length]` to states `[batch, length, dim]`. It must let each token see
            only what is visible to it.
        parts: All else.
    """

    def __init__(self, body: keras.layers.Layer, parts: NetworkParts) -> None:
        super().__init__()
        self.parts, self.body, self.items = parts, body, parts.items
        self.moments = parts.moments
        self.drop = keras.layers.Dropout(parts.dropout, name="drop")
        self.norm = keras.layers.LayerNormalization(name="norm")
        self.kinds = (
            keras.layers.Embedding(parts.num_kinds, parts.dim, name="kinds")
            if parts.num_kinds
            else None
        )
        self.context = [
            keras.layers.Embedding(size, parts.dim, name=f"context_{index}")
            for index, size in enumerate(parts.context_sizes)
        ]
        self.age = ItemAge(parts.first_timestamps) if parts.time == "continuous" else None
        self.first_timestamps = ops.convert_to_tensor(parts.first_timestamps)
        self.blend: Any = ScoreBlend(parts.num_values) if parts.num_values else None

    @override
    def build(self, input_shape: Any = None) -> None:
        shape = (None, None, self.parts.dim)
        for layer in (self.items, self.moments, self.kinds, *self.context, self.body, self.norm):
            if layer is not None:
                layer.build(shape)
        for head in (self.age, self.blend):
            if head is not None:
                head.build((None, self.parts.dim))
        self.built = True

    @override
    def call(self, inputs: dict[str, Any], training: bool = False) -> Any:
        """Return what the body makes of every token. Shape: [batch, length, dim]."""
        items, segments = inputs["items"], inputs["segments"]
        tokens = self.items(items)
        if self.kinds is not None:
            tokens = tokens + self.kinds(inputs["kinds"])
        tokens = self.drop(tokens, training=training)
        moments = ops.zeros_like(tokens)
        if self.moments is not None:
            moments = self.moments(inputs["clocks"], inputs["timestamps"])
        return self.body(
            tokens,
            moments=moments,
            gaps=self._gaps(inputs),
            visible=_visible(items, segments),
            training=training,
        )

    def query_states(self, states: Any, context: Any) -> Any:
        """Finish states with what is known of user and request.

        Args:
            states: `[queries, dim]`.
            context: Int32 `[queries, fields]`.
        """
        for index, embed in enumerate(self.context):
            states = states + embed(context[:, index])
        return ops.cast(self.norm(states), "float32")

    def item_scores(self, states: Any, clocks: Any) -> Any:
        """Score all items by the network alone. Shapes: [batch, dim], [batch] to [batch, items]."""
        return self._scores(states, clocks, ops.arange(self.items.num_items))

    @override
    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the mean loss of the targets."""
        sources = x["sources"]
        states = ops.take_along_axis(y_pred, sources[..., None], axis=1)
        states = ops.reshape(states, (-1, self.parts.dim))
        context = ops.reshape(x["context"], (-1, max(len(self.context), 1)))
        states = self.query_states(states, context)
        clocks = ops.reshape(ops.take_along_axis(x["clocks"], sources, axis=1), (-1,))
        known_at, targets = (ops.reshape(value, (-1,)) for value in (x["known_at"], y))
        sample, correction = self.parts.loss.sample()
        negative = self._scores(states, clocks, sample) - correction
        positive = self._own_scores(states, clocks, targets)
        later = ops.take(self.first_timestamps, sample)[None] >= known_at[:, None]
        no_negative = later | (sample[None] == targets[:, None])
        losses = self.parts.loss(positive, ops.where(no_negative, NEVER, negative))
        weight = ops.reshape(sample_weight, (-1,))
        return ops.sum(losses * weight) / ops.maximum(ops.sum(weight), 1e-6)

    def _gaps(self, inputs: dict[str, Any]) -> Any:
        """Return scaled log gaps from each token's moment to each event; zeros if untold."""
        if self.parts.time not in ("discrete", "continuous"):
            length = ops.shape(inputs["items"])[1]
            return ops.zeros((1, length, length))
        gaps = log_gap(inputs["clocks"][:, :, None], inputs["timestamps"][:, None, :])
        return bucketed(gaps) if self.parts.time == "discrete" else gaps

    def _scores(self, states: Any, clocks: Any, items: Any) -> Any:
        """Score some items, the same for all states. Shape: [batch, items]."""
        embedded, bias = self.items.wanted(items)
        scores = ops.matmul(states, ops.transpose(embedded)) + bias
        return scores if self.age is None else scores + self.age(states, clocks, items)

    def _own_scores(self, states: Any, clocks: Any, items: Any) -> Any:
        """Score one item a state. Shape: [batch]."""
        embedded, bias = self.items.wanted(items)
        scores = ops.sum(states * embedded, axis=1) + bias
        return scores if self.age is None else scores + self.age.of_own(states, clocks, items)


def _visible(items: Any, segments: Any) -> Any:
    """Say which tokens each may see: itself, and earlier events of its window."""
    steps = ops.arange(ops.shape(items)[1])
    itself = steps[:, None] == steps[None, :]
    earlier = steps[:, None] > steps[None, :]
    same = (segments[:, :, None] == segments[:, None, :]) & (items[:, None, :] > 0)
    return (same & earlier) | itself
