"""The deep ranker."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import polars as pl
import pytest
from models.conformance import PosteriorConformance, seeded
from models.small_world import training_data

from lolomo.core.columns import Columns
from lolomo.core.errors import ModelError
from lolomo.features.content import item_content
from lolomo.tasks import TOP_PICKS
from lolomo.training.layers.feature_encoding import NumberEncoding
from lolomo.training.layers.ranking_network import RankingNetwork, RankingShape
from lolomo.training.models import DeepRanker, RankingBatch
from lolomo.training.models.deep_ranker import DeepRankerConfig, _materialise

SMALL = {
    "epochs": 6,
    "learning_rate": 5e-3,
    "batch_queries": 32,
    "min_item_count": 1000,
    "value_weight": 0.1,
}


class TestDeepRanker(PosteriorConformance):
    model = DeepRanker
    task = TOP_PICKS
    config = SMALL
    least_ndcg = 0.25
    tolerance = 1e-3


def _network(value_power: float = 0.0) -> RankingNetwork:
    shape = RankingShape(
        num_items=4,
        sets={},
        history_sets=(),
        item_dim=4,
        category_dim=2,
        num_crosses=1,
        cross_rank=2,
        hidden=(4,),
        dropout=0.0,
        content=CONTENT,
        value_weight=1.0,
        value_power=value_power,
    )
    keras.utils.set_random_seed(1)
    return RankingNetwork(shape, NumberEncoding([np.arange(3, dtype=np.float32)]))


CONTENT = item_content(
    pl.DataFrame({"item_id": ["a", "b"], "title": ["Amber Anchor", "Amber Bridge"]}),
    np.array(["", "a", "b"], object),
    2013,
)
INPUTS = {
    "numbers": np.zeros((1, 3, 1), np.float32),
    "sets": {},
    "history_sets": {},
    "candidates": np.zeros((1, 3), np.int32),
    "candidates_places": np.array([[0, 1, 2]], np.int32),
    "history": np.zeros((1, 2), np.int32),
    "history_places": np.zeros((1, 2), np.int32),
    "history_timestamps": np.zeros((1, 2), np.int64),
    "timestamp": np.ones(1, np.int64),
}


def test_titles_tell_unknown_candidates_apart() -> None:
    scores = np.asarray(_network().scores(INPUTS))[0]
    assert len(set(scores.tolist())) == 3


def test_values_rank_only_if_told_to() -> None:
    logits = np.asarray(_network()(INPUTS))[..., 0]
    np.testing.assert_allclose(np.asarray(_network().scores(INPUTS)), logits, rtol=1e-6)
    valued = np.asarray(_network(value_power=1.0).scores(INPUTS))
    assert np.all(valued < logits)


def test_only_known_values_of_what_was_played_are_learned() -> None:
    network, weights = _network(), np.ones((1, 3), np.float32)
    logits = np.zeros((1, 3, 2), np.float32)
    gains = np.array([[1.0, 0.0, 0.0]], np.float32)
    targets = [
        np.stack([gains, np.array([values], np.float32)], axis=2)
        for values in ([np.nan, 1.0, np.nan], [1.0, np.nan, np.nan])
    ]
    losses = [
        float(network.compute_loss(y=y, y_pred=logits, sample_weight=weights)) for y in targets
    ]
    np.testing.assert_allclose(losses, [np.log(3), np.log(3) + np.log(2)], rtol=1e-5)


def _without_answers() -> Iterator[RankingBatch]:
    for batch in training_data(TOP_PICKS).rankings():  # type: ignore[misc]
        yield RankingBatch(batch.query, np.zeros_like(batch.gains))


@pytest.mark.parametrize("rankings", [None, lambda: iter(()), _without_answers])
def test_it_refuses_data_without_answered_rankings(rankings: Any) -> None:
    data = replace(training_data(TOP_PICKS), rankings=rankings)
    with pytest.raises(ModelError, match="no answered rankings"):
        DeepRanker().fit(data, seeded())


@pytest.mark.parametrize("most", [1, 64, 100])
def test_it_holds_the_latest_queries_and_no_more(most: int) -> None:
    data = training_data(TOP_PICKS)
    (_, everything), (_, latest) = (
        _materialise(data, DeepRankerConfig(max_queries=number), seeded())
        for number in (10_000, most)
    )
    assert len(latest.gains) == most < len(everything.gains)
    for name in (Columns.TIMESTAMP, Columns.CANDIDATES):
        np.testing.assert_array_equal(latest.query[name], everything.query[name][-most:])
