"""Estimators: equal to obp's, exact on policy, unbiased where they promise to be."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from evaluation.off_policy.small_bandits import bandit, slate_world

from lolomo.core.errors import DataError, SettingsError
from lolomo.evaluation.off_policy import (
    DECISION_ESTIMATORS,
    SLATE_ESTIMATORS,
    Decisions,
    Predictions,
    Slates,
    Terms,
    clipped_ips,
    direct_method,
    doubly_robust,
    dr_shrinkage,
    embedding_propensities,
    independent_moments,
    pseudo_inverse,
    switch_dr,
    uniform_moments,
)

GOLDEN = json.loads(Path(__file__).with_name("golden_obp.json").read_text())
SETTINGS = GOLDEN["settings"]
SET = {
    "dr-shrinkage": lambda log: dr_shrinkage(log, SETTINGS["shrinkage"]),
    "switch-dr": lambda log: switch_dr(log, SETTINGS["threshold"]),
}


def arrays(name: str) -> Any:
    return SimpleNamespace(**{key: np.array(value) for key, value in GOLDEN[name].items()})


def same_policies(rewards: Any, propensities: Any, name: str) -> Decisions | Slates:
    """Return a log of the kind that an estimator reads, whose target is the logging policy."""
    given = {"rewards": rewards, "propensities": propensities, "target_propensities": propensities}
    if name in SLATE_ESTIMATORS:
        return Slates(**given)
    return Decisions(**{key: value[:, 0] for key, value in given.items()})


def terms_of(name: str, log: Decisions | Slates) -> Terms:
    if isinstance(log, Slates):
        return SLATE_ESTIMATORS[name](log)
    return DECISION_ESTIMATORS[name](log)


@pytest.mark.parametrize("name", GOLDEN["decision_values"])
def test_single_actions_are_valued_as_obp_values_them(name: str) -> None:
    given = arrays("decisions")
    rows = np.arange(len(given.rewards))
    log = Decisions(
        rewards=given.rewards,
        propensities=given.propensities,
        target_propensities=given.target[rows, given.actions],
        predictions=Predictions(
            given.model[rows, given.actions], (given.model * given.target).sum(axis=1)
        ),
    )
    terms = SET.get(name, DECISION_ESTIMATORS[name])(log)
    assert terms.estimate == pytest.approx(GOLDEN["decision_values"][name], abs=1e-9, rel=0)


@pytest.mark.parametrize("name", GOLDEN["slate_values"])
def test_lists_are_valued_as_obp_values_them(name: str) -> None:
    estimate = SLATE_ESTIMATORS[name](Slates(**vars(arrays("slates")))).estimate
    assert estimate == pytest.approx(GOLDEN["slate_values"][name], abs=1e-9, rel=0)


@pytest.mark.parametrize("name", ["ips", "snips", "clipped-ips", "slate-ips", "rips"])
def test_the_value_of_the_logging_policy_itself_is_the_mean_of_what_was_earned(name: str) -> None:
    rng = np.random.default_rng(3)
    log = same_policies(rng.random((50, 3)), rng.uniform(0.1, 0.9, (50, 3)), name)
    earned = log.rewards.sum(axis=1) if log.rewards.ndim == 2 else log.rewards
    assert terms_of(name, log).estimate == earned.mean()


@pytest.mark.parametrize("name", ["ips", "dr"])
def test_over_all_that_can_happen_an_unbiased_estimator_is_exact(name: str) -> None:
    world = bandit()
    contexts, actions = (each.ravel() for each in np.indices(world.clicks.shape))
    wrong_model = np.full(len(actions), 0.3)
    log = Decisions(
        rewards=world.clicks[contexts, actions],
        propensities=world.logging[contexts, actions],
        target_propensities=world.target[contexts, actions],
        predictions=Predictions(wrong_model, wrong_model),
    )
    share = log.propensities / len(world.clicks)
    assert DECISION_ESTIMATORS[name](log).values @ share == pytest.approx(world.value, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "reads", "exact"),
    [
        ("slate-ips", "below", True),
        ("rips", "cascade", True),
        ("rips", "below", False),
        ("cascade-dr", "cascade", True),
        ("cascade-dr", "below", False),
    ],
)
def test_lists_are_valued_exactly_where_users_read_as_assumed(
    name: str, reads: str, exact: bool
) -> None:
    world = slate_world(reads, contrast=1.5)
    lists = world.rankings
    log = Slates(
        rewards=world.expected(lists),
        propensities=world.conditionals(world.logging_scores, lists),
        target_propensities=world.conditionals(world.target_scores, lists),
        predictions=world.rough_predictions(lists),
    )
    expected = SLATE_ESTIMATORS[name](log).values @ log.propensities.prod(axis=1)
    assert bool(abs(expected - world.value) < 1e-12) is exact


@pytest.mark.parametrize(("reads", "exact"), [("position", True), ("clash", False)])
def test_the_pseudo_inverse_is_exact_where_lists_earn_sums(reads: str, exact: bool) -> None:
    world = slate_world(reads)
    lists = world.rankings
    terms = pseudo_inverse(
        world.expected(lists).sum(axis=1),
        lists,
        world.marginals(world.target_scores),
        world.moments(world.logging_scores),
    )
    expected = terms.values @ world.conditionals(world.logging_scores, lists).prod(axis=1)
    assert bool(abs(expected - world.value) < 1e-9) is exact


def test_moments_of_known_policies_equal_those_that_are_counted() -> None:
    world = slate_world("position")
    assert np.allclose(uniform_moments(5, 3), world.moments(np.zeros(5)))
    independent = independent_moments(np.array([[0.2, 0.8], [0.5, 0.5]]))
    assert independent[0].tolist() == pytest.approx([0.2, 0.0, 0.1, 0.1])


def test_what_the_logging_policy_never_shows_is_counted_as_unsupported() -> None:
    marginals = np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0]])
    target = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    lists = np.array([[0, 1], [1, 0]])
    terms = pseudo_inverse(np.ones(2), lists, target, independent_moments(marginals))
    assert terms.unsupported == 0.5


def test_a_category_is_as_probable_as_its_actions_together() -> None:
    policy, categories = np.array([0.1, 0.2, 0.7]), np.array([0, 0, 1])
    propensities = embedding_propensities(policy, categories, np.array([0, 1, 2]))
    assert propensities == pytest.approx([0.3, 0.3, 0.7])


def test_shrinkage_and_switching_lead_from_the_model_to_doubly_robust() -> None:
    log = bandit().log(np.random.default_rng(0), 300)
    model, robust = direct_method(log).estimate, doubly_robust(log).estimate
    for start, end in (
        (dr_shrinkage(log, 0.0), dr_shrinkage(log, np.inf)),
        (switch_dr(log, 0.0), switch_dr(log, np.inf)),
    ):
        assert (start.estimate, end.estimate) == (model, robust)
    assert clipped_ips(log, np.inf).estimate == DECISION_ESTIMATORS["ips"](log).estimate


@pytest.mark.parametrize(
    "make",
    [
        lambda log: clipped_ips(log, 0.0),
        lambda log: dr_shrinkage(log, -1.0),
        lambda log: switch_dr(log, -1.0),
    ],
)
def test_settings_that_mean_nothing_are_refused(make: Any) -> None:
    with pytest.raises(SettingsError, match="expected"):
        make(bandit().log(np.random.default_rng(0), 10))


@pytest.mark.parametrize("name", ["dm", "dr", "dr-shrinkage", "switch-dr", "cascade-dr"])
def test_an_estimator_with_a_model_refuses_a_log_without_predictions(name: str) -> None:
    log = same_policies(np.ones((4, 2)), np.ones((4, 2)), name)
    with pytest.raises(DataError, match="predictions"):
        terms_of(name, log)
