"""Sequential tests, CUPED and the sample ratio: right at every look, and able to find."""

import numpy as np
import pytest
from load.experiment_peeking import METRICS, Metric, readings
from scipy import stats

from lolomo.core.errors import DataError
from lolomo.evaluation.experiments import (
    SequentialTest,
    Summary,
    cuped,
    sample_ratio,
    units_needed,
    variance_kept,
)

RUNS = 60
RNG = np.random.default_rng(7)
HABIT = RNG.normal(size=5000)
BEFORE, DURING = HABIT + RNG.normal(size=5000), HABIT + RNG.normal(size=5000)


def name_of(metric: Metric) -> str:
    return metric.name


@pytest.mark.parametrize("metric", METRICS[:2], ids=name_of)
def test_equal_arms_are_seldom_called_different_however_often_one_looks(metric: Metric) -> None:
    equal = readings(metric, 0.0, RUNS)[1]
    found = sum(each.found for each in equal)
    assert stats.binomtest(found, RUNS, 0.05, "greater").pvalue > 0.01
    assert sum(each.naively_found for each in equal) > 3 * found + RUNS / 10
    assert not any(each.alarm for each in equal)


@pytest.mark.parametrize("metric", METRICS[:2], ids=name_of)
def test_the_lift_that_was_planned_for_is_found_before_the_end(metric: Metric) -> None:
    units, lifted = readings(metric, metric.lift, RUNS, seed=1)
    found = sum(each.found for each in lifted)
    assert stats.binomtest(found, RUNS, 0.8, "less").pvalue > 0.01
    assert np.median([each.units_to_find for each in lifted]) < 0.8 * units


@pytest.mark.parametrize("lift", [0.0, 0.02, 0.05, 0.2])
def test_the_p_value_is_small_just_when_the_interval_leaves_zero(lift: float) -> None:
    rng = np.random.default_rng(1)
    sides = Summary.of(lift + rng.normal(size=3000)), Summary.of(rng.normal(size=3000))
    test = SequentialTest()
    interval = test.interval(*sides)
    assert (test.p_value(*sides) < test.risk) == (interval.low > 0 or interval.high < 0)


def test_an_interval_for_ever_is_wider_than_one_for_a_single_look() -> None:
    sides = Summary(10_000, 1.0, 1.0), Summary(10_000, 1.0, 1.0)
    interval = SequentialTest(horizon=20_000).interval(*sides)
    at_once = 1.96 * (2 / 10_000) ** 0.5
    assert 1.4 * at_once < interval.high < 1.7 * at_once


@pytest.mark.parametrize("num", [0, 1, 99])
def test_few_units_decide_nothing(num: int) -> None:
    sides = Summary.of(np.arange(num, dtype=float)), Summary.of(np.ones(500))
    assert SequentialTest().interval(*sides).high == np.inf
    assert SequentialTest().p_value(*sides) == 1.0


def test_twice_the_lift_needs_a_quarter_of_the_units() -> None:
    assert units_needed(0.02, 0.3) == pytest.approx(units_needed(0.01, 0.3) / 4, rel=0.001)


def test_cuped_keeps_the_mean_and_takes_out_what_the_past_explains() -> None:
    adjusted = cuped(DURING, BEFORE)
    assert adjusted.mean() == pytest.approx(DURING.mean())
    assert np.corrcoef(adjusted, BEFORE)[0, 1] == pytest.approx(0.0, abs=1e-9)
    assert variance_kept(DURING, BEFORE) == pytest.approx(0.75, abs=0.03)


def test_a_past_that_says_nothing_changes_nothing() -> None:
    assert np.array_equal(cuped(DURING, np.zeros(5000)), DURING)
    with pytest.raises(DataError, match="1 of them missing"):
        cuped(DURING, np.where(np.arange(5000) == 0, np.nan, BEFORE))


@pytest.mark.parametrize(
    ("control", "treatment", "alarm"),
    [(50_000, 50_100, False), (0, 0, False), (50_000, 52_000, True), (500, 0, True)],
)
def test_arms_that_lose_units_raise_the_alarm(control: int, treatment: int, alarm: bool) -> None:
    counts = {"control": control, "treatment": treatment}
    assert sample_ratio(counts, {"control": 0.5, "treatment": 0.5}).is_alarm is alarm
