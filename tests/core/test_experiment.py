"""Assignment: sticky, in the shares asked for, exclusive in a layer and independent across."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from scipy import stats

from lolomo.core.errors import SettingsError
from lolomo.core.experiment import (
    HOLDOUT,
    OUTSIDE,
    Arm,
    Experiment,
    Guardrail,
    assign,
    bucket,
    check_layers,
)

UNITS = [f"user-{number}" for number in range(20_000)]
ARMS = (Arm("control"), Arm("treatment"))


def experiment(name: str = "rows-first", **changes: Any) -> Experiment:
    return Experiment(**{"name": name, "arms": ARMS, **changes})


def dependence(one: Experiment, other: Experiment) -> float:
    """Return the p-value of the chi-square test that two assignments are independent."""
    pairs = [(assign(unit, one), assign(unit, other)) for unit in UNITS]
    rows, columns = (sorted(set(side)) for side in zip(*pairs, strict=True))
    table = np.zeros((len(rows), len(columns)))
    for a, b in pairs:
        table[rows.index(a), columns.index(b)] += 1
    return float(stats.chi2_contingency(table).pvalue)


def test_a_bucket_is_the_same_for_ever() -> None:
    assert bucket("user-7", "salt") == 0.3182600033197308
    assert bucket("user-7", "pepper") != bucket("user-7", "salt")


def test_buckets_are_uniform_over_zero_to_one() -> None:
    places = [bucket(unit, "uniform") for unit in UNITS]
    assert 0.0 <= min(places) < max(places) < 1.0
    assert stats.kstest(places, "uniform").pvalue > 0.001


def test_arms_get_the_shares_they_ask_for_relative_to_each_other() -> None:
    split = experiment(arms=(Arm("control", 3), Arm("treatment", 1)))
    treated = sum(assign(unit, split) == "treatment" for unit in UNITS)
    assert stats.binomtest(treated, len(UNITS), 0.25).pvalue > 0.001


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (experiment("a"), experiment("b", layer="rank")),
        (experiment("a", segment=(0.0, 0.4)), experiment("b", layer="rank", segment=(0.2, 0.7))),
        (experiment("a", salt="first"), experiment("a", salt="second", layer="rank")),
        (experiment("a", holdout=0.3), experiment("b", layer="default", segment=(0.0, 0.5))),
    ],
    ids=["layers", "segments of layers", "salts", "a holdout and a layer"],
)
def test_assignments_are_independent(one: Experiment, other: Experiment) -> None:
    assert dependence(one, other) > 0.001


def test_experiments_of_one_layer_share_no_unit() -> None:
    one, other = experiment("a", segment=(0.0, 0.5)), experiment("b", segment=(0.5, 1.0))
    check_layers([one, other])
    outside = [(assign(unit, one) == OUTSIDE, assign(unit, other) == OUTSIDE) for unit in UNITS]
    assert set(outside) == {(True, False), (False, True)}


def test_a_holdout_is_in_no_experiment_and_a_smaller_lies_in_a_larger() -> None:
    small, large = experiment("a", holdout=0.1), experiment("b", layer="rank", holdout=0.2)
    held = [{unit for unit in UNITS if assign(unit, each) == HOLDOUT} for each in (small, large)]
    assert held[0] < held[1]
    assert stats.binomtest(len(held[0]), len(UNITS), 0.1).pvalue > 0.001


def test_an_experiment_runs_from_its_start_until_its_stop() -> None:
    first, last = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    timed = experiment(start=first, stop=last)
    assert [timed.is_running(now) for now in (first, last)] == [True, False]
    assert experiment().is_running(first)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arms": ARMS[:1]}, "two or more arms"),
        ({"arms": (ARMS[0], ARMS[0])}, "different names"),
        ({"arms": (Arm(HOLDOUT), Arm("b"))}, "not called"),
        ({"arms": (Arm("a", -1.0), Arm("b"))}, "above 0"),
        ({"segment": (0.5, 0.5)}, "segment"),
        ({"holdout": 1.0}, "holdout"),
        ({"guardrails": (Guardrail("retention", -1.0),)}, "loss of 0 or more"),
        ({"name": ""}, "a name"),
    ],
)
def test_an_experiment_that_cannot_be_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        experiment(**changes)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (experiment("a", layer="rank"), "name 'a'"),
        (experiment("b", salt="a", layer="rank"), "salt 'a'"),
        (experiment("b", segment=(0.4, 0.6)), "expected no overlap"),
    ],
)
def test_experiments_that_would_interfere_are_refused(other: Experiment, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        check_layers([experiment("a", segment=(0.0, 0.5)), other])
