"""The deep ranker."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from models.conformance import RankerConformance, seeded
from models.small_world import training_data

from lolomo.core.errors import ModelError
from lolomo.tasks import TOP_PICKS
from lolomo.training.models import DeepRanker, RankingBatch

SMALL = {
    "epochs": 12,
    "patience": 3,
    "learning_rate": 5e-3,
    "batch_queries": 32,
    "min_item_count": 1000,
}


class TestDeepRanker(RankerConformance):
    model = DeepRanker
    task = TOP_PICKS
    config = SMALL
    least_ndcg = 0.25
    tolerance = 1e-3


def _without_answers() -> Iterator[RankingBatch]:
    for batch in training_data(TOP_PICKS).rankings():  # type: ignore[misc]
        yield RankingBatch(batch.query, np.zeros_like(batch.gains))


@pytest.mark.parametrize("rankings", [None, lambda: iter(()), _without_answers])
def test_it_refuses_data_without_answered_rankings(rankings: Any) -> None:
    data = replace(training_data(TOP_PICKS), rankings=rankings)
    with pytest.raises(ModelError, match="no answered rankings"):
        DeepRanker().fit(data, seeded())
