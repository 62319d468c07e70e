"""A network that scores candidates from features of user, context and candidate together.

DCN-v2 (Wang et al. 2021): crossings of bounded degree beside a plain deep network, over everything
there is: encoded numbers, embedded categories, the candidate's id, and what the candidate finds in
the history. Trained listwise: the candidates of a query compete in one softmax (ListNet, Cao et al.
2007).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops
from typing_extensions import override

from lolomo.training.layers.candidate_attention import CandidateAttention
from lolomo.training.layers.continuous_time import log_gap
from lolomo.training.layers.cross import Cross
from lolomo.training.layers.feature_encoding import SetEmbedding
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


class RankingNetwork(keras.Model):  # type: ignore[misc]
    """Scores candidates.

    Inputs, encoded (see `deep_ranker.Encoder`):
        `numbers` float32 `[batch, candidates, encoded numbers]`; `sets`, by name, int32
        `[batch, candidates, values]`, or `[batch, 1, values]` where the same for all candidates;
        `candidates` int32 `[batch, candidates]`; `history` int32 and `history_timestamps` int64
        `[batch, length]`, 0 where padded; `history_sets`, by name, int32 `[batch, length, values]`;
        `timestamp` int64 `[batch]`. Targets are gains `[batch, candidates]`; a candidate whose
        weight is 0 is padding.

    Args:
        shape: Sizes.
    """

    def __init__(self, shape: RankingShape) -> None:
        super().__init__()
        self.shape = shape
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

    @override
    def call(self, inputs: Mapping[str, Any], training: bool = False) -> Any:
        """Return scores. Shape: [batch, candidates]."""
        features = self._features(inputs, training)
        crossed = features
        for cross in self.crosses:
            crossed = cross(features, crossed)
        deep = features
        for layer in self.hidden:
            deep = self.drop(layer(deep), training=training)
        return ops.cast(self.score(ops.concatenate([crossed, deep], axis=-1))[..., 0], "float32")

    @override
    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the mean listwise cross-entropy between gains and scores."""
        log_shares = ops.log_softmax(ops.where(sample_weight > 0, y_pred, -1e9), axis=1)
        shares = y / ops.maximum(ops.sum(y, axis=1, keepdims=True), 1e-9)
        return -ops.mean(ops.sum(ops.where(shares > 0, shares * log_shares, 0.0), axis=1))

    def _features(self, inputs: Mapping[str, Any], training: bool) -> Any:
        """Return everything known of each candidate, joined. Shape: [batch, candidates, size]."""
        candidates = self.item(inputs["candidates"])
        history, present = self.item(inputs["history"]), inputs["history_timestamps"] > 0
        gaps = log_gap(inputs["timestamp"][:, None], inputs["history_timestamps"])
        found = self.attend(candidates, history, gaps, present)
        embedded = [self._set(name, inputs["sets"][name], candidates) for name in self.shape.sets]
        learned = self.drop(ops.concatenate([candidates, found, *embedded], -1), training=training)
        overlaps = [
            overlap(inputs["sets"][name], inputs["history_sets"][name], gaps, present)
            for name, overlap in self.overlaps.items()
        ]
        given = ops.concatenate([inputs["numbers"], *overlaps], axis=-1)
        return ops.concatenate([ops.cast(given, self.compute_dtype), learned], axis=-1)

    def _set(self, name: str, indices: Any, candidates: Any) -> Any:
        """Embed a set of categories for every candidate."""
        embedded = self.sets[name](indices)
        return ops.broadcast_to(embedded, (*ops.shape(candidates)[:2], self.shape.category_dim))
