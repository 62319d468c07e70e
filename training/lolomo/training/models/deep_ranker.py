"""A deep ranker over all features: DCN-v2 with attention over the history, trained listwise.

The case study's lesson is that deep models win with many heterogeneous features and with time. This
one reads what LightGBM reads (numbers of user, item and context, categories, and the scores and
ranks of the candidates' sources), and beside it what trees cannot: ids, the sequence of the
history, and continuous gaps.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from typing_extensions import override

from lolomo.core.columns import Columns
from lolomo.core.errors import ModelError
from lolomo.core.recommender import Query, Scores
from lolomo.features.candidates import source_features
from lolomo.training.models.data import RankingBatch, TrainingData
from lolomo.training.models.export import export_ranker, ranker_inputs
from lolomo.training.models.model import Export, Method, Model, Role

if TYPE_CHECKING:
    from lolomo.features import Feature
    from lolomo.training.layers.feature_encoding import NumberEncoding, Vocabulary
    from lolomo.training.layers.ranking_network import RankingNetwork
    from lolomo.training.loop import LoopConfig

IDS = (
    Columns.CANDIDATES,
    Columns.HISTORY_ITEM_IDS,
    Columns.HISTORY_TIMESTAMPS,
    Columns.TIMESTAMP,
)
"""Inputs that every ranking has, beside its features."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepRankerConfig:
    """What the deep ranker may be told."""

    item_dim: int = 16
    """Size of id embeddings."""
    category_dim: int = 8
    """Size of category embeddings."""
    num_crosses: int = 2
    """Cross layers."""
    cross_rank: int = 32
    """Rank of their weights."""
    hidden: tuple[int, ...] = (96, 48)
    """Units of the deep layers."""
    dropout: float = 0.2
    """Share of activations dropped in training."""
    num_negatives: int = 60
    """Candidates drawn of each query in training, beside those that answer it."""
    min_item_count: int = 20
    """Items with fewer events share one embedding, as unseen items do."""
    batch_queries: int = 64
    """Queries a step."""
    epochs: int = 6
    """Most passes over the queries."""
    learning_rate: float = 2e-3
    """The highest of the schedule."""
    weight_decay: float = 1e-3
    """As in AdamW."""
    held_back: float = 0.15
    """Last fraction of the queries, by time, held back to stop early."""
    patience: int = 1
    """Epochs without a better loss on them before stopping."""
    mixed_precision: bool = False
    """Whether to compute in bfloat16."""
    xla: bool = False
    """Whether to compile by XLA."""


class DeepRanker(Model[DeepRankerConfig]):
    """Ranks what other models propose, by everything that is known."""

    name = "deep_ranker"
    Config = DeepRankerConfig
    roles: ClassVar[Mapping[str, Role]] = {"top_picks": Role.CHALLENGER}
    method: ClassVar[Method] = "rank"
    wants_gpu: ClassVar[bool] = True

    _columns: "_Columns"
    _encoder: "_Encoder"
    _features: "tuple[Feature, ...]"
    _network: "RankingNetwork | None" = None

    @override
    def fit(self, data: TrainingData, rng: np.random.Generator) -> None:
        from lolomo.training.layers.ranking_network import RankingNetwork
        from lolomo.training.loop import Examples, train

        columns, lists = _materialise(data, self.config.num_negatives, rng)
        encoder = _Encoder.of(data, columns, lists, self.config.min_item_count)
        inputs = encoder.encode_in_parts(lists.query)
        later = max(round(len(lists.gains) * (1 - self.config.held_back)), 1)
        examples = Examples(
            training=_dataset(inputs, lists, slice(0, later)),
            num_training=later,
            batch_size=self.config.batch_queries,
            validation=_dataset(inputs, lists, slice(later, None))
            if later < len(lists.gains)
            else None,
        )
        seed = int(rng.integers(2**31))
        shape = self._shape(encoder)
        self._columns, self._encoder, self._features = columns, encoder, data.features
        self._network = train(
            lambda: _built(RankingNetwork(shape), inputs),
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
        network, encoder = self._network, self._encoder
        specs = ranker_inputs(self._features, self._columns.names)
        variables = [weight.value for weight in network.weights]

        def scores(query: Mapping[str, Any]) -> Any:
            return network(encoder.encode(query), training=False)

        return export_ranker(path, scores, specs, [*variables, *encoder.tables])

    def _shape(self, encoder: "_Encoder") -> Any:
        from lolomo.training.layers.ranking_network import RankingShape

        return RankingShape(
            num_items=encoder.items.size,
            sets={name: table.size for name, table in encoder.sets.items()},
            history_sets=tuple(encoder.contents),
            item_dim=self.config.item_dim,
            category_dim=self.config.category_dim,
            num_crosses=self.config.num_crosses,
            cross_rank=self.config.cross_rank,
            hidden=self.config.hidden,
            dropout=self.config.dropout,
        )

    def _loop(self) -> "LoopConfig":
        from lolomo.training.loop import LoopConfig

        return LoopConfig(
            epochs=self.config.epochs,
            learning_rate=self.config.learning_rate,
            weight_decay=self.config.weight_decay,
            patience=self.config.patience,
            mixed_precision=self.config.mixed_precision,
            xla=self.config.xla,
        )


@dataclass(frozen=True, slots=True)
class _Columns:
    """Which inputs are read, and how."""

    numbers: tuple[str, ...]
    sets: tuple[str, ...]
    """Categories, one or several."""
    per_candidate: frozenset[str]
    """Those of the inputs that have the axis `candidates`."""

    @property
    def names(self) -> tuple[str, ...]:
        return (*IDS, *self.numbers, *self.sets)

    @classmethod
    def of(cls, data: TrainingData, query: Query) -> "_Columns":
        """Choose the task's features that the rankings have, and what merging adds.

        Raises:
            ModelError: If the rankings lack ids, history or time.
        """
        missing = [name for name in IDS if name not in query]
        if missing:
            raise ModelError(
                f"rankings of {data.task.name!r} have no {missing}; received {sorted(query)}: "
                "add the history's columns to the task's features"
            )
        of_type = {
            feature.name: feature.dtype for feature in data.features if feature.name in query
        }
        sources = [name for name in source_features(data.task.candidates_from) if name in query]
        numbers = [name for name, dtype in of_type.items() if dtype == "number"]
        sets = [name for name, dtype in of_type.items() if dtype in ("category", "categories")]
        of_items = {feature.name for feature in data.features if feature.entity == "item"}
        per_candidate = frozenset({Columns.CANDIDATES, *sources, *of_items})
        return cls((*numbers, *sources), tuple(sets), per_candidate)


@dataclass(frozen=True, slots=True)
class _Lists:
    """Queries to learn from, in order of time, with the same number of candidates each."""

    query: Query
    gains: Scores
    """Shape: [queries, candidates]."""


@dataclass(frozen=True, slots=True)
class _Encoder:
    """Turns named inputs into what the network reads; the same in training and in a release."""

    columns: _Columns
    numbers: "NumberEncoding"
    items: "Vocabulary"
    sets: "Mapping[str, Vocabulary]"
    catalogue: "Vocabulary"
    contents: Mapping[str, NDArray[np.int32]]
    """Indices of the categories of each catalogue item. Shape of each: [1 + items, values]."""

    @classmethod
    def of(
        cls, data: TrainingData, columns: _Columns, lists: _Lists, min_item_count: int
    ) -> "_Encoder":
        """Learn scales and vocabularies."""
        from lolomo.training.layers.feature_encoding import NumberEncoding, Vocabulary

        before = data.events.group_by(Columns.ITEM_ID).len()
        often = before.filter(before["len"] >= min_item_count)[Columns.ITEM_ID].sort()
        sets = {
            name: Vocabulary(np.unique(lists.query[name].astype(str)).tolist())
            for name in columns.sets
        }
        present = lists.query[Columns.CANDIDATES] != ""
        values = [
            lists.query[name][present] if name in columns.per_candidate else lists.query[name]
            for name in columns.numbers
        ]
        return cls(
            columns=columns,
            numbers=NumberEncoding(values),
            items=Vocabulary(often.to_list()),
            sets=sets,
            catalogue=Vocabulary(data.items[Columns.ITEM_ID].to_list()),
            contents=_contents(data, sets),
        )

    @property
    def tables(self) -> list[Any]:
        """Everything that `encode` looks up."""
        return [self.items, self.catalogue, *self.sets.values()]

    def encode(self, query: Mapping[str, Any]) -> dict[str, Any]:
        """Return the inputs of `RankingNetwork`."""
        import tensorflow as tf

        candidates = tf.convert_to_tensor(query[Columns.CANDIDATES])
        shape = tf.shape(candidates)
        numbers = [
            tf.broadcast_to(self._aligned(query, name), shape) for name in self.columns.numbers
        ]
        history = tf.convert_to_tensor(query[Columns.HISTORY_ITEM_IDS])
        places = self.catalogue(history)
        return {
            "candidates": self.items(candidates),
            "history": self.items(history),
            "history_sets": {name: tf.gather(some, places) for name, some in self.contents.items()},
            "history_timestamps": tf.convert_to_tensor(query[Columns.HISTORY_TIMESTAMPS]),
            "timestamp": tf.convert_to_tensor(query[Columns.TIMESTAMP]),
            "numbers": self.numbers(tf.stack(numbers, axis=2)),
            "sets": {name: self._set(query, name) for name in self.columns.sets},
        }

    def encode_in_parts(self, query: Query, num_queries: int = 1024) -> dict[str, Any]:
        """Encode many queries without large intermediate values."""
        import tensorflow as tf

        starts = range(0, len(query[Columns.TIMESTAMP]), num_queries)
        parts = [
            self.encode(
                {name: values[start : start + num_queries] for name, values in query.items()}
            )
            for start in starts
        ]
        return dict(tf.nest.map_structure(lambda *part: tf.concat(part, axis=0), *parts))

    def _aligned(self, query: Mapping[str, Any], name: str) -> Any:
        """Return an input with the axis `candidates`, of size 1 where all candidates share it."""
        import tensorflow as tf

        values = tf.convert_to_tensor(query[name])
        return values if name in self.columns.per_candidate else values[:, None]

    def _set(self, query: Mapping[str, Any], name: str) -> Any:
        """Return indices `[batch, candidates or 1, values]` of a category or several."""
        values = self._aligned(query, name)
        return self.sets[name](values if values.shape.rank == 3 else values[:, :, None])


def _contents(data: TrainingData, sets: "Mapping[str, Vocabulary]") -> dict[str, NDArray[np.int32]]:
    """Return what `_Encoder.contents` says, of the sets that the catalogue has as lists."""
    contents = {}
    for name, vocabulary in sets.items():
        if isinstance(data.items.schema.get(name), pl.List):
            texts = [[""], *(some or [""] for some in data.items[name].to_list())]
            padded = np.full((len(texts), max(map(len, texts))), "", object)
            for row, some in enumerate(texts):
                padded[row, : len(some)] = [text or "" for text in some]
            contents[name] = vocabulary(padded).numpy()
    return contents


def _built(network: "RankingNetwork", inputs: Mapping[str, Any]) -> "RankingNetwork":
    """Create the weights by a call on the first query."""
    import tensorflow as tf

    network(tf.nest.map_structure(lambda value: value[:1], dict(inputs)))
    return network


def _dataset(inputs: Mapping[str, Any], lists: _Lists, part: slice) -> Any:
    """Return (inputs, gains, weights) of some queries."""
    import tensorflow as tf

    present = (lists.query[Columns.CANDIDATES] != "").astype(np.float32)
    some = tf.nest.map_structure(lambda value: value[part], dict(inputs))
    return tf.data.Dataset.from_tensor_slices((some, lists.gains[part], present[part]))


def _materialise(
    data: TrainingData, num_negatives: int, rng: np.random.Generator
) -> tuple[_Columns, _Lists]:
    """Pass once over the rankings, keeping of each answered query its answers and a sample.

    Raises:
        ModelError: If there are no rankings, or nothing in them is answered.
    """
    columns, kept = None, []
    for batch in data.rankings() if data.rankings else ():
        columns = columns or _Columns.of(data, batch.query)
        answered = np.flatnonzero(batch.gains.max(axis=1, initial=0.0) > 0)
        if len(answered):
            kept.append(_sample(batch, columns, answered, num_negatives, rng))
    if columns is None or not kept:
        raise ModelError(
            f"received no answered rankings before {data.cut:%Y-%m-%d %H:%M} for task "
            f"{data.task.name!r}: expected past queries with the watched item among their "
            "candidates; import more data or widen the candidate sources"
        )
    query = {name: _joined([lists.query[name] for lists in kept], name) for name in columns.names}
    return columns, _Lists(query, _joined([lists.gains for lists in kept], Columns.GAINS))


def _sample(
    batch: RankingBatch,
    columns: _Columns,
    rows: NDArray[np.int64],
    num_negatives: int,
    rng: np.random.Generator,
) -> _Lists:
    """Keep of some queries the candidates that answer them and others at random."""
    gains = batch.gains[rows]
    present = batch.query[Columns.CANDIDATES][rows] != ""
    order = rng.random(gains.shape) + (gains <= 0) + 2.0 * ~present
    num_kept = min(int((gains > 0).sum(axis=1).max()) + num_negatives, gains.shape[1])
    kept = np.argsort(order, axis=1)[:, :num_kept]
    index = rows[:, None], kept
    query = {
        name: batch.query[name][index if name in columns.per_candidate else rows]
        for name in columns.names
    }
    return _Lists(query, np.take_along_axis(gains, kept, axis=1))


def _joined(parts: list[NDArray[Any]], name: str) -> NDArray[Any]:
    """Concatenate along the queries, padding the other axes to the widest."""
    widest = np.max([part.shape[1:] for part in parts], axis=0) if parts[0].ndim > 1 else ()
    return np.concatenate(list(_padded(parts, tuple(int(size) for size in widest), name)))


def _padded(parts: list[NDArray[Any]], shape: tuple[int, ...], name: str) -> Iterator[NDArray[Any]]:
    """Yield the parts padded with "" or 0, histories at the front."""
    for part in parts:
        missing = [wide - size for wide, size in zip(shape, part.shape[1:], strict=True)]
        at_front = name.startswith("history_")
        widths = [(0, 0), *((size, 0) if at_front else (0, size) for size in missing)]
        padding: Any = "" if part.dtype == object else 0
        yield np.pad(part, widths, constant_values=padding)
