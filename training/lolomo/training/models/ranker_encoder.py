"""How the deep ranker reads a ranking: named inputs to the arrays of its network.

Scales and vocabularies are learned from the rankings it is trained on, and are the same in training
and in a release.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.errors import ModelError
from lolomo.core.recommender import Query
from lolomo.features.candidates import source_features
from lolomo.features.history_features import OF_CANDIDATES, OF_QUERIES
from lolomo.training.models.data import TrainingData
from lolomo.training.models.next_item_config import Rung
from lolomo.training.models.ranker_inputs import readable

if TYPE_CHECKING:
    from lolomo.training.layers.feature_encoding import NumberEncoding, Vocabulary

IDS = (
    Columns.CANDIDATES,
    Columns.HISTORY_ITEM_IDS,
    Columns.HISTORY_TIMESTAMPS,
    Columns.TIMESTAMP,
)
"""Inputs that every ranking has, beside its features."""


@dataclass(frozen=True, slots=True)
class RankerColumns:
    """Which inputs are read, and how."""

    numbers: tuple[str, ...]
    sets: tuple[str, ...]
    """Categories, one or several."""
    per_candidate: frozenset[str]
    """Those of the inputs that have the axis `candidates`."""
    timed: bool
    """Whether the gaps between the history and now are told."""

    @property
    def names(self) -> tuple[str, ...]:
        """All that is read."""
        return (*IDS, *self.numbers, *self.sets)

    @classmethod
    def of(cls, data: TrainingData, query: Query, rung: Rung) -> "RankerColumns":
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
        names = readable(rung, data.features, query)
        of_type = {
            feature.name: feature.dtype for feature in data.features if feature.name in names
        }
        known = (*source_features(data.task.candidates_from), *OF_CANDIDATES)
        sources = [name for name in known if name in query]
        profile = [name for name in OF_QUERIES if name in query]
        numbers = [name for name, dtype in of_type.items() if dtype == "number"]
        sets = [name for name, dtype in of_type.items() if dtype in ("category", "categories")]
        of_items = {feature.name for feature in data.features if feature.entity == "item"}
        per_candidate = frozenset({Columns.CANDIDATES, *sources, *of_items})
        return cls(
            (*numbers, *sources, *profile), tuple(sets), per_candidate, rung == "continuous_time"
        )


@dataclass(frozen=True, slots=True)
class RankerEncoder:
    """Turns named inputs into what the network reads; the same in training and in a release."""

    columns: RankerColumns
    numbers: "NumberEncoding"
    items: "Vocabulary"
    sets: "Mapping[str, Vocabulary]"
    catalogue: "Vocabulary"
    contents: Mapping[str, NDArray[np.int32]]
    """Indices of the categories of each catalogue item. Shape of each: [1 + items, values]."""

    @classmethod
    def of(
        cls, data: TrainingData, columns: RankerColumns, query: Query, min_item_count: int
    ) -> "RankerEncoder":
        """Learn scales and vocabularies."""
        from lolomo.training.layers.feature_encoding import NumberEncoding, Vocabulary

        before = data.events.group_by(Columns.ITEM_ID).len()
        often = before.filter(before["len"] >= min_item_count)[Columns.ITEM_ID].sort()
        sets = {
            name: Vocabulary(np.unique(query[name].astype(str)).tolist()) for name in columns.sets
        }
        present = query[Columns.CANDIDATES] != ""
        values = [
            query[name][present] if name in columns.per_candidate else query[name]
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
        present = (candidates != "")[:, :, None]
        history = tf.convert_to_tensor(query[Columns.HISTORY_ITEM_IDS])
        times = tf.convert_to_tensor(query[Columns.HISTORY_TIMESTAMPS])
        now = tf.convert_to_tensor(query[Columns.TIMESTAMP])
        if not self.columns.timed:
            times = tf.where(times > 0, now[:, None], times)
        places = self.catalogue(history)
        return {
            "candidates": self.items(candidates),
            "history": self.items(history),
            "candidates_places": self.catalogue(candidates),
            "history_places": places,
            "history_sets": {name: tf.gather(some, places) for name, some in self.contents.items()},
            "history_timestamps": times,
            "timestamp": now,
            "numbers": tf.where(present, tf.stack(numbers, axis=2), np.nan),
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
    """Return what `RankerEncoder.contents` says, of the sets that the catalogue has as lists."""
    contents = {}
    for name, vocabulary in sets.items():
        if isinstance(data.items.schema.get(name), pl.List):
            texts = [[""], *(some or [""] for some in data.items[name].to_list())]
            padded = np.full((len(texts), max(map(len, texts))), "", object)
            for row, some in enumerate(texts):
                padded[row, : len(some)] = [text or "" for text in some]
            contents[name] = vocabulary(padded).numpy()
    return contents
