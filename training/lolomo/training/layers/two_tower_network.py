"""A network of two towers that meet in an inner product: users at a moment, and items.

The item tower adds an embedding of the id and one of the content; in training the id is now and
then withheld, so that content alone must do, as it has to for a new title. The user tower pools the
history into several bags of these, each with its own learned fading by the gap to the query, and
adds the clock, the time since the last event and the length of the history.

Both vectors have length 1 and their product is divided by a temperature. Behind them stand a few
more values: how much each of the item's log counts weighs for this user now, and the counts. So the
score, popularity included, is one inner product, and an index of item vectors finds the best.

Trained by a softmax over the targets of the batch and items drawn evenly (mixed negative sampling,
Yang et al. 2020), each corrected by the logarithm of how often it is met (Yi et al. 2019).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray
from typing_extensions import override

from lolomo.features.content import ItemContent
from lolomo.training.layers.continuous_time import ClockEncoding, GapEncoding, log_gap
from lolomo.training.layers.item_content import ContentEncoder
from lolomo.training.layers.popularity_prior import CountSnapshots, PopularityPrior

CLOCK_DIM = 8
LONGEST_LOG_HISTORY = float(np.log1p(1000.0))
NEVER = -1e9
SMALLEST_WEIGHT = 0.02
"""Of a count, where item vectors have the weights in them that queries usually give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TowerShape:
    """Sizes of the towers."""

    num_items: int
    dim: int
    """Size of embeddings and of both vectors, without the counts."""
    num_bags: int
    hidden: int
    dropout: float
    id_dropout: float
    """Share of the ids withheld in training."""
    temperature: float


@dataclass(frozen=True, slots=True)
class Meeting:
    """How often items are met as negatives."""

    shares: NDArray[np.float32]
    """Of the targets, by item; 0 for items that are never one. Shape: [items]."""
    num_even: int
    """How many more negatives are drawn a batch, evenly among items with a share."""


class ItemTower(keras.layers.Layer):  # type: ignore[misc]
    """Embeds every item of the vocabulary by id and content."""

    def __init__(self, shape: TowerShape, content: ItemContent | None, seed: int) -> None:
        super().__init__(dtype="float32", name="item_tower")
        self.shape = shape
        self.seed = seed
        self.encode = None if content is None else ContentEncoder(content, shape.dim)
        self.withhold = keras.layers.Dropout(shape.id_dropout, noise_shape=(None, 1), seed=seed)

    @override
    def build(self, input_shape: Any = None) -> None:
        start = keras.initializers.RandomNormal(stddev=self.shape.dim**-0.5, seed=self.seed)
        size = (self.shape.num_items, self.shape.dim)
        self.ids = self.add_weight(shape=size, initializer=start, name="ids")
        if self.encode is not None:
            self.encode.build()
        self.built = True

    @override
    def call(self, known: Any, training: bool = False) -> Any:
        """Embed all items. Shape: [items, dim].

        Args:
            known: 1 for items whose id was learned, 0 for those that have content alone, `[items]`.
            training: Whether to withhold some ids.
        """
        ids = self.withhold(self.ids * known[:, None], training=training)
        if self.encode is None:
            return ids
        return ids + self.encode(ops.arange(self.shape.num_items))


class UserTower(keras.layers.Layer):  # type: ignore[misc]
    """Embeds users, at a moment, by what they watched and when."""

    def __init__(self, shape: TowerShape) -> None:
        super().__init__(dtype="float32", name="user_tower")
        self.shape = shape
        self.fading = GapEncoding(shape.num_bags, name="fading")
        self.last_gap = GapEncoding(CLOCK_DIM, name="last_gap")
        self.clock = ClockEncoding(CLOCK_DIM, name="clock")
        self.drop = keras.layers.Dropout(shape.dropout, name="drop")
        self.hidden = keras.layers.Dense(shape.hidden, activation="gelu", name="hidden")
        self.project = keras.layers.Dense(shape.dim, name="project")

    @override
    def build(self, input_shape: Any = None) -> None:
        self.fading.build((None, None))
        self.last_gap.build((None,))
        self.clock.build((None,))
        self.hidden.build((None, self.shape.num_bags * self.shape.dim + 2 * CLOCK_DIM + 1))
        self.project.build((None, self.shape.hidden))
        self.built = True

    @override
    def call(
        self, embedded: Any, present: Any, timestamps: Any, clocks: Any, training: bool
    ) -> Any:
        """Return what each user looks for. Shape: [batch, dim].

        Args:
            embedded: The history's items, `[batch, length, dim]`.
            present: False where it is padded, `[batch, length]`.
            timestamps: Its times, int64 microseconds, `[batch, length]`.
            clocks: The moments of the queries, `[batch]`.
            training: Whether to drop.
        """
        gaps = log_gap(clocks[:, None], timestamps)
        there = ops.cast(present, "float32")
        weights = ops.softmax(ops.where(present[..., None], self.fading(gaps), NEVER), axis=1)
        weights = weights * there[..., None]
        bags = ops.matmul(ops.swapaxes(weights, 1, 2), embedded)
        last = ops.min(ops.where(present, gaps, 1.0), axis=1)
        length = ops.log1p(ops.sum(there, axis=1, keepdims=True)) / LONGEST_LOG_HISTORY
        flat = ops.reshape(bags, (-1, self.shape.num_bags * self.shape.dim))
        known = ops.concatenate([flat, self.clock(clocks), self.last_gap(last), length], axis=1)
        hidden = self.drop(self.hidden(known), training=training)
        return ops.mean(bags, axis=1) + self.project(hidden)


class TwoTowerNetwork(keras.Model):  # type: ignore[misc]
    """Embeds users and items so that the product of a pair says how likely one watches the other.

    Inputs of a query: `items` int32 `[batch, length]`, item i as i + 1 and 0 where padded;
    `timestamps` int64 of the same shape; `clocks` int64 `[batch]`, its moment; `snapshots` int32
    `[batch]`, the row of the counts that it may know. Targets are item i as i, `[batch]`.

    Args:
        shape: Sizes.
        content: What the items are; None for ids alone.
        counts: Of the items at past instants, the last of them the cut.
        meeting: How often items are met as negatives.
        seed: Of first values and draws.
    """

    def __init__(
        self,
        shape: TowerShape,
        content: ItemContent | None,
        counts: CountSnapshots,
        meeting: Meeting,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.shape, self.meeting = shape, meeting
        self.items = ItemTower(shape, content, seed)
        self.users = UserTower(shape)
        self.prior = PopularityPrior(len(counts.log_counts))
        self.known = (meeting.shares > 0).astype(np.float32)
        self.instants = ops.convert_to_tensor(counts.timestamps)
        self.log_counts = ops.convert_to_tensor(counts.log_counts)
        self.drawable = ops.convert_to_tensor(np.flatnonzero(self.known).astype(np.int32))
        self.random = keras.random.SeedGenerator(seed)

    @override
    def build(self, input_shape: Any = None) -> None:
        self.items.build()
        self.users.build()
        self.prior.build((None, self.shape.dim))
        self.built = True

    @override
    def call(self, inputs: Mapping[str, Any], training: bool = False) -> dict[str, Any]:
        """Return `users` `[batch, dim]`, `weights` of the counts `[batch, counts]`, and `items`.

        The vectors of the items, `[items, dim]`, are those that the histories were read with.
        """
        embedded = self.items(self.known, training=training)
        known_at = ops.take(self.instants, inputs["snapshots"])
        return {
            **self._users(embedded, inputs, known_at, training),
            "items": _unit(embedded),
        }

    @override
    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the weighted mean cross-entropy of the targets among all that the batch meets."""
        targets = ops.cast(ops.reshape(y, (-1,)), "int32")
        negatives, correction = self._negatives(targets)
        met = ops.concatenate([targets, negatives])
        vectors = ops.take(y_pred["items"], met, axis=0)
        scores = ops.matmul(y_pred["users"], ops.transpose(vectors)) / self.shape.temperature
        scores = scores + self._popularity(y_pred["weights"], x["snapshots"], met)
        own = ops.diagonal(scores)
        is_own = met[None, :] == targets[:, None]
        others = ops.where(is_own, NEVER, scores - correction)
        losses = ops.logsumexp(ops.concatenate([own[:, None], others], axis=1), axis=1) - own
        weights = ops.reshape(sample_weight, (-1,))
        return ops.sum(losses * weights) / ops.maximum(ops.sum(weights), 1e-6)

    def embeddings(self) -> Any:
        """Return what histories are read with. Shape: [items, dim]."""
        return self.items(self.known)

    def query_vectors(self, inputs: Mapping[str, Any], embedded: Any) -> Any:
        """Return the vectors that item vectors are multiplied with. Shape: [batch, dim + counts].

        Args:
            inputs: As above, without `snapshots`: the counts are those at the cut.
            embedded: What `embeddings` returned, so that no request computes it again.
        """
        found = self._users(embedded, inputs, self.instants[-1], training=False)
        return ops.concatenate([found["users"], found["weights"] / self._usual_weights()], axis=1)

    def item_vectors(self) -> Any:
        """Return the vectors of all items, their counts at the cut last. [items, dim + counts].

        What usually multiplies a value is already in it, so that distances between items mean what
        differences of scores do, and an index of them finds its way.
        """
        vectors = _unit(self.embeddings()) / self.shape.temperature
        counts = ops.transpose(self.log_counts[:, -1]) * self._usual_weights()
        return ops.concatenate([vectors, counts], axis=1)

    def _usual_weights(self) -> Any:
        """Return about how much each log count weighs. Shape: [counts]."""
        return ops.maximum(ops.abs(self.prior.weights_of.bias), SMALLEST_WEIGHT)

    def _users(
        self, embedded: Any, inputs: Mapping[str, Any], known_at: Any, training: bool
    ) -> dict[str, Any]:
        items, clocks = inputs["items"], inputs["clocks"]
        history = ops.take(embedded, ops.maximum(items - 1, 0), axis=0)
        states = self.users(history, items > 0, inputs["timestamps"], clocks, training=training)
        return {"users": _unit(states), "weights": self.prior(states, clocks, known_at)}

    def _negatives(self, targets: Any) -> tuple[Any, Any]:
        """Return items drawn evenly, and log expected counts of the targets and of these."""
        num_even, num_drawable = self.meeting.num_even, self.drawable.shape[0]
        places = keras.random.randint((num_even,), 0, num_drawable, seed=self.random)
        drawn = ops.take(self.drawable, places)
        met = ops.concatenate([targets, drawn])
        of_batch = ops.cast(ops.shape(targets)[0], "float32") * self.meeting.shares
        expected = ops.take(of_batch + num_even / num_drawable, met)
        return drawn, ops.log(expected)

    def _popularity(self, weights: Any, snapshots: Any, items: Any) -> Any:
        """Return the weighted log counts of items, as each query knows them. [batch, items]."""
        counts = ops.take(self.log_counts, items, axis=2)
        known = ops.take(counts, snapshots, axis=1)
        return ops.einsum("bc,cbi->bi", weights, known)


def _unit(vectors: Any) -> Any:
    return vectors / ops.sqrt(ops.sum(vectors * vectors, axis=-1, keepdims=True) + 1e-9)
