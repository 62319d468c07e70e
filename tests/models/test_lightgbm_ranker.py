"""The LightGBM ranker."""

from dataclasses import replace

import pytest
from models.conformance import RankerConformance, seeded
from models.small_world import training_data

from lolomo.core.errors import ModelError
from lolomo.tasks import TOP_PICKS
from lolomo.training.models import LightGBMRanker


class TestLightGBMRanker(RankerConformance):
    model = LightGBMRanker
    task = TOP_PICKS
    config = {"max_trees": 60, "min_data_in_leaf": 20, "num_leaves": 7}  # noqa: RUF012
    least_ndcg = 0.2


def test_it_refuses_data_without_rankings() -> None:
    with pytest.raises(ModelError, match="rankings"):
        LightGBMRanker().fit(replace(training_data(TOP_PICKS), rankings=None), seeded())
