"""A whole experiment: arms, guardrails, several treatments; shadows and interleaving beside it."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from lolomo.core.errors import DataError
from lolomo.core.experiment import Arm, Experiment, Guardrail
from lolomo.core.interleaving import team_draft
from lolomo.evaluation.experiments import (
    ARM,
    analyse,
    compare_shadow,
    preference,
    preference_table,
    rank_biased_overlap,
    shadow_table,
    to_table,
)

SIZE = 4000


def experiment(*guardrails: Guardrail, arms: tuple[str, ...] = ("control", "treatment")) -> Any:
    made = tuple(Arm(name) for name in arms)
    return Experiment(name="test", arms=made, guardrails=guardrails)


def units(lift: float, arms: tuple[str, ...] = ("control", "treatment")) -> pl.DataFrame:
    rng = np.random.default_rng(3)
    arm = np.array(arms)[np.arange(SIZE) % len(arms)]
    before = rng.normal(size=SIZE)
    plays = before + 0.5 * rng.normal(size=SIZE) + lift * (arm == "treatment")
    return pl.DataFrame({ARM: arm, "plays": plays, "plays_before": before, "crashes": -plays})


@pytest.mark.parametrize(("lift", "decided"), [(0.0, False), (0.3, True)])
def test_a_lift_is_decided_and_a_tie_is_not(lift: float, decided: bool) -> None:
    (found,) = analyse(experiment(), units(lift), ["plays"]).differences
    assert found.is_decided is decided
    assert found.difference.low < lift < found.difference.high
    assert found.variance_kept == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize(
    ("guardrail", "lift", "crossed"),
    [
        (Guardrail("plays", 0.1), -0.3, True),
        (Guardrail("plays", 0.1), 0.3, False),
        (Guardrail("plays", 0.5), -0.3, False),
        (Guardrail("crashes", 0.1, "down"), -0.3, True),
        (Guardrail("crashes", 0.1, "down"), 0.3, False),
    ],
)
def test_a_guardrail_is_crossed_when_even_the_best_end_is_too_great_a_loss(
    guardrail: Guardrail, lift: float, crossed: bool
) -> None:
    found = analyse(experiment(guardrail), units(lift), ["plays"]).crossings
    assert bool(found) is crossed
    assert not crossed or "harms" in found[0].sentence


def test_several_arms_share_the_risk_and_are_each_compared_to_the_control() -> None:
    arms = ("control", "treatment", "other")
    found = analyse(experiment(arms=arms), units(0.3, arms), ["plays"]).differences
    alone = analyse(experiment(), units(0.3, arms), ["plays"]).differences[0]
    assert [each.arm for each in found] == ["treatment", "other"]
    assert found[0].difference.low < alone.difference.low
    assert not found[1].is_decided


def test_a_metric_that_units_do_not_have_is_refused() -> None:
    with pytest.raises(DataError, match=r"no column \['hours'\]"):
        analyse(experiment(), units(0.0), ["hours"])


def test_an_empty_experiment_is_read_without_a_word() -> None:
    analysis = analyse(experiment(), units(0.0).head(0), ["plays"])
    assert analysis.num_units == 0
    assert to_table(analysis).row_count == 1


def test_the_better_ranker_wins_the_draft() -> None:
    rng = np.random.default_rng(2)
    good, poor = list("abcdefgh"), list("hgfedcba")
    points = [team_draft(poor, good, 4, rng).points(["a", "b"]) for _ in range(300)]
    first, second = np.array(points, float).T
    found = preference(first, second, np.arange(300) // 2)
    assert found.share.low > 0.5
    assert found.p_value < 0.001
    assert found.wins + found.losses + found.ties == 150
    assert preference_table({"top_picks": found}).row_count == 1


def test_equal_rankers_win_equally_often() -> None:
    rng = np.random.default_rng(2)
    same = list("abcdefgh")
    points = [team_draft(same, same, 4, rng).points(["a", "c"]) for _ in range(400)]
    first, second = np.array(points, float).T
    found = preference(first, second, np.arange(400))
    assert found.share.low < 0.5 < found.share.high


def test_equal_rankers_are_seldom_called_different_however_often_one_looks() -> None:
    rng, found = np.random.default_rng(6), 0
    for _ in range(200):
        points = rng.integers(2, size=(2, 1200)).astype(float)
        first, second = points
        looks = [preference(first[:n], second[:n], np.arange(n)) for n in range(100, 1201, 100)]
        found += any(look.is_decided or look.p_value < 0.05 for look in looks)
    assert found <= 18  # 5 % of 200 each, within Monte-Carlo error


def test_without_users_nothing_is_preferred() -> None:
    found = preference(np.zeros(0), np.zeros(0), np.zeros(0, np.int64))
    assert np.isnan(found.share.mean)
    assert found.p_value == 1.0


def test_a_shadow_is_compared_by_lists_times_and_failures() -> None:
    table = {
        "served": [["a", "b"], ["a", "b"], ["a", "b"]],
        "shadow": [["a", "b"], ["b", "c"], None],
        "served_us": [100, 100, 100],
        "shadow_us": [150, 250, 0],
        "served_scores": [[3.0, 2.0, 1.0], [3.0, 2.0, 1.0], []],
        "shadow_scores": [[0.3, 0.2, 0.1], [0.1, 0.2, 0.3], []],
    }
    found = compare_shadow(pl.DataFrame(table))
    assert (found.num_requests, found.same_first, found.overlap) == (3, 0.5, 0.75)
    assert found.failed == pytest.approx(1 / 3)
    assert found.latency_ratio == 2.0
    assert shadow_table({"top_picks": found}).row_count == 1
    assert found.rank_correlation == pytest.approx(0.0)


def test_a_shadow_that_never_answers_has_failed_and_none_asked_is_refused() -> None:
    rows = pl.DataFrame({"served": [["a"]], "shadow": [None], "served_us": [1], "shadow_us": [0]})
    assert compare_shadow(rows).failed == 1.0
    with pytest.raises(DataError, match="no request was shadowed"):
        compare_shadow(rows.head(0))


def test_overlap_counts_the_top_most() -> None:
    top, bottom = (rank_biased_overlap(list("abcd"), list(other)) for other in ("abxy", "xycd"))
    assert 1.0 > top > bottom > 0.0
    assert rank_biased_overlap([], ["a"]) == 0.0
