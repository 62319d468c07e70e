"""What a log looks like from afar."""

import numpy as np
import polars as pl
import pytest

from lolomo.events.world.marginals import gini, marginals


def test_impressions_do_not_count_as_plays(log: pl.DataFrame) -> None:
    found = marginals(log)
    assert found.num_plays == log.filter(pl.col("kind").is_in(["play", "complete"])).height
    assert found.popularity.sum() == pytest.approx(1)
    assert found.activity.sum() == found.num_plays
    assert len(found.gap_days) == found.num_plays - found.num_users


@pytest.mark.parametrize(
    ("values", "expected"), [([0.0, 0.0], 0.0), ([3.0], 0.0), ([1.0, 3.0], 0.25)]
)
def test_gini(values: list[float], expected: float) -> None:
    assert gini(np.array(values)) == pytest.approx(expected)
