"""Propensities are those of the draw: checked against every list that there is."""

from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray

from lolomo.core.errors import PolicyError, SettingsError
from lolomo.core.policy import (
    Budgeted,
    EpsilonGreedy,
    Greedy,
    PlackettLuce,
    Policy,
    Thompson,
    policies_from,
    policy_id,
    request_rng,
)

SCORES = np.array([0.3, 1.2, -0.4, 0.9], np.float32)
FACTORS = np.array([[0.7, 0.1, 0.2, 0.2], [0.1, -0.3, 1.0, 0.2]])
POSTERIOR = np.vstack([SCORES, FACTORS])
EXACT: tuple[Policy, ...] = (
    Greedy(),
    EpsilonGreedy(0.3),
    PlackettLuce(0.7),
    Budgeted(PlackettLuce(0.7), requests=0.4, slots=0.7),
    Budgeted(EpsilonGreedy(0.5), requests=0.0),
)
ESTIMATED: tuple[Policy, ...] = (
    Thompson(num_samples=5_000),
    Thompson(2.0, temperature=0.3, num_samples=5_000),
    Budgeted(Thompson(num_samples=5_000), requests=0.5, slots=0.5),
)
DRAWS = 10_000


def every_list(k: int) -> NDArray[np.int64]:
    return np.array(list(permutations(range(len(SCORES)), k)))


def joint(policy: Policy, scores: NDArray[np.floating], lists: NDArray[np.int64]) -> list[float]:
    return [float(np.prod(policy.propensities(scores, ranking))) for ranking in lists]


def shares(policy: Policy, scores: NDArray[np.floating], k: int) -> list[float]:
    rng = np.random.default_rng(5)
    drawn = np.array([policy.rankings(scores, k, rng) for _ in range(DRAWS)])
    return [float((drawn == ranking).all(axis=1).mean()) for ranking in every_list(k)]


@pytest.mark.parametrize("k", [1, 2, 3, 4])
@pytest.mark.parametrize("policy", EXACT, ids=policy_id)
def test_probabilities_of_all_lists_sum_to_one(policy: Policy, k: int) -> None:
    assert sum(joint(policy, SCORES, every_list(k))) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("policy", EXACT, ids=policy_id)
def test_propensities_are_conditional_on_the_items_above(policy: Policy) -> None:
    pairs = dict(zip(permutations(range(4), 2), joint(policy, SCORES, every_list(2)), strict=True))
    for ranking in every_list(3) if not isinstance(policy, Budgeted) else ():
        above = sum(p for pair, p in pairs.items() if pair[0] == ranking[0])
        conditional = policy.propensities(SCORES, ranking)[1]
        expected = pairs[ranking[0], ranking[1]] / above if above else conditional
        assert conditional == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("policy", EXACT + ESTIMATED, ids=policy_id)
def test_lists_are_drawn_as_often_as_their_probability_says(policy: Policy) -> None:
    scores = POSTERIOR if policy.wants_posterior else SCORES
    expected = joint(policy, scores, every_list(2))
    assert shares(policy, scores, 2) == pytest.approx(expected, abs=5 * 0.5 / DRAWS**0.5)


@pytest.mark.parametrize("policy", EXACT, ids=policy_id)
def test_a_batch_has_the_propensities_of_its_lists(policy: Policy) -> None:
    scores = np.random.default_rng(1).normal(size=(6, 5))
    rankings = policy.rankings(scores, 4, np.random.default_rng(2))
    together = policy.propensities(scores, rankings)
    alone = [policy.propensities(*pair) for pair in zip(scores, rankings, strict=True)]
    np.testing.assert_allclose(together, alone, atol=1e-12)
    assert (together > 0).all()


def test_the_gumbel_trick_draws_what_drawing_slot_by_slot_does() -> None:
    policy, rng, drawn = PlackettLuce(0.7), np.random.default_rng(8), []
    for _ in range(DRAWS):
        left, chosen = list(range(4)), []
        for _ in range(2):
            weights = np.exp(SCORES[left].astype(float) / 0.7)
            chosen.append(left.pop(int(rng.choice(len(left), p=weights / weights.sum()))))
        drawn.append(chosen)
    slow = [float((np.array(drawn) == one).all(axis=1).mean()) for one in every_list(2)]
    assert shares(policy, SCORES, 2) == pytest.approx(slow, abs=0.03)


def test_plackett_luce_keeps_its_precision_when_scores_are_far_apart() -> None:
    scores = np.array([900.0, 0.0, -1.0, -900.0])
    conditional = PlackettLuce().propensities(scores, np.array([0, 1, 2, 3]))
    assert conditional == pytest.approx([1, 1 / (1 + np.exp(-1)), 1, 1])


def test_thompson_is_as_far_off_as_its_standard_errors_say() -> None:
    rng, far = np.random.default_rng(4), []
    for _ in range(60):
        scores = np.vstack([rng.normal(size=30), rng.normal(size=(5, 30)) / 5])
        ranking = Thompson().rankings(scores, 6, rng)
        propensities, errors = Thompson(num_samples=500).with_errors(scores, ranking)
        truth, _ = Thompson(num_samples=20_000).with_errors(scores, ranking)
        assert errors is not None
        assert (propensities > 0).all()
        far += ((propensities - truth) / errors).tolist()
    assert np.mean(np.abs(far) < 2) > 0.9
    assert abs(np.mean(far)) < 0.3


def test_thompson_explores_what_is_uncertain_and_not_what_is_merely_good() -> None:
    mean = np.array([1.0, 0.8, 0.8])
    alike, unsure = np.ones((1, 3)), np.array([[0.0, 0.0, 0.5]])
    first = np.array([0])
    together, _ = Thompson().with_errors(np.vstack([mean, alike]), first)
    assert together == pytest.approx(PlackettLuce(0.05).propensities(mean, first), rel=1e-6)
    shown = [
        float(Thompson().propensities(np.vstack([mean, unsure]), np.array([i]))[0]) for i in (1, 2)
    ]
    assert shown[1] > 5 * shown[0]


def test_a_posterior_of_no_factors_is_exact() -> None:
    assert Thompson().draw(SCORES, 3, np.random.default_rng(0)).errors is None
    with pytest.raises(PolicyError, match=r"1 \+ rank"):
        Thompson().propensities(np.zeros((2, 2, 2)), np.array([0]))


@pytest.mark.parametrize("requests", [1.0, 0.4])
def test_a_budgets_errors_are_those_of_what_it_explores(requests: float) -> None:
    policy = Budgeted(Thompson(num_samples=300), requests=requests, slots=0.5)
    ranking = np.array([1, 3, 0, 2])
    found = [
        policy.with_errors(POSTERIOR + 1e-6 * step, ranking) for step in range(200)
    ]  # each with guesses of its own
    spread = np.std([propensities for propensities, _ in found], axis=0)
    said = np.mean([errors for _, errors in found if errors is not None], axis=0)
    assert said[:2] == pytest.approx(0.0)
    assert spread[2:3] == pytest.approx(said[2:3], rel=0.3)


@pytest.mark.parametrize("policy", EXACT + ESTIMATED, ids=policy_id)
def test_what_is_no_candidate_is_never_drawn(policy: Policy) -> None:
    scores = np.array([-np.inf, 1.0, -np.inf, 0.5])
    scores = np.vstack([scores, FACTORS]) if policy.wants_posterior else scores
    draw = policy.draw(scores, 4, np.random.default_rng(0))
    assert sorted(draw.order.tolist()) == [1, 3]
    assert draw.joint == pytest.approx(np.prod(draw.propensities))
    none = policy.draw(np.full(2, -np.inf), 3, np.random.default_rng(0))
    assert (len(none.order), none.joint) == (0, 1.0)


def test_a_request_draws_the_same_each_time_and_each_row_its_own() -> None:
    def draw(request_id: str, row: str) -> list[int]:
        draw = PlackettLuce().draw(np.zeros(50), 50, request_rng(request_id, row))
        return [int(place) for place in draw.order]

    assert draw("r1", "top_picks") == draw("r1", "top_picks")
    assert draw("r1", "top_picks") != draw("r1", "trending_now")
    assert draw("r1", "top_picks") != draw("r2", "top_picks")


def test_a_policys_id_is_its_name_and_configuration() -> None:
    assert policy_id(PlackettLuce(0.5)) == policy_id(PlackettLuce(0.5))
    assert policy_id(PlackettLuce(0.5)) != policy_id(PlackettLuce(0.6))
    assert policy_id(Greedy()).startswith("greedy@")


def test_a_budget_explores_only_the_lowest_slots() -> None:
    policy = Budgeted(PlackettLuce(100.0), slots=0.5)
    drawn = policy.rankings(np.tile(SCORES, (500, 1)), 4, np.random.default_rng(3))
    assert (drawn[:, :2] == [1, 3]).all()
    assert {tuple(row) for row in drawn[:, 2:].tolist()} == {(0, 2), (2, 0)}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: EpsilonGreedy(1.2), "probability"),
        (lambda: PlackettLuce(0.0), "above 0"),
        (lambda: Thompson(num_samples=0), "above 0"),
        (lambda: Budgeted(Greedy(), slots=2), "shares"),
    ],
)
def test_a_malformed_configuration_is_refused(wrong: object, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        wrong()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("scores", "message"), [([0.1, np.nan], "1 NaN"), ([[0.1, 0.2]], r"\[1, 2\]")]
)
def test_scores_that_cannot_be_drawn_from_are_refused(scores: list[float], message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        PlackettLuce().draw(np.array(scores), 2, np.random.default_rng(0))


def test_policies_are_read_from_text() -> None:
    text = "a=greedy(), b=budgeted(plackett_luce(temperature=2), requests=0.1)"
    expected = {"a": Greedy(), "b": Budgeted(PlackettLuce(2), requests=0.1)}
    assert policies_from(text) == expected
    assert policies_from("") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a=", "cannot be parsed"),
        ("greedy()", "names no row"),
        ("a=greedy", "is no policy"),
        ("a=lucky()", "no policy 'lucky'"),
        ("a=plackett_luce(heat=1)", "heat"),
        ("a=plackett_luce(temperature=open(0))", "is no number"),
    ],
)
def test_a_malformed_text_of_policies_is_refused(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        policies_from(text)
