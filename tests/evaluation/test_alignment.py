"""Agreement of a metric with the truth: order, intervals and regret."""

import numpy as np
import pytest
from scipy import stats

from lolomo.evaluation.alignment import agreement, spearman

RNG = np.random.default_rng(9)
TRUTH = RNG.normal(size=40)
ONE_GROUP = np.zeros(40, np.int64)


def test_ranks_correlate_as_scipy_says_ties_included() -> None:
    noisy = np.round(TRUTH + RNG.normal(size=40), 1)
    assert spearman(noisy, TRUTH) == pytest.approx(stats.spearmanr(noisy, TRUTH).statistic)


@pytest.mark.parametrize(("sign", "expected"), [(1.0, 1.0), (-1.0, -1.0)])
def test_a_metric_in_the_true_order_agrees_and_the_reverse_disagrees(
    sign: float, expected: float
) -> None:
    found = agreement(np.exp(sign * TRUTH), TRUTH, ONE_GROUP)
    assert found.correlation.mean == pytest.approx(expected)
    assert found.regret == (0.0 if sign > 0 else pytest.approx(np.ptp(TRUTH)))


def test_noise_agrees_with_nothing_and_its_interval_says_so() -> None:
    found = agreement(RNG.normal(size=40), TRUTH, ONE_GROUP).correlation
    assert found.low < 0.0 < found.high


def test_groups_are_ranked_within_and_averaged() -> None:
    groups = np.repeat([0, 1], 20)
    shifted = TRUTH + 100.0 * groups
    assert agreement(shifted, TRUTH, groups).correlation.mean == pytest.approx(1.0)
    assert agreement(shifted, TRUTH, ONE_GROUP).correlation.mean < 0.9


def test_a_metric_that_is_unknown_or_always_the_same_ranks_nothing() -> None:
    assert agreement(np.ones(40), TRUTH, ONE_GROUP).correlation.mean == 0.0
    unknown = np.where(np.arange(40) == TRUTH.argmax(), np.nan, TRUTH)
    assert agreement(unknown, TRUTH, ONE_GROUP).regret > 0.0
