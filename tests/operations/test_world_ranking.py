"""Whether simple models rank in a world as on a real log: the pieces that the study is made of."""

import polars as pl
import pytest
from events.world.tiny_world import small

from lolomo.core.columns import Columns, Kind
from lolomo.operations.world_ranking import (
    COUNTED,
    FITTED,
    kendall,
    mean_tau,
    rank_baselines,
    world_plays,
)


@pytest.fixture(scope="module")
def plays() -> pl.DataFrame:
    return world_plays(small(num_days=20), seed=0)


def test_only_plays_are_kept_in_the_order_of_time(plays: pl.DataFrame) -> None:
    assert plays[Columns.KIND].is_in(Kind.INTERACTIONS).all()
    assert plays[Columns.TIMESTAMP].is_sorted()


def test_every_model_is_judged(plays: pl.DataFrame) -> None:
    found = rank_baselines(plays, FITTED[:2])
    assert set(found) == {*COUNTED, *FITTED[:2]}
    assert all(0 < value < 1 for value in found.values())
    assert found["recent_popularity"] != found["popularity"]


def test_tau_is_1_for_the_same_order_and_falls_with_each_swapped_pair() -> None:
    one = {"a": 3.0, "b": 2.0, "c": 1.0}
    assert kendall(one, {"c": 0.1, "b": 0.2, "a": 0.3}) == 1.0
    assert kendall(one, {"a": 0.2, "b": 0.3, "c": 0.1}) == pytest.approx(1 / 3, abs=1e-3)


def test_the_mean_of_tau_has_an_interval_over_seeds() -> None:
    table = pl.DataFrame({"world": ["w", "w", "w"], "tau": [0.6, 0.8, 0.7]})
    interval = mean_tau(table, "w")
    assert interval.low < interval.mean < interval.high
    assert interval.mean == pytest.approx(0.7)
