"""Popularity of all time, by window and by half-life."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from models.conformance import RankerConformance, seeded
from models.small_world import training_data

from lolomo.core.recommender import Query, Scores
from lolomo.tasks import NEXT_PLAY, TRENDING_NOW
from lolomo.training.models import (
    DecayedPopularity,
    Model,
    Popularity,
    RankingBatch,
    RecentPopularity,
    TrainingData,
)


class TestPopularity(RankerConformance):
    model = Popularity
    task = NEXT_PLAY
    least_ndcg = 0.15


class TestRecentPopularity(RankerConformance):
    model = RecentPopularity
    task = NEXT_PLAY
    least_ndcg = 0.15


class TestDecayedPopularity(RankerConformance):
    model = DecayedPopularity
    task = TRENDING_NOW
    least_ndcg = 0.15


@pytest.mark.parametrize(
    ("model", "default"),
    [(RecentPopularity, "item_plays_14d"), (DecayedPopularity, "item_decayed_plays_3d")],
)
def test_without_rankings_the_default_count_is_read(
    model: type[Model[Any]], default: str, tmp_path: Path
) -> None:
    fitted = model()
    fitted.fit(replace(training_data(TRENDING_NOW), rankings=None), seeded())
    assert fitted.export(tmp_path).inputs == (default,)


@pytest.mark.parametrize("truth", ["item_plays_1d", "item_plays_30d"])
def test_the_window_that_answers_best_is_chosen(truth: str, tmp_path: Path) -> None:
    fitted = RecentPopularity()
    fitted.fit(answered_by(lambda query: query[truth]), seeded())
    assert fitted.export(tmp_path).inputs == (truth,)


def test_a_blend_is_chosen_where_it_orders_better(tmp_path: Path) -> None:
    fitted = DecayedPopularity()
    fitted.fit(
        answered_by(lambda query: query["item_decayed_plays_1d"] * query["item_plays_total"]),
        seeded(),
    )
    assert len(fitted.export(tmp_path).inputs) > 1


def answered_by(truth: Callable[[Query], Scores]) -> TrainingData:
    """Return data whose rankings have gains that are a function of the query."""
    data = training_data(TRENDING_NOW)
    batches = list(data.rankings()) if data.rankings else []

    def rankings() -> Iterator[RankingBatch]:
        for batch in batches:
            yield RankingBatch(batch.query, truth(batch.query))

    return replace(data, rankings=rankings)
