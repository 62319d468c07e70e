"""A deep ranker over all features: DCN-v2 with attention over the history, trained listwise.

The case study's lesson is that deep models win with many heterogeneous features and with time. This
one reads what LightGBM reads (numbers of user, item and context, categories, and the scores and
ranks of the candidates' sources), and beside it what trees cannot: ids, the words
of titles, the sequence of the history, and continuous gaps.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from lolomo.core.columns import Columns
from lolomo.core.errors import ModelError
from lolomo.core.recommender import Query, Scores
from lolomo.features.content import ItemContent, item_content
from lolomo.training.models.data import RankingBatch, TrainingData
from lolomo.training.models.export import export_ranker, ranker_inputs
from lolomo.training.models.head_posterior import HeadQueries, posterior_factor
from lolomo.training.models.model import Export, Method, Model, Role
from lolomo.training.models.next_item_config import Rung
from lolomo.training.models.next_item_parts import MAX_TITLE_TOKENS
from lolomo.training.models.ranker_encoder import RankerColumns, RankerEncoder
from lolomo.training.models.space import Choice, Range, Space

if TYPE_CHECKING:
    from lolomo.features import Feature
    from lolomo.training.layers.ranking_network import RankingNetwork
    from lolomo.training.loop import LoopConfig


POSTERIOR_QUERIES = 2_000
"""How many training queries, at most, say how sure the head is."""
POSTERIOR_BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepRankerConfig:
    """What the deep ranker may be told."""

    inputs: Rung = "continuous_time"
    """Which features it may read, see `ranker_inputs`; the gaps of the history are continuous
    time."""
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
    value_weight: float = 0.0
    """Weight of the loss of a second head, which predicts how a play is valued where the data say
    so; 0 for no such head."""
    value_power: float = 0.0
    """Candidates are ranked by the chance of a play times this power of its predicted value; 0 for
    the chance alone."""
    num_negatives: int = 120
    """Candidates drawn of each query in training, beside those that answer it."""
    min_item_count: int = 20
    """Items with fewer events share one embedding, as unseen items do."""
    batch_queries: int = 64
    """Queries a step."""
    max_queries: int = 20_000
    """Most queries, the latest, that are learned from."""
    epochs: int = 3
    """Most passes over the queries."""
    learning_rate: float = 2e-3
    """The highest of the schedule."""
    weight_decay: float = 1e-3
    """As in AdamW."""
    held_back: float = 0.0
    """Last fraction of the queries, by time, held back to stop early; 0 learns from all of them,
    the latest included, for `epochs`."""
    patience: int = 1
    """Epochs without a better loss on them before stopping, if any are held back."""
    mixed_precision: bool = False
    """Whether to compute in bfloat16."""
    xla: bool = False
    """Whether to compile by XLA."""


class DeepRanker(Model[DeepRankerConfig]):
    """Ranks what other models propose, by everything that is known."""

    name = "deep_ranker"
    Config = DeepRankerConfig
    roles: ClassVar[Mapping[str, Role]] = {"top_picks": Role.ALTERNATIVE}
    method: ClassVar[Method] = "rank"
    space: ClassVar[Mapping[str, Space]] = {
        "learning_rate": Range(5e-4, 5e-3, log=True),
        "weight_decay": Range(1e-5, 1e-2, log=True),
        "dropout": Range(0.0, 0.4),
        "num_crosses": Range(1, 3),
        "item_dim": Choice((8, 16, 32)),
        "num_negatives": Choice((60, 120, 240)),
    }
    quick: ClassVar[Mapping[str, Any]] = {"num_negatives": 60}
    wants_gpu: ClassVar[bool] = True

    _columns: "RankerColumns"
    _encoder: "RankerEncoder"
    _features: "tuple[Feature, ...]"
    _network: "RankingNetwork | None" = None
    _factor: NDArray[np.float32]
    """Of the posterior over the head's weights. Shape: [units, units]."""

    @override
    def fit(self, data: TrainingData, rng: np.random.Generator) -> None:
        from lolomo.training.layers.ranking_network import RankingNetwork
        from lolomo.training.loop import Examples, train

        columns, lists = _materialise(data, self.config, rng)
        encoder = RankerEncoder.of(data, columns, lists.query, self.config.min_item_count)
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
        shape = self._shape(encoder, data)
        self._columns, self._encoder, self._features = columns, encoder, data.features
        self._network = network = train(
            lambda: _built(RankingNetwork(shape, encoder.numbers), inputs),
            examples,
            self._loop(),
            seed,
            folder=data.scratch,
            progress=data.progress,
        )
        parts = _head_queries(network, inputs, lists.query, rng)
        weights = np.asarray(network.head_weights())
        self._factor = posterior_factor(parts, weights, len(lists.gains))

    @override
    def export(self, path: Path) -> Export:
        if self._network is None:
            raise self.not_fitted()
        network, encoder = self._network, self._encoder
        specs = ranker_inputs(self._features, self._columns.names)
        variables = [weight.value for weight in network.weights]
        factor = self._factor

        def scores(query: Mapping[str, Any]) -> Any:
            return network.scores(encoder.encode(query))

        def posterior(query: Mapping[str, Any]) -> tuple[Any, Any]:
            import tensorflow as tf

            known, units = network.scores_and_units(encoder.encode(query))
            return known, tf.matmul(factor, units, transpose_a=True, transpose_b=True)

        tables = [*variables, *encoder.tables]
        return export_ranker(path, scores, specs, tables, posterior)

    def _shape(self, encoder: "RankerEncoder", data: TrainingData) -> Any:
        from lolomo.training.layers.ranking_network import RankingShape

        reads = self.config.inputs != "ids"

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
            content=_content(data) if reads else None,
            value_weight=self.config.value_weight,
            value_power=self.config.value_power,
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
class _Lists:
    """Queries to learn from, in order of time, with the same number of candidates each."""

    query: Query
    gains: Scores
    """Shape: [queries, candidates]."""
    values: Scores
    """How plays were valued, NaN where unknown. Shape: [queries, candidates]."""


def _content(data: TrainingData) -> ItemContent:
    """Return the content of the catalogue, after a row for unknown items."""
    items = np.array(["", *data.items[Columns.ITEM_ID].to_list()], object)
    content = item_content(data.items, items, data.cut.year)
    return replace(content, tokens=content.tokens[:, :MAX_TITLE_TOKENS])


def _built(network: "RankingNetwork", inputs: Mapping[str, Any]) -> "RankingNetwork":
    """Create the weights by a call on the first query."""
    import tensorflow as tf

    network(tf.nest.map_structure(lambda value: value[:1], dict(inputs)))
    return network


def _dataset(inputs: Mapping[str, Any], lists: _Lists, part: slice) -> Any:
    """Return (inputs, gains and values, weights) of some queries."""
    import tensorflow as tf

    present = (lists.query[Columns.CANDIDATES] != "").astype(np.float32)
    targets = np.stack([lists.gains, lists.values], axis=2)
    some = tf.nest.map_structure(lambda value: value[part], dict(inputs))
    return tf.data.Dataset.from_tensor_slices((some, targets[part], present[part]))


def _head_queries(
    network: "RankingNetwork", inputs: Mapping[str, Any], query: Query, rng: np.random.Generator
) -> Iterator[HeadQueries]:
    """Yield what the head reads of some of the queries that it was trained with."""
    import tensorflow as tf

    present = query[Columns.CANDIDATES] != ""
    chosen = np.sort(rng.permutation(len(present))[:POSTERIOR_QUERIES])
    for start in range(0, len(chosen), POSTERIOR_BATCH):
        rows = chosen[start : start + POSTERIOR_BATCH]
        some = tf.nest.map_structure(partial(tf.gather, indices=rows), dict(inputs))
        logits, units = network.scores_and_units(some)
        yield HeadQueries(np.asarray(units), np.asarray(logits), present[rows])


def _materialise(
    data: TrainingData, config: DeepRankerConfig, rng: np.random.Generator
) -> tuple[RankerColumns, _Lists]:
    """Pass once over the rankings, keeping of the latest answered queries answers and a sample.

    Raises:
        ModelError: If there are no rankings, or nothing in them is answered.
    """
    columns, kept = None, deque[_Lists]()
    for batch in data.rankings() if data.rankings else ():
        columns = columns or RankerColumns.of(data, batch.query, config.inputs)
        answered = np.flatnonzero(batch.gains.max(axis=1, initial=0.0) > 0)
        if len(answered):
            kept.append(_sample(batch, columns, answered, config.num_negatives, rng))
            _forget(kept, config.max_queries)
    if columns is None or not kept:
        raise ModelError(
            f"received no answered rankings before {data.cut:%Y-%m-%d %H:%M} for task "
            f"{data.task.name!r}: expected past queries with the watched item among their "
            "candidates; import more data or widen the candidate sources"
        )
    latest = slice(-config.max_queries, None)
    query = {
        name: _joined([lists.query[name] for lists in kept], name)[latest] for name in columns.names
    }
    gains, values = (
        _joined([getattr(lists, name) for lists in kept], name)[latest]
        for name in ("gains", "values")
    )
    return columns, _Lists(query, gains, values)


def _forget(kept: deque[_Lists], num_queries: int) -> None:
    """Drop the oldest lists that are not needed for so many queries."""
    held = sum(len(lists.gains) for lists in kept)
    while held - len(kept[0].gains) >= num_queries:
        held -= len(kept.popleft().gains)


def _sample(
    batch: RankingBatch,
    columns: RankerColumns,
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
    values = np.full_like(gains, np.nan) if batch.values is None else batch.values[rows]
    return _Lists(query, *(np.take_along_axis(each, kept, axis=1) for each in (gains, values)))


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
