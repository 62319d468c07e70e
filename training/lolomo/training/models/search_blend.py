"""What search models share: columns that each speak for some items, blended by learned weights.

A *part* computes columns over the vocabulary from the query: how well a title fits the text, how
near an item is to the user's taste. Counts of plays come as item features, as fresh as the feature
store is, and enter by their logarithm. The score is a weighted sum, with weights of its own where
nothing is typed, so that "prefix times popularity" and recent popularity are two points in its
space. Weights are fitted on past queries (ListNet), everything inside one SavedModel.

Axes: `batch` (queries), `items` (the vocabulary), `candidates`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.recommender import Ids, Query, Scores
from lolomo.features import all_features
from lolomo.training.models.data import RankingBatch, TrainingData
from lolomo.training.models.export import HISTORY_INDICES, Tensor, export_ranker, ranker_inputs
from lolomo.training.models.model import Export
from lolomo.training.models.search_titles import (
    Lookup,
    TitleIndex,
    grams_of,
    normalised,
    starts_of,
    words_of,
)
from lolomo.training.models.shortlists import Shortlists, shortlists

COUNTS: Final = (
    "item_decayed_plays_1d",
    "item_decayed_plays_3d",
    "item_decayed_plays_7d",
    "item_plays_total",
)
STARTS: Final = "starts"
"""1 where the text begins the title, or the title from one of its words on."""
WORDS: Final = "words"
"""The share of the typed words that begin a word of the title."""
COVER: Final = "cover"
"""The share of the text's character runs that the title has, rare ones counting more."""
COSINE: Final = "cosine"
"""The same, over how much more the title has."""
TYPED: Final = "typed"
"""1 where anything is typed; not a column of the blend, but what chooses its weights."""
CHANCE: Final = "chance"
"""A random number, whose best are no more than a sample of the catalogue to be ordered below."""
READS: Final = (Columns.TEXT, Columns.HISTORY_ITEM_IDS, *COUNTS)
UNFITTED: Final = {STARTS: 4.0, WORDS: 4.0, COVER: 4.0, "item_decayed_plays_3d": 1.0}
"""Weights where there are no past queries to fit them on."""
SMALLEST_COUNT: Final = 0.1
"""Added to counts before the logarithm."""


class Part(Protocol):
    """Some columns of the blend."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        ...

    @property
    def variables(self) -> Sequence[Any]:
        """Every `tf.Variable` that they are computed from."""
        ...

    def __call__(self, query: Mapping[str, Tensor]) -> Sequence[Tensor]:
        """Return a column a name, each `[batch, items]`.

        Args:
            query: The inputs, with the text normalised, and `HISTORY_INDICES`.
        """
        ...


class TitleMatch:
    """How a text fits titles: by their beginning, by words, by character runs.

    Args:
        index: The titles.
        names: Which columns to compute.
    """

    def __init__(
        self, index: TitleIndex, names: tuple[str, ...] = (STARTS, WORDS, COVER, COSINE)
    ) -> None:
        from lolomo.runtimes.tensorflow import tf

        self.names = names
        num_items = len(index.item_ids)
        self._starts = Lookup(index.starts, num_items)
        self.variables = [*self._starts.variables]
        if names == (STARTS,):
            return
        self._words = Lookup(index.words, num_items)
        grams = index.grams
        self._grams = Lookup(grams, num_items, grams.rarity)
        weights = np.repeat(grams.rarity, np.diff(grams.splits))
        norms = np.sqrt(np.bincount(grams.items, weights, num_items) + 1e-6)
        self._norms = tf.Variable(norms.astype(np.float32), trainable=False)
        self.variables += [*self._words.variables, *self._grams.variables, self._norms]

    def __call__(self, query: Mapping[str, Tensor]) -> Sequence[Tensor]:
        """Return the columns; see `Part`."""
        from lolomo.runtimes.tensorflow import tf

        text = query[Columns.TEXT]
        starts, _ = self._starts(starts_of(text))
        if self.names == (STARTS,):
            return [starts]
        words, num_words = self._words(words_of(text))
        grams, of_text = self._grams(grams_of(text))
        cover = tf.math.divide_no_nan(grams, of_text[:, None])
        cosine = cover * tf.sqrt(of_text)[:, None] / self._norms
        return [starts, tf.math.divide_no_nan(words, num_words[:, None]), cover, cosine]


@dataclass(frozen=True, slots=True)
class Weights:
    """What each column counts."""

    typed: Scores
    """Where something is typed. Shape: [columns]."""
    untyped: Scores
    """Where nothing is. Shape: [columns]."""


class SearchGraph:
    """From inputs to columns and scores, eagerly or inside a SavedModel.

    Args:
        items: The vocabulary: every item with a title. Shape: [items].
        parts: What speaks for items.
        counts: Item features that do.
    """

    def __init__(self, items: Ids, parts: Sequence[Part], counts: Sequence[str] = COUNTS) -> None:
        from lolomo.runtimes.tensorflow import tf

        places = tf.lookup.KeyValueTensorInitializer(
            tf.constant(items.tolist(), tf.string), np.arange(len(items), dtype=np.int32)
        )
        self._index = tf.lookup.StaticHashTable(places, -1)
        self._parts = tuple(parts)
        self._counts = tuple(counts)
        self._num_items = len(items)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that are blended."""
        return (*(name for part in self._parts for name in part.names), *self._counts)

    def values(self, query: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return each column, and `TYPED`, of each candidate. Shape: [batch, candidates]."""
        from lolomo.runtimes.tensorflow import tf

        asked, places = self._read(query)
        names = [name for part in self._parts for name in part.names]
        over_items = [column for part in self._parts for column in part(asked)]
        columns = {
            name: _gathered(column, places) for name, column in zip(names, over_items, strict=True)
        }
        typed = tf.repeat(_is_typed(asked)[:, None], tf.shape(places)[1], axis=1)
        return columns | {name: _log(query[name]) for name in self._counts} | {TYPED: typed}

    def scores(self, query: Mapping[str, Tensor], weights: Weights) -> Tensor:
        """Return the weighted sum of the columns. Shape: [batch, candidates]."""
        from lolomo.runtimes.tensorflow import tf

        asked, places = self._read(query)
        typed = _is_typed(asked)[:, None]
        worth = typed * weights.typed + (1.0 - typed) * weights.untyped
        columns = [column for part in self._parts for column in part(asked)]
        total = tf.add_n([worth[:, place, None] * column for place, column in enumerate(columns)])
        score = _gathered(total, places)
        for place, name in enumerate(self._counts, start=len(columns)):
            score += worth[:, place, None] * _log(query[name])
        return score

    def fit(
        self, data: TrainingData, queries_per_batch: int, l2: float, rng: np.random.Generator
    ) -> Weights:
        """Return the weights that order past queries best; `UNFITTED` where there are none."""
        lists = self.lists(data, queries_per_batch, rng)
        default = np.array([UNFITTED.get(name, 0.0) for name in self.columns], np.float32)
        fitted = [
            part.blend(part.values[:, :, :-2], l2) if len(part) else default
            for part in (_with_text(lists, typed=True), _with_text(lists, typed=False))
        ]
        return Weights(*fitted)

    def lists(
        self, data: TrainingData, queries_per_batch: int, rng: np.random.Generator
    ) -> Shortlists:
        """Return the best of each column for some past queries, and some items by chance.

        After the blended columns come `CHANCE` and `TYPED`.
        """
        columns = (*self.columns, CHANCE, TYPED)
        return shortlists(
            replace(data, rankings=self._rankings(data, queries_per_batch, rng)),
            columns,
            queries_per_batch,
            rng,
        )

    def _rankings(
        self, data: TrainingData, queries_per_batch: int, rng: np.random.Generator
    ) -> Callable[[], Iterator[RankingBatch]]:
        """Return batches whose item features are the columns, none of what was seen in them."""

        def batches() -> Iterator[RankingBatch]:
            for batch in data.rankings() if data.rankings else ():
                if Columns.TEXT not in batch.query:
                    return
                size = len(batch.gains)
                rows = np.sort(rng.permutation(size)[:queries_per_batch])
                part = {name: batch.query[name][rows] for name in (*READS, Columns.CANDIDATES)}
                values = {name: each.numpy() for name, each in self.values(tensors(part)).items()}
                values[CHANCE] = rng.random(values[TYPED].shape, np.float32)
                unseen = _without_seen(part[Columns.CANDIDATES], part[Columns.HISTORY_ITEM_IDS])
                yield RankingBatch({**values, Columns.CANDIDATES: unseen}, batch.gains[rows])

        return batches

    def export(self, path: Path, weights: Weights) -> Export:
        """Write the blend as a ranker.

        Args:
            path: An existing folder.
            weights: What each column counts.
        """
        names = (Columns.CANDIDATES, Columns.TEXT, Columns.HISTORY_ITEM_IDS, *self._counts)
        variables = [self._index, *(each for part in self._parts for each in part.variables)]
        inputs = ranker_inputs((all_features()[Columns.TEXT],), names)
        return export_ranker(path, lambda query: self.scores(query, weights), inputs, variables)

    def _read(self, query: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Tensor]:
        """Return the inputs as parts want them, and each candidate's place, the last if unknown."""
        from lolomo.runtimes.tensorflow import tf

        asked = {
            Columns.TEXT: normalised(query[Columns.TEXT]),
            HISTORY_INDICES: self._index.lookup(query[Columns.HISTORY_ITEM_IDS]) + 1,
        }
        places = self._index.lookup(query[Columns.CANDIDATES])
        return asked, tf.where(places < 0, self._num_items, places)


def tensors(query: Query) -> dict[str, Tensor]:
    """Return a query's arrays as tensors."""
    from lolomo.runtimes.tensorflow import tf

    return {
        name: tf.constant(values, tf.string if values.dtype == object else tf.float32)
        for name, values in query.items()
    }


def _gathered(column: Tensor, places: Tensor) -> Tensor:
    """Return a column's values at places, 0 at the one after the last."""
    from lolomo.runtimes.tensorflow import tf

    return tf.gather(tf.pad(column, [[0, 0], [0, 1]]), places, batch_dims=1)


def _is_typed(asked: Mapping[str, Tensor]) -> Tensor:
    from lolomo.runtimes.tensorflow import tf

    return tf.cast(asked[Columns.TEXT] != "", tf.float32)


def _log(counts: Tensor) -> Tensor:
    from lolomo.runtimes.tensorflow import tf

    known = tf.where(tf.math.is_nan(counts), tf.zeros_like(counts), counts)
    return tf.math.log(tf.maximum(known, 0.0) + SMALLEST_COUNT)


def _with_text(lists: Shortlists, *, typed: bool) -> Shortlists:
    rows = np.flatnonzero((lists.values[:, 0, -1] > 0) == typed) if len(lists) else slice(0, 0)
    return Shortlists(lists.values[rows], lists.gains[rows], lists.present[rows])


def _without_seen(candidates: Ids, histories: Ids) -> NDArray[np.object_]:
    """Return candidates with "" for those in the history. Shape: [batch, candidates]."""
    unseen = candidates.astype(object, copy=True)
    for row, history in enumerate(histories):
        seen = {*history.tolist()} - {""}
        unseen[row, [item_id in seen for item_id in candidates[row].tolist()]] = ""
    return unseen


def before_rankings(data: TrainingData) -> TrainingData:
    """Return the data with the events before its past queries alone.

    What is blended must not have been learned from the events that weights are fitted on, or it
    would seem better than it is. All events where there are no queries, or nothing before them.
    """
    first = next(iter(data.rankings()), None) if data.rankings else None
    if first is None:
        return data
    time = pl.col(Columns.TIMESTAMP).dt.epoch("us")
    earlier = data.events.filter(time < int(first.query[Columns.TIMESTAMP][0]))
    return data if earlier.is_empty() else replace(data, events=earlier)


def catalogue_index(data: TrainingData) -> TitleIndex:
    """Return the title index of the whole catalogue, sorted by id."""
    items = data.items.sort(Columns.ITEM_ID)
    ids: Ids = items[Columns.ITEM_ID].to_numpy().astype(object)
    return TitleIndex.of(ids, items[Columns.TITLE].to_list())
