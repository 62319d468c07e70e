"""Two towers: users at a moment and items as vectors, their inner product as the score.

After "Sampling-bias-corrected neural modeling for large corpus item recommendations" (Yi et al.
2019): trained by a softmax over the batch with logQ correction. What it adds are content, so that
titles that nobody has watched yet have vectors too, continuous time on the user's side, and the
items' log counts as part of the vectors, frozen at the cut as the rest of the release.

It knows the whole catalogue. An item without events has no id embedding; where it stands is decided
by its content.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from lolomo.core.columns import Columns
from lolomo.core.recommender import Ids
from lolomo.features.content import item_content
from lolomo.runtimes.item_index import APPROXIMATE_FROM
from lolomo.training.models.data import TrainingData, places_in
from lolomo.training.models.export import HISTORY_INDICES, InnerProduct, export_retriever
from lolomo.training.models.model import Export, Method, Model, Role
from lolomo.training.models.past_counts import count_snapshots

if TYPE_CHECKING:
    from lolomo.training.layers.popularity_prior import CountSnapshots
    from lolomo.training.layers.two_tower_network import TowerShape, TwoTowerNetwork
    from lolomo.training.loop import Examples, LoopConfig

MICROSECONDS_A_DAY = 86_400_000_000
TARGETS = "targets"
WEIGHTS = "weights"


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoTowerConfig:
    """What the two towers may be told."""

    history_length: int = 50
    """Most events of the history that are seen; older ones are dropped."""
    embedding_dim: int = 64
    """Size of embeddings and of both vectors, without the counts."""
    num_bags: int = 4
    """In how many ways the history fades."""
    hidden: int = 128
    """Units of the user tower."""
    dropout: float = 0.2
    """Share of the user tower's activations dropped in training."""
    id_dropout: float = 0.1
    """Share of the items' ids withheld in training, so that content learns to stand alone."""
    content: bool = True
    """Whether items have content; if not, those without events are all alike."""
    temperature: float = 0.07
    """What products of unit vectors are divided by."""
    num_even: int = 512
    """Negatives drawn evenly a batch, beside the targets of the others."""
    popularity_prior: bool = True
    """Whether the items' log counts, as of the cut, are part of the score."""
    num_snapshots: int = 64
    """At how many instants, evenly spread before the cut, the counts are known in training."""
    count_max_age: float = 0.1
    """How old the counts may be in training, as a fraction of the data's span."""
    event_half_life_days: float = 0.0
    """After how many days before the cut an event counts half in the loss; 0 for no decay."""
    epochs: int = 5
    """Most passes over the events."""
    batch_events: int = 1024
    """Events a step, each the negative of the others."""
    learning_rate: float = 6e-3
    """The highest of the schedule."""
    weight_decay: float = 0.0
    """As in AdamW."""
    approximate_from: int = APPROXIMATE_FROM
    """From how many items on the release holds an index and answers by it."""
    mixed_precision: bool = False
    """Whether to compute in bfloat16."""
    xla: bool = False
    """Whether to compile by XLA."""


class TwoTower(Model[TwoTowerConfig]):
    """Retrieves by the inner product of users' and items' vectors."""

    name = "two_tower"
    Config = TwoTowerConfig
    roles: ClassVar[Mapping[str, Role]] = {"next_play": Role.ALTERNATIVE}
    method: ClassVar[Method] = "retrieve"
    wants_gpu: ClassVar[bool] = True

    _items: Ids
    _network: "TwoTowerNetwork | None" = None

    @override
    def fit(self, data: TrainingData, rng: np.random.Generator) -> None:
        from lolomo.training.layers.two_tower_network import Meeting, TwoTowerNetwork
        from lolomo.training.loop import train

        config = self.config
        self._items = catalogue(data)
        events = _Events.of(data, self._items)
        counts = self._counts(data, events)
        shares = np.bincount(events.items, minlength=len(self._items)) / len(events.items)
        meeting = Meeting(shares.astype(np.float32), config.num_even)
        year = data.cut.year
        content = item_content(data.items, self._items, year) if config.content else None
        seed = int(rng.integers(2**31))
        self._network = train(
            lambda: _built(TwoTowerNetwork(self._shape(), content, counts, meeting, seed)),
            self._examples(events, counts, rng),
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
        with tf.device("CPU"):
            embedded = tf.Variable(network.embeddings(), trainable=False)
            vectors = tf.Variable(network.item_vectors(), trainable=False)

        def encode(query: Any) -> Any:
            inputs = {
                "items": query[HISTORY_INDICES],
                "timestamps": query[Columns.HISTORY_TIMESTAMPS],
                "clocks": query[Columns.TIMESTAMP],
            }
            return network.query_vectors(inputs, embedded)

        inputs = (Columns.HISTORY_ITEM_IDS, Columns.HISTORY_TIMESTAMPS, Columns.TIMESTAMP)
        with tf.device("CPU"):
            scores = InnerProduct(encode, vectors, self.config.approximate_from)
            towers = (*network.users.weights, *network.prior.weights)
            variables = [embedded, vectors, *(weight.value for weight in towers)]
            length = self.config.history_length
            return export_retriever(path, self._items, length, scores, inputs, variables)

    def _shape(self) -> "TowerShape":
        from lolomo.training.layers.two_tower_network import TowerShape

        return TowerShape(
            num_items=len(self._items),
            dim=self.config.embedding_dim,
            num_bags=self.config.num_bags,
            hidden=self.config.hidden,
            dropout=self.config.dropout,
            id_dropout=self.config.id_dropout if self.config.content else 0.0,
            temperature=self.config.temperature,
        )

    def _counts(self, data: TrainingData, events: "_Events") -> "CountSnapshots":
        """Return the log counts of all items at past instants; one of zeros without a prior."""
        from lolomo.training.layers.popularity_prior import SMALLEST_COUNT, CountSnapshots

        if not self.config.popularity_prior:
            nothing = np.zeros((1, 1, len(self._items)), np.float32)
            return CountSnapshots(events.timestamps[-1:], nothing)
        found = count_snapshots(data, events.timestamps, self.config.num_snapshots)
        places = np.searchsorted(self._items.astype(str), data.item_ids().astype(str))
        shape = (*found.log_counts.shape[:2], len(self._items))
        everything = np.full(shape, np.log(SMALLEST_COUNT), np.float32)
        everything[:, :, places] = found.log_counts
        return CountSnapshots(found.timestamps, everything)

    def _examples(
        self, events: "_Events", counts: "CountSnapshots", rng: np.random.Generator
    ) -> "Examples":
        """Return an example an event: the history strictly before it, and the counts of a moment.

        How old these are is random, so that the network learns what stale counts are worth.
        """
        from lolomo.training.loop import Examples
        from lolomo.training.streaming import StoredRows

        span = int(counts.timestamps[-1]) - int(events.timestamps[0])
        newest = len(counts.timestamps) - 1

        def parts() -> Iterator[dict[str, NDArray[Any]]]:
            for some, items, timestamps in events.histories(self.config.history_length):
                clocks = events.timestamps[some]
                ages = rng.uniform(0, self.config.count_max_age * span, len(clocks))
                known_at = clocks - ages.astype(np.int64)
                snapshots = np.searchsorted(counts.timestamps, known_at, side="right") - 1
                yield {
                    "items": items,
                    "timestamps": timestamps,
                    "clocks": clocks,
                    "snapshots": np.clip(snapshots, 0, newest).astype(np.int32),
                    TARGETS: events.items[some],
                    WEIGHTS: self._weights(events.timestamps[-1] - clocks),
                }

        rows = StoredRows.write(parts())
        return Examples(
            training=rows,
            num_training=rows.num_rows,
            batch_size=self.config.batch_events,
            to_example=_example,
        )

    def _weights(self, ages: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return what events so many microseconds before the last one count. Shape: [events]."""
        if not self.config.event_half_life_days:
            return np.ones(len(ages), np.float32)
        days = ages / MICROSECONDS_A_DAY
        return (0.5 ** (days / self.config.event_half_life_days)).astype(np.float32)

    def _loop(self) -> "LoopConfig":
        from lolomo.training.loop import LoopConfig

        return LoopConfig(
            epochs=self.config.epochs,
            learning_rate=self.config.learning_rate,
            weight_decay=self.config.weight_decay,
            mixed_precision=self.config.mixed_precision,
            xla=self.config.xla,
        )


def catalogue(data: TrainingData) -> Ids:
    """Return all items, of the catalogue and of the events, by id. Shape: [items]."""
    listed = data.items[Columns.ITEM_ID].drop_nulls().to_numpy().astype(object)
    return np.unique(np.concatenate([data.item_ids(), listed]).astype(str)).astype(object)


@dataclass(frozen=True, slots=True)
class _Events:
    """The events as numbers, in order of time; every array has the shape [events]."""

    users: NDArray[np.int64]
    items: NDArray[np.int32]
    """Places in the vocabulary."""
    timestamps: NDArray[np.int64]

    @classmethod
    def of(cls, data: TrainingData, items: Ids) -> "_Events":
        users = data.events[Columns.USER_ID]
        timestamps = data.events[Columns.TIMESTAMP].to_physical().to_numpy().astype(np.int64)
        return cls(
            places_in(users.unique().sort(), users).astype(np.int64),
            places_in(items.tolist(), data.events[Columns.ITEM_ID]),
            timestamps,
        )

    def histories(
        self, length: int, events_at_once: int = 100_000
    ) -> Iterator[tuple[slice, NDArray[np.int32], NDArray[np.int64]]]:
        """Yield what each event's user watched strictly before it, the latest last.

        Args:
            length: Most entries of a history.
            events_at_once: How many events' histories to make at once.

        Yields:
            Which events, their histories, item i as i + 1, 0 where padded, and when that was.
            Shapes: [some events, length].
        """
        order = np.argsort(self.users, kind="stable")
        users, times, watched = self.users[order], self.timestamps[order], self.items[order]
        place = np.arange(len(order))
        is_first = np.diff(users, prepend=-1) > 0
        is_later = is_first | (np.diff(times, prepend=-1) != 0)
        begin, end = np.empty_like(order), np.empty_like(order)
        begin[order] = np.maximum.accumulate(np.where(is_first, place, 0))
        end[order] = np.maximum.accumulate(np.where(is_later, place, 0))
        for start in range(0, len(order), events_at_once):
            some = slice(start, start + events_at_once)
            back = end[some, None] - np.arange(length, 0, -1)[None, :]
            present = back >= begin[some, None]
            back = np.where(present, back, 0)
            items = np.where(present, watched[back] + 1, 0).astype(np.int32)
            yield some, items, np.where(present, times[back], 0)


def _example(columns: Mapping[str, Any]) -> tuple[dict[str, Any], Any, Any]:
    """Return the inputs, targets and weights of a batch of rows."""
    inputs = dict(columns)
    return inputs, inputs.pop(TARGETS), inputs.pop(WEIGHTS)


def _built(network: "TwoTowerNetwork") -> "TwoTowerNetwork":
    network.build()
    return network
