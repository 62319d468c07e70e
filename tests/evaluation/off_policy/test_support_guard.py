"""The guard: what cannot be known from a log is refused, with the reason."""

from typing import Any

import numpy as np
import pytest
from evaluation.off_policy.small_bandits import bandit, seldom_shown

from lolomo.core.errors import DataError, SettingsError
from lolomo.evaluation.off_policy import (
    Decisions,
    Estimate,
    Guard,
    Refused,
    Slates,
    Terms,
    diagnose,
    estimate,
)

SIZE = 1000


def log(**changes: Any) -> Decisions:
    half = np.full(SIZE, 0.5)
    arrays = {"rewards": np.ones(SIZE), "propensities": half, "target_propensities": half}
    return Decisions(**{**arrays, **changes})


def concentrated() -> np.ndarray:
    probabilities = np.full(SIZE, 0.42)
    probabilities[0] = 1.0
    return probabilities


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"target_propensities": np.zeros(SIZE)}, "effective sample size is 0.0"),
        ({"target_propensities": np.full(SIZE, 0.4)}, "mean of 0.800"),
        ({"propensities": np.where(np.arange(SIZE) == 0, 1e-4, 0.5)}, "% of all weight"),
        ({"unsupported": 0.03}, "0.03 of the target's probability"),
        (
            {
                "rewards": np.ones(150),
                "propensities": np.ones(150),
                "target_propensities": np.ones(150),
            },
            "is 150.0 of 150 rows, and 200 are needed",
        ),
    ],
)
def test_a_log_without_support_gets_no_answer(changes: dict[str, Any], reason: str) -> None:
    outcome = estimate("snips", log(**changes))
    assert isinstance(outcome, Refused)
    assert reason in "; ".join(outcome.reasons)


def test_a_log_with_support_gets_an_answer_with_its_interval() -> None:
    world = bandit()
    outcome = estimate("dr", world.log(np.random.default_rng(1), 4000))
    assert isinstance(outcome, Estimate)
    assert outcome.interval.low < world.value < outcome.interval.high
    assert not outcome.is_biased


def test_a_target_that_loves_what_was_seldom_shown_is_refused_by_every_estimator() -> None:
    drawn = seldom_shown(bandit()).log(np.random.default_rng(1), 2000)
    outcomes = [estimate(name, drawn) for name in ("ips", "snips", "dm", "dr", "switch-dr")]
    assert all(isinstance(outcome, Refused) for outcome in outcomes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"propensities": np.where(np.arange(SIZE) < 3, np.nan, 0.5)}, "3 of 1000 .* null"),
        ({"propensities": np.zeros(SIZE)}, "above 0"),
        ({"propensities": np.full(SIZE, 1.5)}, "probabilities"),
        ({"target_propensities": np.full(SIZE, np.nan)}, "not null"),
        ({"target_propensities": np.full(3, 0.5)}, r"one shape; received .*\(3,\)"),
        ({"rewards": np.full(SIZE, np.nan)}, "wait for delayed"),
        ({"clusters": np.full(SIZE, -1)}, "codes from 0"),
    ],
)
def test_what_is_no_log_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        log(**changes)


def test_slates_of_single_actions_are_refused() -> None:
    ones = np.ones(3)
    with pytest.raises(DataError, match="use `Decisions`"):
        Slates(rewards=ones, propensities=ones, target_propensities=ones)


def test_an_unknown_estimator_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match="no estimator of decisions is called 'rips'"):
        estimate("rips", log())


def test_rows_of_one_user_are_no_independent_witnesses_of_the_mean_weight() -> None:
    weights = np.repeat(np.array([0.5, 1.5]), 500)
    alone = diagnose(Terms(weights, np.ones(SIZE), weights))
    together = diagnose(Terms(weights, np.ones(SIZE), weights, np.repeat([0, 1], 500)))
    assert together.mean_weight_error > 10 * alone.mean_weight_error


def test_a_guard_can_be_told_to_allow_more() -> None:
    few = log(rewards=np.ones(50), propensities=np.ones(50), target_propensities=np.ones(50))
    assert isinstance(estimate("ips", few, Guard(min_effective_sample_size=20)), Estimate)
