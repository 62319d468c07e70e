"""Search by prefix, by resemblance and by meaning."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest
from models.conformance import RankerConformance, loaded_from, seeded
from models.small_world import later_queries, small_world, training_data

from lolomo.core.recommender import Ids, Ranker
from lolomo.tasks import SEARCH
from lolomo.training.models import FuzzySearch, PrefixPopularity, SemanticSearch
from lolomo.training.models.play_vectors import play_vectors, tastes_before


class TestPrefixPopularity(RankerConformance):
    model = PrefixPopularity
    task = SEARCH
    least_ndcg = 0.3

    @pytest.mark.parametrize("text", ["cri", "CRIMSON C", "castle"])
    def test_titles_that_begin_so_come_first(self, loaded: Ranker, text: str) -> None:
        assert "Crimson Castle" in best(loaded, text, 8)

    def test_a_slip_of_the_finger_finds_nothing_but_the_popular(self, loaded: Ranker) -> None:
        assert best(loaded, "crinson", 5) == best(loaded, "", 5)


class TestFuzzySearch(RankerConformance):
    model = FuzzySearch
    task = SEARCH
    config: ClassVar[Mapping[str, Any]] = {"embedding_dim": 8}
    least_ndcg = 0.45

    @pytest.mark.parametrize(
        "text", ["crimson cas", "crinson castle", "cas crim", "castel crimson"]
    )
    def test_a_title_is_found_by_what_resembles_it(self, loaded: Ranker, text: str) -> None:
        assert best(loaded, text, 1) == ["Crimson Castle"]

    def test_without_past_queries_it_still_searches(self, tmp_path: Path) -> None:
        model = self.new()
        model.fit(replace(training_data(SEARCH), rankings=None), seeded())
        ranker = loaded_from(tmp_path, model.export(tmp_path))
        assert isinstance(ranker, Ranker)
        assert best(ranker, "crin", 8)[0].startswith("Crim")


class TestSemanticSearch(RankerConformance):
    model = SemanticSearch
    task = SEARCH
    config: ClassVar[Mapping[str, Any]] = {
        "embedding_dim": 16,
        "taste_dim": 8,
        "num_buckets": 512,
        "batch_size": 64,
    }
    least_ndcg = 0.45
    tolerance = 1e-3

    def test_a_title_is_found_by_what_resembles_it(self, loaded: Ranker) -> None:
        assert best(loaded, "crinson castle", 1) == ["Crimson Castle"]


def best(ranker: Ranker, text: str, k: int) -> list[str]:
    """Return the best titles for a text that a user without history typed."""
    query = {name: values[:1] for name, values in later_queries(SEARCH, 1).query.items()}
    query["text"] = np.array([text], object)
    query["history_item_ids"] = np.full((1, 50), "", object)
    order = np.argsort(-ranker.rank(query)[0])[:k]
    return [small_world().titles[place] for place in order]


def test_items_that_the_same_users_played_are_near() -> None:
    world = small_world()
    items: Ids = np.sort(world.item_ids)
    vectors = play_vectors(training_data(SEARCH), items, 8, seeded())
    alike = vectors @ vectors.T
    same = world.taste[:, None] == world.taste[None]
    assert alike[same].mean() > alike[~same].mean() + 0.1


def test_taste_is_that_of_what_lies_strictly_before() -> None:
    data = training_data(SEARCH)
    rows = [("u", "a", 1), ("u", "b", 2), ("u", "c", 2), ("u", "a", 3)]
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    events = events.with_columns(pl.from_epoch("timestamp").cast(pl.Datetime("us", "UTC")))
    items: Ids = np.array(["a", "b", "c"], object)
    tastes = tastes_before(replace(data, events=events), items, np.eye(3, dtype=np.float32))
    assert (tastes > 0).tolist() == [
        [False, False, False],
        [True, False, False],
        [True, False, False],
        [True, True, True],
    ]
