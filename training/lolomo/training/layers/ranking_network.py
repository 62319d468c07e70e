"""A network that scores candidates from features of user, context and candidate together.

DCN-v2 (Wang et al. 2021): crossings of bounded degree beside a plain deep network, over everything
there is: encoded numbers, embedded categories, the candidate's id, and what the candidate finds in
the history. Trained listwise: the candidates of a query compete in one softmax (ListNet, Cao et al.
2007).

Where the data say how a play was valued, such as by its rating, a second head on the same trunk
predicts that (multi-task learning, Caruana 1997). It ranks only if told to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops
from typing_extensions import override

from lolomo.features.content import ItemContent
from lolomo.training.layers.candidate_attention import CandidateAttention
from lolomo.training.layers.continuous_time import log_gap
from lolomo.training.layers.cross import Cross
from lolomo.training.layers.feature_encoding import NumberEncoding, SetEmbedding
from lolomo.training.layers.item_content import ContentEncoder
from lolomo.training.layers.set_overlap import SetOverlap


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingShape:
    """Sizes of the network and of what it reads."""

    num_items: int
    """Of the vocabulary of ids, with index 0 for unknown."""
    sets: Mapping[str, int]
    """Size of the vocabulary of each category or set of categories, with index 0."""
    history_sets: tuple[str, ...]
    """Those of the sets that are known of the history's items too."""
    item_dim: int
    category_dim: int
    num_crosses: int
    cross_rank: int
    hidden: tuple[int, ...]
    dropout: float
    content: ItemContent | None = None
    """Of the catalogue's items, row 0 for unknown; None where it may not be read."""
    value_weight: float = 0.0
    """Of the loss of the head that predicts how a play is valued; 0 for no such head."""
    value_power: float = 0.0
    """Power of the predicted value that multiplies the chance of a play; 0 ranks by plays alone."""


class RankingNetwork(keras.Model):  # type: ignore[misc]
    """Scores candidates.

    Inputs, encoded (see `deep_ranker.Encoder`):
        `numbers` float32 `[batch, candidates, numbers]`, raw, NaN where missing, since encoded ones
        are several times as many to hold; `sets`, by name, int32 `[batch, candidates, values]`, or
        `[batch, 1, values]` where the same for all candidates; `candidates` int32
        `[batch, candidates]`; `history` int32 and `history_timestamps` int64 `[batch, length]`, 0
        where padded; `candidates_places` and `history_places`, the same items' rows of the content;
        `history_sets`, by name, int32 `[batch, length, values]`; `timestamp` int64 `[batch]`.

    Args:
        shape: Sizes.
        numbers: Encodes the numbers.
    """

    def __init__(self, shape: RankingShape, numbers: NumberEncoding) -> None:
        super().__init__()
        self.shape = shape
        self.numbers = numbers
        self.content: Any = None
        if shape.content is not None:
            self.content = ContentEncoder(shape.content, shape.item_dim, name="content")
        small = keras.initializers.RandomNormal(stddev=0.05)
        self.item = keras.layers.Embedding(shape.num_items, shape.item_dim, small, name="item")
        self.sets = {
            name: SetEmbedding(size, shape.category_dim, name=f"set_{name}")
            for name, size in shape.sets.items()
        }
        self.attend = CandidateAttention(shape.item_dim, name="attend")
        self.overlaps = {
            name: SetOverlap(shape.sets[name], name=f"overlap_{name}")
            for name in shape.history_sets
        }
        self.drop = keras.layers.Dropout(shape.dropout, name="drop")
        self.crosses = [
            Cross(shape.cross_rank, name=f"cross_{index}") for index in range(shape.num_crosses)
        ]
        self.hidden = [
            keras.layers.Dense(units, activation="relu", name=f"hidden_{index}")
            for index, units in enumerate(shape.hidden)
        ]
        self.score = keras.layers.Dense(1, name="score")
        self.value = keras.layers.Dense(1, name="value") if shape.value_weight else None

    @override
    def call(self, inputs: Mapping[str, Any], training: bool = False) -> Any:
        """Return the logits of the heads, of plays and, if predicted, of their values.

        Shape: [batch, candidates, heads].
        """
        return self._logits(*self._trunk(inputs, training))

    def scores(self, inputs: Mapping[str, Any]) -> Any:
        """Return what candidates are ranked by: the chance of a play, times a power of its value.

        Shape: [batch, candidates], in logarithms.
        """
        return self._ranked_by(self(inputs, training=False))

    def scores_and_units(self, inputs: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return `scores`, and what the head of plays reads: the deep units, then one more.

        The last is what all crossings together add to the score, so a head whose weights are those
        of the deep units, and 1, gives the score but for a constant.

        Shapes: [batch, candidates] and [batch, candidates, units].
        """
        crossed, deep = self._trunk(inputs, training=False)
        size = crossed.shape[-1]
        added = ops.matmul(crossed, ops.cast(self.score.kernel[:size], crossed.dtype))
        units = ops.cast(ops.concatenate([deep, added], axis=-1), "float32")
        return self._ranked_by(self._logits(crossed, deep)), units

    def head_weights(self) -> Any:
        """Return the weights of the units of `scores_and_units`. Shape: [units]."""
        return ops.concatenate([self.score.kernel[-self.shape.hidden[-1] :, 0], ops.ones(1)])

    def _trunk(self, inputs: Mapping[str, Any], training: bool) -> tuple[Any, Any]:
        """Return crossings and deep units. Shape of each: [batch, candidates, size]."""
        features = self._features(inputs, training)
        crossed = features
        for cross in self.crosses:
            crossed = cross(features, crossed)
        deep = features
        for layer in self.hidden:
            deep = self.drop(layer(deep), training=training)
        return crossed, deep

    def _logits(self, crossed: Any, deep: Any) -> Any:
        trunk = ops.concatenate([crossed, deep], axis=-1)
        heads = [self.score] if self.value is None else [self.score, self.value]
        return ops.cast(ops.concatenate([head(trunk) for head in heads], axis=-1), "float32")

    def _ranked_by(self, logits: Any) -> Any:
        if self.value is None:
            return logits[..., 0]
        return logits[..., 0] + self.shape.value_power * ops.log_sigmoid(logits[..., 1])

    @override
    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the loss of plays, and the weighted one of their values.

        Args:
            x: Inputs.
            y: Gains and values from 0 to 1, NaN where unknown. Shape: [batch, candidates, 2].
            y_pred: Logits of the heads. Shape: [batch, candidates, heads].
            sample_weight: 0 where padded. Shape: [batch, candidates].
            training: Not read.
        """
        gains, values = y[..., 0], y[..., 1]
        loss = _play_loss(gains, y_pred[..., 0], sample_weight)
        if self.value is None:
            return loss
        return loss + self.shape.value_weight * _value_loss(gains, values, y_pred[..., 1])

    def _features(self, inputs: Mapping[str, Any], training: bool) -> Any:
        """Return everything known of each candidate, joined. Shape: [batch, candidates, size]."""
        candidates, history = (self._item(inputs, name) for name in ("candidates", "history"))
        present = inputs["history_timestamps"] > 0
        gaps = log_gap(inputs["timestamp"][:, None], inputs["history_timestamps"])
        found = self.attend(candidates, history, gaps, present)
        embedded = [self._set(name, inputs["sets"][name], candidates) for name in self.shape.sets]
        learned = self.drop(ops.concatenate([candidates, found, *embedded], -1), training=training)
        overlaps = [
            overlap(inputs["sets"][name], inputs["history_sets"][name], gaps, present)
            for name, overlap in self.overlaps.items()
        ]
        given = ops.concatenate([self.numbers(inputs["numbers"]), *overlaps], axis=-1)
        return ops.concatenate([ops.cast(given, self.compute_dtype), learned], axis=-1)

    def _item(self, inputs: Mapping[str, Any], name: str) -> Any:
        """Embed candidates or history, by id and by content. Shape: [batch, ..., dim]."""
        embedded = self.item(inputs[name])
        if self.content is None:
            return embedded
        return embedded + self.content(inputs[f"{name}_places"])

    def _set(self, name: str, indices: Any, candidates: Any) -> Any:
        """Embed a set of categories for every candidate."""
        embedded = self.sets[name](indices)
        return ops.broadcast_to(embedded, (*ops.shape(candidates)[:2], self.shape.category_dim))


def _play_loss(gains: Any, logits: Any, weights: Any) -> Any:
    """Return the mean listwise cross-entropy between gains and scores."""
    log_shares = ops.log_softmax(ops.where(weights > 0, logits, -1e9), axis=1)
    shares = gains / ops.maximum(ops.sum(gains, axis=1, keepdims=True), 1e-9)
    return -ops.mean(ops.sum(ops.where(shares > 0, shares * log_shares, 0.0), axis=1))


def _value_loss(gains: Any, values: Any, logits: Any) -> Any:
    """Return the mean cross-entropy of the values of what was played, where they are known."""
    known = ops.logical_and(gains > 0, ops.isfinite(values))
    wanted = ops.where(known, values, 0.0)
    losses = ops.softplus(logits) - wanted * logits
    shown = ops.cast(known, losses.dtype)
    return ops.sum(losses * shown) / ops.maximum(ops.sum(shown), 1.0)
