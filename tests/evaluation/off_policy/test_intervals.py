"""Intervals: they hold the truth as often as they say, and follow clusters."""

import numpy as np
import pytest
from load.ope_coverage import (
    Case,
    assumptions_broken,
    assumptions_met,
    run,
    seconds_for,
    slope,
)
from load.ope_worlds import expectation, tallies
from scipy import stats

from lolomo.core.errors import DataError
from lolomo.evaluation.off_policy import Terms, asymptotic, bootstrapped, empirical_bernstein

RUNS, ROWS = 200, 1000
SKEWED = np.random.default_rng(4).exponential(size=400)


def name_of(case: Case) -> str:
    return f"{case.estimator}, {case.world}"


@pytest.mark.parametrize("case", assumptions_met(), ids=name_of)
def test_intervals_hold_the_truth_where_the_assumptions_hold(case: Case) -> None:
    found = run(case, RUNS, ROWS)
    assert stats.binomtest(found.covered, found.runs, 0.95).pvalue > 0.001
    assert abs(found.bias) < 4 * found.deviation / RUNS**0.5


@pytest.mark.parametrize("case", assumptions_broken(), ids=name_of)
def test_each_estimator_fails_in_a_world_that_breaks_its_assumption(case: Case) -> None:
    found = run(case, RUNS, ROWS)
    seldom_covered = stats.binomtest(found.covered, found.runs, 0.93, "less").pvalue < 0.001
    assert seldom_covered or found.refused > 0.9 * RUNS


@pytest.mark.parametrize(("world", "k"), [("cascade", 3), ("clicks-oppose-satisfaction", 1)])
def test_intervals_hold_the_truth_in_the_simulated_service(world: str, k: int) -> None:
    for estimator, tally in tallies(world, k, seeds=1, runs=60, rows=600).items():
        if expectation(estimator, world) == "holds":
            assert stats.binomtest(tally.covered, 60, 0.95).pvalue > 0.001


def test_the_error_falls_with_the_root_of_the_rows() -> None:
    assert slope(assumptions_met()[0], 200, (200, 3200)) == pytest.approx(-0.5, abs=0.08)


def test_a_hundred_thousand_impressions_are_estimated_in_a_second() -> None:
    assert max(seconds_for(100_000).values()) < 1.0


def plain(values: np.ndarray, clusters: np.ndarray | None = None) -> Terms:
    return Terms(values, np.ones(len(values)), np.ones(len(values)), clusters)


def test_the_bootstrap_agrees_with_the_central_limit() -> None:
    normal, drawn = asymptotic(plain(SKEWED)), bootstrapped(plain(SKEWED))
    assert drawn.mean == normal.mean
    assert drawn.high - drawn.low == pytest.approx(normal.high - normal.low, rel=0.1)


def test_many_rows_are_resampled_in_blocks_without_changing_the_interval() -> None:
    many = plain(np.random.default_rng(4).exponential(size=50_000))
    normal, drawn = asymptotic(many), bootstrapped(many)
    assert drawn.high - drawn.low == pytest.approx(normal.high - normal.low, rel=0.1)


@pytest.mark.parametrize("interval", [asymptotic, bootstrapped])
def test_repeated_rows_of_one_user_make_no_interval_narrower(interval: object) -> None:
    assert callable(interval)
    once = interval(plain(SKEWED))
    fourfold = interval(plain(np.repeat(SKEWED, 4), np.repeat(np.arange(400), 4)))
    assert (fourfold.low, fourfold.high) == pytest.approx((once.low, once.high), rel=0.02)


def test_empirical_bernstein_is_wider_and_stays_within_its_bounds() -> None:
    clicks = plain((np.random.default_rng(5).random(500) < 0.1).astype(float))
    normal, sure = asymptotic(clicks), empirical_bernstein(clicks, (0.0, 1.0))
    assert 0.0 <= sure.low < normal.low < normal.high < sure.high <= 1.0


@pytest.mark.parametrize(
    "terms", [plain(np.array([0.0, 5.0])), Terms(np.ones(2), np.array([1.0, 2.0]), np.ones(2))]
)
def test_empirical_bernstein_refuses_what_its_bounds_do_not_hold(terms: Terms) -> None:
    with pytest.raises(DataError, match="within"):
        empirical_bernstein(terms, (0.6, 1.0))


def test_one_row_says_nothing_and_none_is_refused() -> None:
    assert asymptotic(plain(np.array([0.5]))).high == np.inf
    with pytest.raises(DataError, match="nothing was logged"):
        asymptotic(plain(np.zeros(0)))
