"""Logs of Thompson sampling, whose propensities are estimates: judged right, or refused."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from lolomo.core.errors import DataError
from lolomo.core.policy import PlackettLuce, Thompson
from lolomo.evaluation.off_policy import Decisions, Estimate, Refused, estimate

ITEMS, RANK, CONTEXTS = 8, 3, 3000
TARGET = PlackettLuce(0.5)


@dataclass(frozen=True)
class Logged:
    """What a Thompson sampler showed in many contexts, and what the target would have earned."""

    log: Decisions
    truth: float


def logged(num_samples: int) -> Logged:
    rng = np.random.default_rng(3)
    policy = Thompson(temperature=0.2, num_samples=num_samples)
    rewards, propensities, errors, target, truth = (np.empty(CONTEXTS) for _ in range(5))
    for row in range(CONTEXTS):
        mean = 0.5 * rng.normal(size=ITEMS)
        scores = np.vstack([mean, 0.4 * rng.normal(size=(RANK, ITEMS))])
        chances = 1 / (1 + np.exp(-mean))
        shown = policy.rankings(scores, 1, rng)
        found, error = policy.with_errors(scores, shown)
        assert error is not None
        propensities[row], errors[row] = found[0], error[0]
        target[row] = TARGET.propensities(mean, shown)[0]
        rewards[row] = rng.random() < chances[shown[0]]
        truth[row] = _softmax(mean / TARGET.temperature) @ chances
    log = Decisions(
        rewards=rewards, propensities=propensities, target_propensities=target, errors=errors
    )
    return Logged(log, float(truth.mean()))


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shares = np.exp(logits - logits.max())
    return np.asarray(shares / shares.sum())


@pytest.fixture(scope="module")
def explored() -> Logged:
    return logged(64)


@pytest.mark.parametrize("estimator", ["ips", "snips"])
def test_a_thompson_log_is_judged_right(estimator: str, explored: Logged) -> None:
    outcome = estimate(estimator, explored.log)
    assert isinstance(outcome, Estimate)
    assert outcome.interval.low < explored.truth < outcome.interval.high
    assert outcome.interval.high - outcome.interval.low < 0.1
    assert 0 < outcome.diagnostics.propensity_error < 0.2


def test_weights_are_corrected_for_what_one_over_an_estimate_adds() -> None:
    few = logged(24).log
    plain = few.target_propensities / few.propensities
    assert abs(few.weights.mean() - 1) < 0.5 * abs(plain.mean() - 1)


def test_propensities_that_are_hardly_known_are_refused(explored: Logged) -> None:
    log = explored.log
    spoiled = Decisions(
        rewards=log.rewards,
        propensities=log.propensities,
        target_propensities=log.target_propensities,
        errors=log.propensities,
    )
    outcome = estimate("snips", spoiled)
    assert isinstance(outcome, Refused)
    assert "are known to ± 100% only" in " ".join(outcome.reasons)


@pytest.mark.parametrize("errors", [[0.1], [0.1, -1.0], [0.1, np.nan]])
def test_errors_that_are_none_are_refused(errors: list[float]) -> None:
    half = np.full(2, 0.5)
    with pytest.raises(DataError, match="errors of propensities"):
        Decisions(
            rewards=half, propensities=half, target_propensities=half, errors=np.array(errors)
        )
