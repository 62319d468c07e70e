"""Learning from one's own pages: each remedy does what it says, and the study tells of it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from lolomo.cli import lolomo
from lolomo.core.errors import ModelError, SettingsError
from lolomo.operations.feedback import FeedbackPlan, run_study
from lolomo.training.corrections import (
    Corrections,
    Examples,
    Negatives,
    fit,
    impression_weights,
)

NOTHING = Examples(
    item=np.zeros(0, np.int64),
    features=np.zeros((0, 1)),
    played=np.zeros(0),
    weight=np.zeros(0),
    slot=np.zeros(0, np.int64),
)
SHOWN = Corrections(negatives=Negatives.SHOWN)


def favoured() -> Examples:
    """Return impressions of two titles as good as each other, one of which mostly stood on top."""
    rng = np.random.default_rng(3)
    item = rng.integers(0, 2, 20_000)
    slot = np.where(rng.random(20_000) < 0.9, item, 1 - item)
    played = rng.random(20_000) < np.where(slot == 0, 0.4, 0.1)
    ones = np.ones(20_000)
    return Examples(
        item=item, features=ones[:, None], played=played.astype(float), weight=ones, slot=slot
    )


@pytest.mark.parametrize(("head", "low", "high"), [(False, 1.0, 3.0), (True, -0.15, 0.15)])
def test_a_position_head_takes_the_place_out_of_the_title(
    head: bool, low: float, high: float
) -> None:
    model = fit(favoured(), NOTHING, (2, 2), replace(SHOWN, position_head=head))
    assert low < model.items[0] - model.items[1] < high


def test_a_seldom_shown_title_counts_more_but_not_without_bounds() -> None:
    weights = impression_weights(
        np.array([0.5] * 98 + [0.05, 1e-6]), replace(SHOWN, propensity_weights=True)
    )
    assert weights.mean() == pytest.approx(1.0)
    assert weights[-1] / weights.mean() <= 100
    assert impression_weights(np.array([0.5, 0.01]), SHOWN).tolist() == [1.0, 1.0]


def test_organic_plays_have_the_share_that_they_are_given() -> None:
    page, organic = favoured(), replace(favoured(), played=1 - favoured().played)
    alone = [fit(page, organic, (2, 2), replace(SHOWN, organic_weight=w)) for w in (0.0, 0.5, 1.0)]
    levels = [model.weights[0] for model in alone]
    assert levels[0] < levels[1] < levels[2]


def test_remedies_that_read_impressions_are_refused_without() -> None:
    with pytest.raises(ModelError, match=r"Negatives\.SHOWN"):
        Corrections(position_head=True)


def test_an_unknown_arm_is_refused() -> None:
    with pytest.raises(SettingsError, match="expected some of"):
        run_study(FeedbackPlan(arms=("prayer",)))


def test_the_command_tells_of_every_arm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LOLOMO_HOME", str(tmp_path))
    arguments = ["--seeds", "1", "--retrainings", "2", "--members", "100", "--json"]
    arms = ["--arm", "catalogue negatives", "--arm", "all four"]
    result = CliRunner().invoke(lolomo, ["report", "feedback-loop", *arguments, *arms])
    told = json.loads(result.stdout)
    assert told["label"] == "simulated"
    assert set(told["arms"]) == {"catalogue negatives", "all four"}
    assert (tmp_path / "reports" / "feedback-loop.png").exists()
