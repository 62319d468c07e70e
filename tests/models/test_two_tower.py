"""The two towers."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from models.conformance import RetrieverConformance, seeded
from models.small_world import later_queries, small_world, training_data

from lolomo.core.columns import Columns
from lolomo.core.recommender import EXCLUDE, EmbeddingRetriever
from lolomo.runtimes import load_files
from lolomo.runtimes.embedding import IndexedRetriever
from lolomo.runtimes.item_index import INDEX
from lolomo.tasks import NEXT_PLAY
from lolomo.training.models import TwoTower
from lolomo.training.models.two_tower import TwoTowerConfig, _Events

SMALL: dict[str, Any] = {
    "history_length": 8,
    "embedding_dim": 16,
    "num_bags": 2,
    "hidden": 16,
    "num_even": 32,
    "num_snapshots": 8,
    "batch_events": 64,
    "epochs": 7,
    "learning_rate": 1e-2,
}
NEW_TITLES = pl.DataFrame(
    {
        Columns.ITEM_ID: ["new0", "new1"],
        Columns.TITLE: ["Title A", "Title B"],
        Columns.GENRES: [["genre 0", "film"], ["genre 1", "film"]],
        Columns.RELEASE_YEAR: [2000, 2000],
    }
)


class TestTwoTower(RetrieverConformance):
    model = TwoTower
    task = NEXT_PLAY
    config = SMALL
    least_ndcg = 0.25
    tolerance = 1e-3

    def test_scores_are_products_of_the_vectors(self, loaded: EmbeddingRetriever) -> None:
        query = later_queries(NEXT_PLAY, 5).query
        products = loaded.encode(query) @ loaded.item_vectors().T
        np.testing.assert_allclose(products, loaded.scores(query), atol=1e-4)


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> IndexedRetriever:
    folder = tmp_path_factory.mktemp("indexed")
    items = pl.concat([small_world().items, NEW_TITLES])
    config = {**SMALL, "approximate_from": 10, "popularity_prior": False}
    model = TwoTower(TwoTowerConfig(**config))
    model.fit(replace(training_data(NEXT_PLAY), items=items), seeded())
    export = model.export(folder)
    assert (folder / INDEX).is_file()
    return load_files(folder, export.runtime, export.method, export.inputs)  # type: ignore[return-value]


def test_an_index_answers_as_an_exact_search_of_few_items(indexed: IndexedRetriever) -> None:
    query = later_queries(NEXT_PLAY, 30).query
    scores = indexed.scores(query)
    for row, history in enumerate(query[Columns.HISTORY_ITEM_IDS]):
        scores[row, np.isin(indexed.items.astype(str), history.astype(str))] = -np.inf
    ids, best = indexed.retrieve(query, 5)
    np.testing.assert_allclose(best, -np.sort(-scores, axis=1)[:, :5], atol=1e-3)
    assert ids[0].tolist() == indexed.items[np.argsort(-scores[0])[:5]].tolist()


def test_an_index_hides_what_is_excluded_and_pads_what_it_lacks(indexed: IndexedRetriever) -> None:
    query = later_queries(NEXT_PLAY, 2).query
    excluded = np.tile(indexed.items[:40], (2, 1))
    ids, scores = indexed.retrieve({**query, EXCLUDE: excluded}, 50)
    assert not set(ids.ravel()) & set(indexed.items[:40])
    assert np.isneginf(scores[ids == ""]).all()
    assert (ids[:, :10] != "").all()


def test_a_title_without_events_stands_near_those_like_it(indexed: IndexedRetriever) -> None:
    world = small_world()
    vectors = dict(zip(indexed.items.tolist(), indexed.item_vectors()[:, :16], strict=True))
    alike = [
        np.mean([vectors["new0"] @ vectors[f"i{place:02}"] for place in np.flatnonzero(kind)])
        for kind in (world.taste == 0, world.taste != 0)
    ]
    assert alike[0] > alike[1]


def test_histories_hold_what_is_strictly_earlier() -> None:
    events = _Events(
        users=np.array([0, 1, 0, 0, 0]),
        items=np.array([5, 6, 7, 8, 9], np.int32),
        timestamps=np.array([1, 2, 3, 3, 4]),
    )
    parts = list(events.histories(2, events_at_once=3))
    items, timestamps = (np.concatenate([part[which] for part in parts]) for which in (1, 2))
    assert [part[0] for part in parts] == [slice(0, 3), slice(3, 6)]
    assert items.tolist() == [[0, 0], [0, 0], [0, 6], [0, 6], [8, 9]]
    assert timestamps.tolist() == [[0, 0], [0, 0], [0, 1], [0, 1], [3, 3]]
