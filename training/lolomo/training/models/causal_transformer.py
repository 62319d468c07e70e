"""A causal transformer over ids and continuous time.

SASRec (Kang & McAuley 2018) with a softmax loss over all items, or a sampled one with logQ
correction; continuous gaps between events, and from the last event to the moment of the query; and
a prior of recency-decayed popularity whose weight the network decides.

The prior matters where data is dominated by what is new. Embeddings can only say what was popular
on average; popularity lists say what is popular now. While training, each event is predicted with
the popularity as it was at some earlier instant, so that the network learns what to add to such a
list, and how fast the list goes stale. After the cut the prior stays as it was: the release is
frozen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from lolomo.core.columns import Columns
from lolomo.core.errors import ModelError
from lolomo.core.recommender import Ids
from lolomo.training.models.data import TrainingData
from lolomo.training.models.export import HISTORY_INDICES, export_retriever
from lolomo.training.models.model import Export, Method, Model, Role
from lolomo.training.sequences import PackedSequences, pack_sequences

if TYPE_CHECKING:
    from lolomo.training.layers.next_item_network import NextItemNetwork, Prior
    from lolomo.training.loop import Examples, LoopConfig

MICROSECONDS_A_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CausalTransformerConfig:
    """What the causal transformer may be told."""

    history_length: int = 50
    """Most events of the history that are seen; older ones are dropped."""
    embedding_dim: int = 96
    """Size of item embeddings and states."""
    num_blocks: int = 1
    """Attention blocks."""
    num_heads: int = 2
    """Attention heads a block; must divide `embedding_dim`."""
    dropout: float = 0.4
    """Share of activations dropped in training."""
    num_negatives: int = 1024
    """Items drawn a batch for the softmax; the full softmax where there are no more."""
    popularity_prior: tuple[float, ...] = (1.0, 7.0, 30.0)
    """Half-lives, in days, of the popularity that is added to the scores; empty for none."""
    prior_snapshots: int = 64
    """At how many instants, evenly spread before the cut, the prior is known in training."""
    prior_max_age: float = 0.1
    """How old the prior may be in training, as a fraction of the data's span."""
    event_half_life_days: float = 0.0
    """After how many days before the cut an event counts half in the loss; 0 for no decay."""
    epochs: int = 12
    """Most passes over the data."""
    batch_rows: int = 32
    """Rows of packed sequences a step, of `history_length` + 1 tokens each."""
    learning_rate: float = 4e-3
    """The highest of the schedule."""
    weight_decay: float = 0.0
    """As in AdamW."""
    held_back: float = 0.0
    """Last fraction of the events, held back to stop early; 0 learns from all for all epochs."""
    patience: int = 1
    """Epochs without a better loss on what is held back before stopping."""
    mixed_precision: bool = False
    """Whether to compute in bfloat16."""
    xla: bool = False
    """Whether to compile by XLA."""


class CausalTransformer(Model[CausalTransformerConfig]):
    """Predicts what each user watches next, at any moment."""

    name = "causal_transformer"
    Config = CausalTransformerConfig
    roles: ClassVar[Mapping[str, Role]] = {"next_play": Role.CHALLENGER}
    method: ClassVar[Method] = "retrieve"
    wants_gpu: ClassVar[bool] = True

    _items: Ids
    _network: "NextItemNetwork | None" = None

    @override
    def fit(self, data: TrainingData, rng: np.random.Generator) -> None:
        from lolomo.training.layers.next_item_network import NextItemNetwork
        from lolomo.training.loop import train

        config = self.config
        if config.embedding_dim % config.num_heads:
            raise ModelError(
                f"received embedding_dim {config.embedding_dim} and num_heads {config.num_heads}: "
                "expected a multiple; choose, say, 64 and 2"
            )
        self._items = data.item_ids()
        events = _Events.of(data, self._items)
        cut = int(data.cut.timestamp() * 1_000_000)
        prior = _prior(config, events, len(self._items), cut)
        examples = _examples(config, events, prior, rng)
        shape = self._shape(events, cut)
        negatives = _negatives(config, events, len(self._items))
        seed = int(rng.integers(2**31))
        self._network = train(
            lambda: _built(NextItemNetwork(shape, prior, negatives, seed)),
            examples,
            self._loop(),
            seed,
            folder=data.scratch,
            progress=data.progress,
        )

    @override
    def export(self, path: Path) -> Export:
        if self._network is None:
            raise self.not_fitted()
        import tensorflow as tf

        network = self._network
        length = self.config.history_length

        def scores(query: Any) -> Any:
            return _query_scores(network, query, length)

        inputs = (Columns.HISTORY_ITEM_IDS, Columns.HISTORY_TIMESTAMPS, Columns.TIMESTAMP)
        variables = [weight.value for weight in network.weights]
        with tf.device("CPU"):
            return export_retriever(path, self._items, length, scores, inputs, variables)

    def _shape(self, events: "_Events", cut: int) -> Any:
        from lolomo.training.layers.next_item_network import NetworkShape

        return NetworkShape(
            num_items=len(self._items),
            length=self.config.history_length + 1,
            dim=self.config.embedding_dim,
            num_blocks=self.config.num_blocks,
            num_heads=self.config.num_heads,
            dropout=self.config.dropout,
            origin=cut,
            span_days=(cut - int(events.timestamps[0])) / MICROSECONDS_A_DAY,
        )

    def _loop(self) -> "LoopConfig":
        from lolomo.training.loop import LoopConfig

        return LoopConfig(
            epochs=self.config.epochs,
            learning_rate=self.config.learning_rate,
            weight_decay=self.config.weight_decay,
            patience=self.config.patience if self.config.held_back else 0,
            mixed_precision=self.config.mixed_precision,
            xla=self.config.xla,
        )


@dataclass(frozen=True, slots=True)
class _Events:
    """The events as numbers, in order of time; every array has the shape [events]."""

    users: NDArray[np.int64]
    items: NDArray[np.int32]
    timestamps: NDArray[np.int64]

    @classmethod
    def of(cls, data: TrainingData, items: Ids) -> "_Events":
        _, users = np.unique(data.events[Columns.USER_ID].to_numpy(), return_inverse=True)
        index = np.searchsorted(
            items.astype(str), data.events[Columns.ITEM_ID].to_numpy().astype(str)
        )
        timestamps = data.events[Columns.TIMESTAMP].to_physical().to_numpy()
        return cls(users.astype(np.int64), index.astype(np.int32), timestamps.astype(np.int64))


def _built(network: "NextItemNetwork") -> "NextItemNetwork":
    network.build()
    return network


def _prior(config: CausalTransformerConfig, events: _Events, num_items: int, cut: int) -> "Prior":
    """Return log decayed counts at evenly spread instants, events strictly before each counted."""
    from lolomo.training.layers.next_item_network import Prior

    half_lives = config.popularity_prior
    if not half_lives:
        return Prior(np.array([cut]), np.zeros((1, num_items, 1), np.float32))
    num = config.prior_snapshots
    first = int(events.timestamps[0])
    instants = np.linspace(first, cut, num + 1)[1:].astype(np.int64)
    instants[-1] = cut
    table = np.zeros((num, num_items, len(half_lives)), np.float32)
    bounds = np.searchsorted(events.timestamps, instants, side="left")
    for column, half_life in enumerate(half_lives):
        counts = np.zeros(num_items)
        start, before = 0, first
        for row, (end, instant) in enumerate(zip(bounds, instants, strict=True)):
            days = (instant - events.timestamps[start:end]) / MICROSECONDS_A_DAY
            counts *= 0.5 ** ((instant - before) / MICROSECONDS_A_DAY / half_life)
            counts += np.bincount(events.items[start:end], 0.5 ** (days / half_life), num_items)
            table[row, :, column] = np.log(counts + PRIOR_SMOOTHING)
            start, before = end, instant
    return Prior(instants, table)


PRIOR_SMOOTHING = 0.1
"""Events that an item has too many in the prior, so that its logarithm is finite."""


def _negatives(config: CausalTransformerConfig, events: _Events, num_items: int) -> Any:
    """Draw negatives half by the square root of their counts, half evenly."""
    from lolomo.training.layers.next_item_network import Negatives

    popularity = np.sqrt(np.bincount(events.items, minlength=num_items))
    probabilities = 0.5 * popularity / popularity.sum() + 0.5 / num_items
    return Negatives(min(config.num_negatives, num_items), probabilities.astype(np.float32))


def _examples(
    config: CausalTransformerConfig, events: _Events, prior: "Prior", rng: np.random.Generator
) -> "Examples":
    """Pack the events into rows, the last held back if asked."""
    from lolomo.training.loop import Examples

    packed = pack_sequences(
        events.users, events.items + 1, events.timestamps, config.history_length
    )
    num_known = round(len(events.timestamps) * (1 - config.held_back))
    later = events.timestamps[-1] + 1 if not config.held_back else events.timestamps[num_known]
    weights = _weights(config, packed, events.timestamps[-1])
    training_weights = np.where(packed.timestamps < later, weights, 0).astype(np.float32)
    snapshots = _snapshots(config, packed, prior, rng)
    rows = np.flatnonzero(training_weights.any(axis=1))
    arrays = (packed, snapshots, training_weights)
    validation = None
    if config.held_back:
        held_back = np.where(packed.timestamps >= later, packed.is_target, 0).astype(np.float32)
        rows_back = np.flatnonzero(held_back.any(axis=1))
        validation = _dataset((packed, snapshots, held_back), rows_back)
    return Examples(
        training=_dataset(arrays, rows),
        num_training=len(rows),
        batch_size=config.batch_rows,
        validation=validation,
    )


def _weights(
    config: CausalTransformerConfig, packed: PackedSequences, last: int
) -> NDArray[np.float32]:
    """Return the weight of each token's prediction."""
    weights = packed.is_target.astype(np.float32)
    if config.event_half_life_days:
        days = (last - packed.timestamps) / MICROSECONDS_A_DAY
        weights *= 0.5 ** (days / config.event_half_life_days)
    return weights


def _snapshots(
    config: CausalTransformerConfig,
    packed: PackedSequences,
    prior: "Prior",
    rng: np.random.Generator,
) -> NDArray[np.int32]:
    """Choose for each token the snapshot, of a random age, that its prediction may know."""
    span = prior.timestamps[-1] - prior.timestamps[0]
    ages = rng.uniform(0, config.prior_max_age * span, packed.items.shape)
    known_at = packed.timestamps - ages.astype(np.int64)
    found = np.searchsorted(prior.timestamps, known_at, side="right") - 1
    return np.clip(found, 0, len(prior.timestamps) - 1).astype(np.int32)


def _dataset(
    arrays: tuple[PackedSequences, NDArray[np.int32], NDArray[np.float32]],
    rows: NDArray[np.intp],
) -> Any:
    """Return a dataset of rows: (inputs, targets, weights)."""
    import tensorflow as tf

    packed, snapshots, weights = arrays[0][rows], arrays[1][rows], arrays[2][rows]
    inputs = {
        "items": packed.items,
        "timestamps": packed.timestamps,
        "clocks": packed.clocks,
        "segments": packed.segments,
        "sources": packed.sources,
        "snapshots": snapshots,
    }
    targets = np.maximum(packed.items - 1, 0)
    return tf.data.Dataset.from_tensor_slices((inputs, targets, weights))


def _query_scores(network: "NextItemNetwork", query: Any, length: int) -> Any:
    """Score all items at the query's moment. Shape: [batch, items]."""
    import tensorflow as tf

    now = query[Columns.TIMESTAMP]
    items = query[HISTORY_INDICES]
    batch = tf.shape(items)[0]
    items = tf.concat([tf.zeros([batch, 1], tf.int32), items], axis=1)
    timestamps = tf.pad(query[Columns.HISTORY_TIMESTAMPS], [[0, 0], [1, 0]])
    clocks = tf.concat([timestamps[:, 1:], now[:, None]], axis=1)
    is_start = timestamps == 0
    states = network(
        {
            "items": items,
            "timestamps": tf.where(is_start, clocks, timestamps),
            "clocks": clocks,
            "segments": tf.ones([batch, length + 1], tf.int32),
        },
        training=False,
    )
    return network.item_scores(tf.cast(states[:, -1], tf.float32), now)
