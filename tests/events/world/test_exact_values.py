"""The value of a policy is exact: the mean of what its log earns must agree with it."""

import numpy as np
import pytest

from lolomo.core.errors import SettingsError
from lolomo.core.policy import EpsilonGreedy, Greedy, PlackettLuce, Policy
from lolomo.events.world import WORLDS, Decisions, draw_decisions, find_world

UNIFORM = EpsilonGreedy(1.0)
N = 40_000


@pytest.fixture(scope="module", params=sorted(WORLDS))
def decisions(request: pytest.FixtureRequest) -> Decisions:
    return draw_decisions(find_world(request.param), seed=0, contexts=60, candidates=5, k=3)


@pytest.mark.parametrize("policy", [Greedy(), UNIFORM, PlackettLuce(0.5)])
def test_a_log_earns_what_the_policy_is_worth(decisions: Decisions, policy: Policy) -> None:
    logged = decisions.logged(policy, N, np.random.default_rng(1))
    for rewards, outcome in ((logged.plays, "plays"), (logged.satisfaction, "satisfaction")):
        earned = rewards.sum(axis=1)
        error = earned.std() / np.sqrt(N)
        value = decisions.value(policy, outcome)  # type: ignore[arg-type]
        assert earned.mean() == pytest.approx(value, abs=4 * error)
    assert logged.expected_plays.sum(axis=1).mean() == pytest.approx(
        decisions.value(policy), abs=0.02
    )


def test_weighing_by_the_propensities_gives_the_value_of_another_policy(
    decisions: Decisions,
) -> None:
    other = PlackettLuce(2.0)
    logged = decisions.logged(PlackettLuce(1.0), N, np.random.default_rng(2))
    weights = other.propensities(logged.scores, logged.ranking).prod(axis=1) / logged.joint
    earned = weights * logged.plays.sum(axis=1)
    assert earned.mean() == pytest.approx(decisions.value(other), abs=4 * earned.std() / np.sqrt(N))


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_the_better_ranked_are_played_more(name: str) -> None:
    decisions = draw_decisions(find_world(name), seed=0)
    assert decisions.value(Greedy()) > decisions.value(UNIFORM)


def test_in_one_world_what_is_played_more_pleases_less() -> None:
    decisions = draw_decisions(find_world("clicks-oppose-satisfaction"), seed=0)
    assert decisions.value(Greedy()) > decisions.value(UNIFORM)
    assert decisions.value(Greedy(), "satisfaction") < decisions.value(UNIFORM, "satisfaction")


def test_a_sum_over_too_many_lists_is_refused() -> None:
    decisions = draw_decisions(find_world("cascade"), seed=0, contexts=2, candidates=60, k=4)
    with pytest.raises(SettingsError, match="fewer candidates"):
        decisions.value(Greedy())
