"""The models of the next item: each body learns, each on another rung of inputs."""

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from models.conformance import RankerConformance, RetrieverConformance
from models.small_world import DAY, NUMBERS, later_queries, training_data

from lolomo.core.columns import Columns
from lolomo.core.errors import ModelError
from lolomo.core.recommender import Query, Ranker
from lolomo.tasks import NEXT_PLAY
from lolomo.training.models import (
    HSTU,
    AsymmetricMF,
    FeedForward,
    GRU4Rec,
    SASRec,
    config_from,
)
from lolomo.training.models.candidate_values import CLOSE_COVISITS, log_covisits_at
from lolomo.training.models.past_counts import COUNTS, log_counts

SMALL: dict[str, Any] = {
    "history_length": 8,
    "embedding_dim": 16,
    "dropout": 0.1,
    "epochs": 6,
    "batch_rows": 16,
    "learning_rate": 2e-2,
    "continue_learning_rate": 1e-2,
    "event_half_life_days": 0.0,
}


class TestSASRec(RankerConformance):
    model = SASRec
    task = NEXT_PLAY
    config = SMALL
    least_ndcg = 0.3
    tolerance = 1e-3

    def test_an_item_moves_with_its_own_counts_and_with_no_others(self, loaded: Ranker) -> None:
        query = later_queries(NEXT_PLAY, 20).query
        more = dict(query)
        for name in COUNTS:
            more[name] = query[name].copy()
            more[name][:, 5] += 50
        gained = loaded.rank(more) - loaded.rank(query)
        assert np.abs(gained[:, 5]).min() > 0.1
        np.testing.assert_allclose(np.delete(gained, 5, axis=1), 0, atol=1e-4)

    def test_an_item_gains_by_its_co_visits(self, loaded: Ranker) -> None:
        query = later_queries(NEXT_PLAY, 20).query
        more = dict(query)
        for name in CLOSE_COVISITS:
            more[name] = query[name].copy()
            more[name][:, 5] += 1
        gained = loaded.rank(more) - loaded.rank(query)
        assert gained[:, 5].min() > 0
        np.testing.assert_allclose(np.delete(gained, 5, axis=1), 0, atol=1e-4)

    def test_old_counts_weigh_otherwise_than_fresh_ones(self, loaded: Ranker) -> None:
        query = later_queries(NEXT_PLAY, 20).query
        late = {**query, Columns.COUNTS_TIMESTAMP: query[Columns.TIMESTAMP] - 20 * DAY}
        assert not np.allclose(loaded.rank(late), loaded.rank(query), atol=0.05)


class TestHSTU(RankerConformance):
    model = HSTU
    task = NEXT_PLAY
    config: ClassVar = {
        **SMALL,
        "inputs": "discretised_time",
        "loss": "softmax",
        "covisits": False,
    }
    least_ndcg = 0.3
    tolerance = 1e-3

    def test_without_co_visits_it_reads_none(self, loaded: Ranker) -> None:
        assert set(COUNTS) <= set(loaded.inputs)
        assert not set(CLOSE_COVISITS) & set(loaded.inputs)


class TestGRU4Rec(RetrieverConformance):
    model = GRU4Rec
    task = NEXT_PLAY
    config: ClassVar = {**SMALL, "popularity_prior": False, "units": 16, "epochs": 10}
    least_ndcg = 0.25
    tolerance = 1e-3


class TestFeedForward(RetrieverConformance):
    model = FeedForward
    task = NEXT_PLAY
    config: ClassVar = {
        **SMALL,
        "inputs": "context",
        "popularity_prior": False,
        "hidden": (16,),
        "epochs": 10,
    }
    least_ndcg = 0.25
    tolerance = 1e-3


class TestAsymmetricMF(RetrieverConformance):
    model = AsymmetricMF
    task = NEXT_PLAY
    config: ClassVar = {**SMALL, "inputs": "ids", "popularity_prior": False, "epochs": 10}
    least_ndcg = 0.2
    tolerance = 1e-3


def test_decayed_counts_mean_the_same_however_late_they_are_read() -> None:
    def query(days_late: int) -> Query:
        fading = {"1d": 0.5, "3d": 0.5 ** (1 / 3), "7d": 0.5 ** (1 / 7)}
        counts = {name: 8.0 * fading.get(name[-2:], 1.0) ** days_late for name in COUNTS}
        moments = {
            Columns.TIMESTAMP: np.array([100 * DAY]),
            Columns.COUNTS_TIMESTAMP: np.array([(100 - days_late) * DAY]),
        }
        counts["item_plays_30d"] = 8.0
        return moments | {
            name: np.full((1, 1), value, np.float32) for name, value in counts.items()
        }

    assert set(COUNTS) <= set(NUMBERS)
    np.testing.assert_allclose(log_counts(query(12)), log_counts(query(0)), rtol=1e-4)


def test_co_visits_of_the_past_must_be_at_hand() -> None:
    data = replace(training_data(NEXT_PLAY), history_values=None)
    with pytest.raises(ModelError, match="covisits=False"):
        log_covisits_at(data, later_queries(NEXT_PLAY, 2).query)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inputs": "everything"}, "inputs 'everything'"),
        ({"loss": "hinge"}, "loss 'hinge'"),
        ({"embedding_dim": 10, "num_heads": 3}, "num_heads 3"),
    ],
)
def test_a_config_that_makes_no_model_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        config_from(SASRec, changes)
