"""Cold titles: what can be said of an item that was first watched after the models were fitted.

Ids say nothing of such an item, and counts little. This track asks the next-item queries that its
targets are left out of elsewhere, over every title of the catalogue, warm ones too. What scores
them is known at the query's moment: counts since, age, release year, and how the content fits the
history. `COLD_SCORERS` are the simple ones; `fit_cold_ranker` learns from an earlier window, in
which other titles were new, how to weigh it all.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.recommender import Ids, Scores
from lolomo.features import ItemTimeline, query_inputs
from lolomo.features.content import ItemContent
from lolomo.features.content_affinity import ContentAffinity
from lolomo.features.launches import exploration_scores, is_launch

if TYPE_CHECKING:
    from lightgbm import Booster

COUNTS = (
    "item_decayed_plays_1d",
    "item_decayed_plays_3d",
    "item_decayed_plays_7d",
    "item_plays_total",
)
CLOCKS = ("item_age", "item_recency")
SMALLEST_COUNT = 0.1
NUM_NEGATIVES = 40
NUM_POPULAR = 300
"""Half the negatives of a query are drawn among so many items, the most watched of its week."""
BATCH_QUERIES = 64
NUM_TREES = 80
PARAMETERS: Mapping[str, Any] = {
    "objective": "lambdarank",
    "learning_rate": 0.08,
    "num_leaves": 15,
    "min_data_in_leaf": 50,
    "num_threads": 1,
    "seed": 7,
    "deterministic": True,
    "verbose": -1,
}

Features: TypeAlias = Mapping[str, Scores]
"""By name, what is known of every item for each query. Shapes: [batch, items]."""
Scorer: TypeAlias = Callable[[Features], Scores]


def content_fit(known: Features) -> Scores:
    """Return how well each item's content fits the history, from 0 to 1."""
    return (known["title_affinity"] + known["genres_affinity"]) * np.float32(0.5)


def launch_slot(known: Features) -> Scores:
    """Score launches alone, as the place that is kept for them orders them."""
    plays = known["item_plays_total"]
    launches = is_launch(plays, known["release_is_current"][0], year=1)
    scores = exploration_scores(content_fit(known), np.where(launches, plays, 0.0))
    return np.where(launches, scores, -np.inf).astype(np.float32)


COLD_SCORERS: Mapping[str, Scorer] = {
    "fresh popularity": lambda known: known["item_decayed_plays_3d"],
    "plays since the cut": lambda known: known["item_plays_since_cut"],
    "content kNN": content_fit,
    "launches alone": launch_slot,
}


@dataclass(frozen=True)
class ColdFeatures:
    """Tells everything known of all items of a catalogue at the queries' moments."""

    timeline: ItemTimeline
    content: ItemContent
    """Of the timeline's items, in their order."""
    plays_at_cut: Scores
    """Plays of each item before the cut. Shape: [items]."""

    def batches(self, queries: pl.DataFrame) -> Iterator[Features]:
        """Yield the features of `BATCH_QUERIES` queries at a time, in order of time."""
        affinity = ContentAffinity.of(self.content)
        place = {item_id: index for index, item_id in enumerate(self.timeline.item_ids)}
        for rows in queries.iter_slices(BATCH_QUERIES):
            query = query_inputs(rows, [Columns.TIMESTAMP, Columns.HISTORY_ITEM_IDS])
            histories = _places(query[Columns.HISTORY_ITEM_IDS], place)
            found = affinity(histories)
            yield {
                **self._counts(query[Columns.TIMESTAMP]),
                "title_affinity": found["title"],
                "genres_affinity": found["genres"],
            }

    def _counts(self, timestamps: NDArray[np.int64]) -> dict[str, Scores]:
        values = self.timeline.at(timestamps, [*COUNTS, *CLOCKS])
        known = {name: np.nan_to_num(values[name]) for name in COUNTS}
        known["item_plays_since_cut"] = known["item_plays_total"] - self.plays_at_cut
        known |= {name: values[name] for name in CLOCKS}
        release = np.broadcast_to(
            self.content.release, (len(timestamps), *self.content.release.shape)
        )
        names = ("release_known", "release_age", "release_is_current")
        return known | {name: release[:, :, column] for column, name in enumerate(names)}


def matrix(known: Features) -> Scores:
    """Return a row an item of each query. Shape: [batch * items, columns]."""
    columns = [
        np.log(known[name] + SMALLEST_COUNT) if name in COUNTS else known[name]
        for name in sorted(known)
    ]
    return np.stack([column.ravel() for column in columns], axis=1).astype(np.float32)


def fit_cold_ranker(
    features: ColdFeatures, queries: pl.DataFrame, rng: np.random.Generator
) -> "Booster":
    """Learn to rank from queries whose targets may be warm or new, so that neither is favoured.

    Args:
        features: As of the window of the queries.
        queries: In order of time, with histories.
        rng: Draws negatives.
    """
    import lightgbm

    place = {item_id: index for index, item_id in enumerate(features.timeline.item_ids)}
    rows: list[Scores] = []
    labels: list[NDArray[np.int64]] = []
    for known, part in zip(
        features.batches(queries), queries.iter_slices(BATCH_QUERIES), strict=True
    ):
        for row, own in enumerate(part[Columns.TARGETS].to_list()):
            chosen, label = _sample(known["item_decayed_plays_7d"][row], own, place, rng)
            rows.append(matrix({name: some[row : row + 1, chosen] for name, some in known.items()}))
            labels.append(label)
    data = lightgbm.Dataset(
        np.concatenate(rows), np.concatenate(labels), group=[len(label) for label in labels]
    )
    return lightgbm.train(dict(PARAMETERS), data, num_boost_round=NUM_TREES)


def booster_scorer(booster: "Booster") -> Scorer:
    """Return the scorer of a fitted ranker."""

    def score(known: Features) -> Scores:
        shape = known["item_age"].shape
        scores: Scores = np.asarray(booster.predict(matrix(known), num_threads=1), np.float32)
        return scores.reshape(shape)

    return score


def _sample(
    popularity: Scores, targets: list[str], place: Mapping[str, int], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the targets and negatives of one query, by place, and which of them are targets."""
    own = np.array([place[target] for target in targets], np.int64)
    popular = np.argpartition(-popularity, min(NUM_POPULAR, len(popularity) - 1))[:NUM_POPULAR]
    drawn = np.concatenate(
        [
            rng.choice(popular, NUM_NEGATIVES // 2),
            rng.integers(0, len(popularity), NUM_NEGATIVES // 2),
        ]
    )
    negatives = np.setdiff1d(drawn, own)
    label = np.repeat([1, 0], [len(own), len(negatives)])
    return np.concatenate([own, negatives]), label


def _places(item_ids: Ids, place: Mapping[str, int]) -> NDArray[np.int64]:
    flat = [place.get(item_id, -1) for item_id in item_ids.ravel()]
    return np.array(flat, np.int64).reshape(item_ids.shape)
