"""LambdaMART over every feature: the ranker that a deep one has to beat."""

from collections import deque
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
from lolomo.runtimes.encoding import Encoding
from lolomo.training.models.data import RankingBatch, TrainingData
from lolomo.training.models.model import Export, Method, Model, Role
from lolomo.training.models.next_item_config import Rung
from lolomo.training.models.ranker_inputs import readable
from lolomo.training.models.space import Choice, Range, Space

if TYPE_CHECKING:
    from lolomo.features import Feature

MODEL = "model.txt"
INPUTS = "inputs.json"


@dataclass(frozen=True, slots=True)
class LightGBMRankerConfig:
    """What is read, and shape and pace of the trees."""

    inputs: Rung = "continuous_time"
    """Which features it may read, see `ranker_inputs`."""
    without_sources: tuple[str, ...] = ()
    """Tasks that propose candidates, whose scores and ranks it may not read."""
    learning_rate: float = 0.05
    """Share of each tree's answer that is added."""
    num_leaves: int = 31
    """Leaves a tree."""
    min_data_in_leaf: int = 80
    """Fewest candidates a leaf."""
    feature_fraction: float = 0.5
    """Share of the columns that each tree may use."""
    bagging_fraction: float = 0.8
    """Share of the candidates that each tree may use."""
    lambda_l2: float = 5.0
    """L2 penalty on leaf values."""
    max_trees: int = 400
    """Most trees."""
    patience: int = 50
    """Trees without a better NDCG@10 on the latest queries before it stops."""
    held_back: float = 0.15
    """Share of the queries, the latest, that decide how many trees; then all are used."""
    negatives: int = 60
    """Most unanswered candidates kept a query, drawn at random, for memory and time."""
    max_queries: int = 20000
    """Most queries, the latest."""
    num_threads: int = 2
    """Threads of training; serving uses one."""


@dataclass(frozen=True, slots=True)
class _Lists:
    """Rows of many queries below each other."""

    rows: Scores
    """Shape: [rows, columns]."""
    gains: NDArray[np.int64]
    """Shape: [rows]."""
    lengths: NDArray[np.int64]
    """Rows of each query, in order of time. Shape: [queries]."""

    def first(self, queries: int) -> "_Lists":
        end = int(self.lengths[:queries].sum())
        return _Lists(self.rows[:end], self.gains[:end], self.lengths[:queries])

    def without_first(self, queries: int) -> "_Lists":
        start = int(self.lengths[:queries].sum())
        return _Lists(self.rows[start:], self.gains[start:], self.lengths[queries:])


class LightGBMRanker(Model[LightGBMRankerConfig]):
    """Gradient boosted trees that optimise NDCG (LambdaMART, Burges 2010), by LightGBM.

    Reads every number, category and source feature that the rankings have, and how far a candidate
    shares the genres of the recent history.
    """

    name = "lightgbm_ranker"
    Config = LightGBMRankerConfig
    roles: ClassVar[Mapping[str, Role]] = {"top_picks": Role.BASELINE}
    method: ClassVar[Method] = "rank"
    quick: ClassVar[Mapping[str, Any]] = {
        "learning_rate": 0.12,
        "num_leaves": 15,
        "max_trees": 100,
        "patience": 15,
    }
    space: ClassVar[Mapping[str, Space]] = {
        "learning_rate": Range(0.02, 0.2, log=True),
        "num_leaves": Range(7, 127, log=True),
        "min_data_in_leaf": Range(10, 300, log=True),
        "feature_fraction": Range(0.4, 1.0),
        "lambda_l2": Range(0.1, 50.0, log=True),
        "negatives": Choice((75, 150, 300)),
    }

    _booster: Any = None
    _encoding: Encoding

    @override
    def fit(self, data: TrainingData, rng: np.random.Generator) -> None:
        if data.rankings is None:
            raise ModelError(
                f"{self.name!r} received no rankings for task {data.task.name!r}: it learns from "
                "nothing else; give `TrainingData.rankings`"
            )
        first = next(iter(data.rankings()), None)
        if first is None:
            raise ModelError(f"{self.name!r} received no batch of rankings: choose a later cut")
        self._encoding = encoding_of(data.features, data.items, self._readable(data, first.query))
        lists = self._collect(data.rankings(), rng)
        data.progress(0.3, f"{len(lists.lengths)} queries, {len(lists.rows)} candidates")
        seed = int(rng.integers(2**31))
        early = round(len(lists.lengths) * (1 - self.config.held_back))
        best = self._best_size(lists.first(early), lists.without_first(early), seed)
        self._booster = self._train(lists, best, seed)
        data.progress(1.0, f"{best} trees")

    @override
    def export(self, path: Path) -> Export:
        if self._booster is None:
            raise self.not_fitted()
        self._booster.save_model(str(path / MODEL))
        (path / INPUTS).write_text(self._encoding.to_json())
        return Export("lightgbm", "rank", self._encoding.inputs)

    def _readable(self, data: TrainingData, query: Query) -> Query:
        """Return the inputs of a query that the config allows."""
        names = readable(self.config.inputs, data.features, query)
        hidden = source_features(self.config.without_sources)
        return {name: query[name] for name in names if name not in hidden}

    def _collect(self, batches: Iterator[RankingBatch], rng: np.random.Generator) -> _Lists:
        """Encode the answered candidates of each query and some of the others."""
        rows: deque[Scores] = deque(maxlen=self.config.max_queries)
        gains: deque[NDArray[np.int64]] = deque(maxlen=self.config.max_queries)
        for batch in batches:
            for query, kept_gains in _sampled(batch, self.config.negatives, rng):
                rows.append(self._encoding.matrix(query))
                gains.append(kept_gains)
        if not rows:
            raise ModelError(
                f"{self.name!r} received rankings in which no candidate has a gain: expected some "
                "targets among the candidates; train the tasks that propose them first"
            )
        lengths = np.array([len(some) for some in gains])
        return _Lists(np.concatenate(rows), np.concatenate(gains), lengths)

    def _best_size(self, early: _Lists, late: _Lists, seed: int) -> int:
        """Return how many trees rank the later queries best."""
        import lightgbm

        if len(early.lengths) < 10 or len(late.lengths) < 10:
            return min(50, self.config.max_trees)
        train = self._dataset(early)
        booster = lightgbm.train(
            self._parameters(seed),
            train,
            self.config.max_trees,
            valid_sets=[self._dataset(late, train)],
            callbacks=[lightgbm.early_stopping(self.config.patience, verbose=False)],
        )
        return max(int(booster.best_iteration), 1)

    def _train(self, lists: _Lists, trees: int, seed: int) -> Any:
        import lightgbm

        return lightgbm.train(self._parameters(seed), self._dataset(lists), trees)

    def _dataset(self, lists: _Lists, reference: Any = None) -> Any:
        import lightgbm

        return lightgbm.Dataset(
            lists.rows,
            lists.gains,
            group=lists.lengths,
            reference=reference,
            feature_name=[f"c{place}" for place in range(lists.rows.shape[1])],
            categorical_feature=[
                place
                for place, name in enumerate(self._encoding.columns)
                if name in self._encoding.categories
            ],
            free_raw_data=False,
        )

    def _parameters(self, seed: int) -> dict[str, Any]:
        chosen = (
            "learning_rate",
            "num_leaves",
            "min_data_in_leaf",
            "feature_fraction",
            "bagging_fraction",
        )
        return {
            "objective": "lambdarank",
            "metric": "ndcg",
            "eval_at": [10],
            "lambdarank_truncation_level": 20,
            "label_gain": list(range(32)),
            **{name: getattr(self.config, name) for name in chosen},
            "bagging_freq": 1,
            "lambda_l2": self.config.lambda_l2,
            "num_threads": self.config.num_threads,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }


def encoding_of(features: "tuple[Feature, ...]", items: pl.DataFrame, query: Query) -> Encoding:
    """Return how to encode the rankings' queries.

    Vocabularies of the items' categories are those of the catalogue; those of users and context
    are what the first batch shows.

    Args:
        features: The task's features; what else the query has as float32 is a number too.
        items: The catalogue.
        query: One batch, to know which features there are.
    """
    kinds = {feature.name: feature.dtype for feature in features}
    numbers, categories, many = [], {}, {}
    for name, values in query.items():
        kind = kinds.get(name, "number" if values.dtype.kind == "f" else "")
        if kind == "number" and values.dtype.kind == "f":
            numbers.append(name)
        elif kind == "category":
            categories[name] = _vocabulary(values)
        elif kind == "categories":
            whole = items[name].explode().to_numpy() if name in items.columns else values
            many[name] = _vocabulary(whole)
    genres = many.get(Columns.GENRES, ())
    item_genres = _genres_of(items, genres) if Columns.HISTORY_ITEM_IDS in query else {}
    return Encoding(
        numbers=tuple(sorted(numbers)), categories=categories, many=many, item_genres=item_genres
    )


def _vocabulary(values: NDArray[Any]) -> tuple[str, ...]:
    return tuple(sorted({value for value in values.ravel() if value}))


def _genres_of(items: pl.DataFrame, vocabulary: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """Return the places in the vocabulary of each item's genres."""
    place = {genre: position for position, genre in enumerate(vocabulary)}
    if not vocabulary or Columns.GENRES not in items.columns:
        return {}
    pairs = items.select(Columns.ITEM_ID, Columns.GENRES).iter_rows()
    return {
        item_id: tuple(place[genre] for genre in genres or () if genre in place)
        for item_id, genres in pairs
    }


def _sampled(
    batch: RankingBatch, negatives: int, rng: np.random.Generator
) -> Iterator[tuple[Query, NDArray[np.int64]]]:
    """Yield each answered query alone, with its answers and some of its other candidates."""
    shape = batch.gains.shape
    present = batch.query[Columns.CANDIDATES] != ""
    for row in np.flatnonzero(batch.gains.max(axis=1, initial=0.0) > 0):
        answered = np.flatnonzero(batch.gains[row] > 0)
        others = np.flatnonzero((batch.gains[row] <= 0) & present[row])
        drawn = rng.permutation(others)[:negatives]
        kept = np.sort(np.concatenate([answered, drawn]))
        query = {
            name: values[row : row + 1][:, kept]
            if _is_of_candidates(name, values, shape)
            else values[row : row + 1]
            for name, values in batch.query.items()
        }
        gains = np.clip(np.rint(batch.gains[row, kept]), batch.gains[row, kept] > 0, 31)
        yield query, gains.astype(np.int64)


def _is_of_candidates(name: str, values: NDArray[Any], shape: tuple[int, ...]) -> bool:
    """Whether an input has the axis of the candidates, not that of the history."""
    return values.ndim > 1 and values.shape[:2] == shape and not name.startswith("history_")
