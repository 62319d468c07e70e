from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from lolomo.core.task import Gate
from lolomo.evaluation import Contender, decide, strongest

GATE = Gate(metric="ndcg@10", non_inferiority_margin=0.01)
BASE = np.random.default_rng(0).random(400)


def contender(name: str, shift: float = 0.0, noise: float = 0.0, recipe: str = "") -> Contender:
    """Return a model that scores the base values, shifted, with noise of a seed of its own."""
    values = BASE + shift + noise * np.random.default_rng(9).standard_normal(400)
    table = pl.DataFrame({"query_id": range(400), "user_id": [f"u{n}" for n in range(400)]})
    table = table.with_columns(
        pl.col("query_id").alias("timestamp"),
        pl.col("user_id").alias("cluster"),
        pl.Series("ndcg@10", values),
    )
    return Contender(name, table, recipe)


STRONG, WEAK = contender("strong", 0.02), contender("weak")


@pytest.mark.parametrize(
    ("challenger", "champion", "passed", "words"),
    [
        (contender("ours", 0.05), None, True, "beats the strongest baseline strong"),
        (contender("ours", 0.01), None, False, "does not beat the strongest baseline strong"),
        (contender("ours", 0.02), None, False, "does not beat the strongest baseline strong"),
        (contender("ours", 0.021, noise=0.2), None, False, "does not beat"),
        (contender("ours", 0.05), contender("old", 0.054), True, "is not inferior to the champion"),
        (contender("ours", 0.05), contender("old", 0.07), False, "may be inferior to the champion"),
        (contender("ours", 0.01), contender("old", 0.0), False, "does not beat"),
        (contender("ours", 0.05), contender("ours", 0.3), True, "beats"),
        (contender("ours", 0.05, recipe="r"), contender("old", 0.3, recipe="r"), True, "beats"),
        (contender("strong", 0.02), None, True, "is the strongest baseline"),
        (contender("weak"), None, False, "is a baseline below strong"),
        (contender("strong", 0.02), contender("old", 0.3), False, "may be inferior"),
    ],
)
def test_a_gate_is_passed_by_superiority_and_non_inferiority(
    challenger: Contender, champion: Contender | None, passed: bool, words: str
) -> None:
    decision = decide(GATE, challenger, [WEAK, STRONG], champion)
    assert decision.passed is passed
    assert words in decision.reason


def test_the_figures_say_what_the_decision_rests_on() -> None:
    decision = decide(GATE, contender("ours", 0.05), [WEAK, STRONG], contender("old", 0.054))
    assert decision.figures["num_clusters"] == 400
    assert decision.figures["baseline.difference.low"] == pytest.approx(0.03)
    assert decision.figures["champion.difference"] == pytest.approx(-0.004)
    assert decision.figures["challenger.mean"] == pytest.approx(BASE.mean() + 0.05)


def test_the_margin_is_a_fraction_of_the_champions_mean() -> None:
    loss = 0.02 * BASE.mean()
    ours, old = contender("ours", -loss), contender("old")
    baselines = [contender("zero", -1.0)]
    assert not decide(Gate(non_inferiority_margin=0.019), ours, baselines, old).passed
    assert decide(Gate(non_inferiority_margin=0.021), ours, baselines, old).passed


def test_without_a_query_no_gate_is_passed() -> None:
    empty = Contender("ours", STRONG.per_query[:0])
    decision = decide(GATE, empty, [Contender("base", STRONG.per_query[:0])])
    assert not decision.passed
    assert "no query" in decision.reason


def test_the_first_of_all_models_passes() -> None:
    assert decide(GATE, WEAK, []).passed


def test_the_strongest_is_chosen_by_mean() -> None:
    assert strongest(GATE, [WEAK, STRONG]) is STRONG


@pytest.mark.parametrize(
    ("num_users", "doubt"), [(None, True), (499, True), (500, False), (12_000, False)]
)
def test_a_decision_on_fewer_than_500_users_stands_and_is_inconclusive(
    num_users: int | None, doubt: bool
) -> None:
    ours = replace(contender("ours", 0.05), num_users=num_users)
    decision = decide(GATE, ours, [WEAK, STRONG])
    assert decision.passed
    assert ("inconclusive" in decision.reason) is doubt
    assert decision.figures["inconclusive"] == doubt
    assert decision.figures["num_users"] == (num_users or 400)


def test_queries_of_the_clock_do_not_say_how_many_users_they_speak_for() -> None:
    clock = Contender("ours", STRONG.per_query.with_columns(pl.lit("").alias("user_id")))
    assert "inconclusive" not in decide(GATE, clock, []).reason
