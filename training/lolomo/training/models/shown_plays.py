"""Plays where shown: what is watched of what was shown, and not only what is watched.

A title that was shown often and seldom played is worse than its count says, and one that had few
chances is better. So a play is held against what stood beside it and was not played, with a head
for the slot, as well as against titles drawn from the whole catalogue. How much of the loss is
either is chosen by how the latest rows that were shown are put in order; all is of the catalogue
where the log says nothing of what was shown. The loss and its head are `training.corrections`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from typing_extensions import override

from lolomo.core.columns import Columns
from lolomo.core.errors import ModelError
from lolomo.core.recommender import Ids
from lolomo.training.corrections import Corrections, Examples, Negatives, SlotModel, fit, joined
from lolomo.training.models.data import TrainingData
from lolomo.training.models.export import Tensor, export_ranker, ranker_inputs
from lolomo.training.models.function_ranker import known
from lolomo.training.models.model import Export, Method, Model, Role

COUNTS: Final = (
    "item_decayed_plays_1d",
    "item_decayed_plays_3d",
    "item_decayed_plays_7d",
    "item_plays_30d",
    "item_plays_total",
)
"""Read as logarithms; all else of a title is its own bias."""
SMALLEST_COUNT: Final = 0.1
TIMES_AT_ONCE: Final = 512
MOST_SLOTS: Final = 64
"""Slots of a page with a bias of their own; those after share the last."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ShownPlaysConfig:
    """What to learn from, and how much each counts."""

    shown_share: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    """Share of the loss that what was shown has, played or not; the rest is of plays beside titles
    drawn from the whole catalogue. Of several the one is taken that puts the latest rows in the
    best order, by what was played of them."""
    held_back: float = 0.2
    """Share of the impressions, the latest, on which that is chosen."""
    negatives: int = 12
    """Titles drawn from the catalogue for each play."""
    max_impressions: int = 200_000
    """Most impressions, the latest."""
    max_plays: int = 20_000
    """Most plays to hold against the catalogue, the latest."""
    l2: float = 3.0
    """How strongly biases and weights are drawn to 0, in examples."""


@dataclass(frozen=True, slots=True)
class _Learned:
    """What a fit knows of titles."""

    items: Ids
    model: SlotModel

    def scores(self, logs: Tensor, place: Tensor) -> Tensor:
        """Return scores from log counts `[..., counts]` and places of titles, past all if new."""
        from lolomo.runtimes.tensorflow import tf

        weights = tf.constant(self.model.weights[:-1], tf.float32)
        biases = tf.constant(np.append(self.model.items, 0.0), tf.float32)
        return tf.einsum("bcf,f->bc", logs, weights) + tf.gather(biases, place)


class ShownPlays(Model[ShownPlaysConfig]):
    """Scores a title by its counts and by how often it is played where it stands.

    A logistic regression of plays with a bias a title and one a slot (PAL, Guo et al., RecSys
    2019), the latter left out when serving.
    """

    name = "shown_plays"
    Config = ShownPlaysConfig
    roles: ClassVar[Mapping[str, Role]] = {"trending_now": Role.ALTERNATIVE}
    method: ClassVar[Method] = "rank"
    reads: ClassVar[tuple[str, ...]] = COUNTS

    _learned: _Learned | None = None

    @override
    def fit(self, data: TrainingData, rng: np.random.Generator) -> None:
        teacher = _Teacher.of(data, self.config, rng)
        shares = self.config.shown_share if len(teacher.shown) else (0.0,)
        share = shares[0]
        if len(shares) > 1:
            late = int(np.quantile(teacher.shown_at, 1 - self.config.held_back))
            tried = [teacher.learn(each, before=late) for each in shares]
            share = shares[int(np.argmax([teacher.ndcg(each, late) for each in tried]))]
        self._learned = teacher.learn(share)
        data.progress(1.0, f"{share:.0%} of the loss is of what was shown")

    @override
    def export(self, path: Path) -> Export:
        from lolomo.runtimes.tensorflow import tf

        if self._learned is None:
            raise self.not_fitted()
        learned = self._learned
        places = np.arange(len(learned.items))
        keys = tf.constant(learned.items.tolist(), tf.string)
        initializer = tf.lookup.KeyValueTensorInitializer(keys, tf.constant(places, tf.int64))
        table = tf.lookup.StaticHashTable(initializer, len(places))

        def scores(query: Mapping[str, Tensor]) -> Tensor:
            return learned.scores(_logs(query), table.lookup(query[Columns.CANDIDATES]))

        inputs = ranker_inputs((), (Columns.CANDIDATES, *COUNTS))
        return export_ranker(path, scores, inputs, variables=(table,))


@dataclass(frozen=True, slots=True)
class _Teacher:
    """Examples of both kinds, and when each was."""

    items: Ids
    shown: Examples
    shown_at: NDArray[np.int64]
    row_of: NDArray[np.int64]
    """Of each that was shown, the row that it stood in."""
    drawn: Examples
    drawn_at: NDArray[np.int64]
    l2: float

    @classmethod
    def of(
        cls, data: TrainingData, config: ShownPlaysConfig, rng: np.random.Generator
    ) -> "_Teacher":
        """Gather the examples of a log.

        Raises:
            ModelError: If nobody tells the counts of the past.
        """
        if data.item_values is None:
            raise ModelError(
                f"task {data.task.name!r} received no counts of the past: shown_plays weighs a "
                "play by the counts of its moment; give `TrainingData.item_values`"
            )
        items = data.item_ids()
        plays = data.events.tail(config.max_plays)
        drawn, drawn_at = _drawn(data, plays, items, config.negatives, rng)
        shown, shown_at, row_of = _before(drawn, drawn_at, 0), drawn_at[:0], drawn_at[:0]
        if data.impressions is not None:
            impressions = data.impressions().tail(config.max_impressions)
            shown, shown_at, row_of = _shown(data, impressions, items)
        return cls(items, shown, shown_at, row_of, drawn, drawn_at, config.l2)

    def learn(self, share: float, before: int | None = None) -> _Learned:
        """Fit so much to what was shown, and the rest to the catalogue.

        Args:
            share: Of the loss.
            before: Only from what was before, microseconds since 1970 UTC; None for all.
        """
        parts = [
            _weighing(_before(self.shown, self.shown_at, before), share),
            _weighing(_before(self.drawn, self.drawn_at, before), 1 - share),
        ]
        examples = joined(parts)
        weights = examples.weight * len(examples) / max(examples.weight.sum(), 1e-9)
        corrections = Corrections(negatives=Negatives.SHOWN, position_head=True, l2=self.l2)
        sizes = (len(self.items), MOST_SLOTS)
        page = replace(examples, weight=weights)
        organic = _before(page, np.zeros(len(page), np.int64), 0)
        return _Learned(self.items, fit(page, organic, sizes, corrections))

    def ndcg(self, learned: _Learned, late: int) -> float:
        """Return the mean NDCG of the rows shown since, whatever the slots; 0 without plays."""
        now = self.shown_at >= late
        item, played, row = self.shown.item[now], self.shown.played[now], self.row_of[now]
        scores = learned.model.scores_of(item, self.shown.features[now])
        ranks = _ranks_within(row, -scores)
        gain = np.bincount(row, played / np.log2(ranks + 2))
        ideal = np.bincount(row, played / np.log2(_ranks_within(row, -played) + 2))
        asked = ideal > 0
        return float((gain[asked] / ideal[asked]).mean()) if asked.any() else 0.0


def _ranks_within(group: NDArray[np.int64], keys: Floats) -> NDArray[np.int64]:
    """Return the place of each by its key within its group, from 0."""
    order = np.lexsort((keys, group))
    first = np.searchsorted(group[order], group[order])
    ranks = np.empty(len(group), np.int64)
    ranks[order] = np.arange(len(group)) - first
    return ranks


def _shown(
    data: TrainingData, impressions: pl.DataFrame, items: Ids
) -> tuple[Examples, NDArray[np.int64], NDArray[np.int64]]:
    """Return what was shown of the known titles, when, and in which row of which page."""
    place = [Columns.REQUEST_ID, Columns.ITEM_ID]
    played = data.events.select(place).drop_nulls().unique().with_columns(played=pl.lit(1.0))
    rows = impressions.join(played, on=place, how="left", maintain_order="left").filter(
        pl.col(Columns.ITEM_ID).is_in(pl.Series(items.tolist()).implode())
    )
    width = int(rows[Columns.POSITION].max() or 0) + 1  # type: ignore[arg-type]
    slot = rows[Columns.ROW].fill_null(0) * width + rows[Columns.POSITION].fill_null(0)
    hit = rows["played"].fill_null(0.0).to_numpy()
    at = rows[Columns.TIMESTAMP].dt.epoch("us").to_numpy()
    item = _places(rows[Columns.ITEM_ID], items)
    slots = np.minimum(slot.to_numpy(), MOST_SLOTS - 1)
    page_row = rows.select(pl.struct(Columns.REQUEST_ID, Columns.ROW).rank("dense"))
    row_of = page_row.to_series().to_numpy().astype(np.int64) - 1
    return _examples(data, item[:, None], at, hit, slots.astype(np.int64)), at, row_of


def _drawn(
    data: TrainingData, plays: pl.DataFrame, items: Ids, negatives: int, rng: np.random.Generator
) -> tuple[Examples, NDArray[np.int64]]:
    """Return plays, each with titles drawn from the whole catalogue, and when."""
    at = plays[Columns.TIMESTAMP].dt.epoch("us").to_numpy()
    others = rng.integers(0, len(items), (len(plays), negatives))
    item = np.column_stack([_places(plays[Columns.ITEM_ID], items), others])
    played = np.zeros(item.shape)
    played[:, 0] = 1.0
    nowhere = np.full(item.size, -1)
    return _examples(data, item, at, played.ravel(), nowhere), np.repeat(at, item.shape[1])


def _examples(
    data: TrainingData,
    item: NDArray[np.int64],
    at: NDArray[np.int64],
    played: Floats,
    slot: NDArray[np.int64],
) -> Examples:
    """Return examples with the counts of their moment. `item` is [moments, titles]."""
    values = np.empty((*item.shape, len(COUNTS) + 1))
    values[..., -1] = 1.0
    for start in range(0, len(at), TIMES_AT_ONCE):
        part = slice(start, start + TIMES_AT_ONCE)
        times, moment = np.unique(at[part], return_inverse=True)
        assert data.item_values is not None  # noqa: S101 - checked by `_Teacher.of`
        found = data.item_values(times, COUNTS)
        for number, name in enumerate(COUNTS):
            counts = np.nan_to_num(found[name][moment[:, None], item[part]])
            values[part, :, number] = np.log(np.maximum(counts, 0.0) + SMALLEST_COUNT)
    return Examples(
        item=item.ravel(),
        features=values.reshape(-1, values.shape[2]),
        played=played,
        weight=np.ones(item.size),
        slot=slot,
    )


def _places(item_ids: pl.Series, items: Ids) -> NDArray[np.int64]:
    """Return where ids stand among the sorted items. Shape: [ids]."""
    return np.searchsorted(items.astype(str), item_ids.to_numpy().astype(str))


def _before(examples: Examples, at: NDArray[np.int64], time: int | None) -> Examples:
    if time is None:
        return examples
    kept = np.flatnonzero(at < time)
    return Examples(
        **{name: getattr(examples, name)[kept] for name in ("item", "features", "played")},
        weight=examples.weight[kept],
        slot=examples.slot[kept],
    )


def _weighing(examples: Examples, share: float) -> Examples:
    """Return examples whose weights sum to a share; none where it is 0."""
    if not share or not len(examples):
        return _before(examples, np.zeros(len(examples), np.int64), 0)
    return replace(examples, weight=np.full(len(examples), share / len(examples)))


def _logs(query: Mapping[str, Any]) -> Tensor:
    """Return the logarithms of the counts. Shape: [batch, candidates, counts]."""
    from lolomo.runtimes.tensorflow import tf

    counts = [tf.maximum(known(query[name]), 0.0) + SMALLEST_COUNT for name in COUNTS]
    return tf.math.log(tf.stack(counts, axis=2))
