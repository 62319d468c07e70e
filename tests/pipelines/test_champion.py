"""A champion of another recipe than the run's, as it is compared with challengers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import polars as pl
import pytest

from lolomo.core.release import Release
from lolomo.core.settings import Settings
from lolomo.evaluation import Contender
from lolomo.training.models import SASRec, config_from, find_model
from lolomo.training.models.sasrec import SASRecConfig
from lolomo.training.pipelines.champion import (
    Champion,
    _whole,
    champion_contender,
    fit_beside,
    recipe_of,
)
from lolomo.training.pipelines.context import StepContext
from lolomo.training.pipelines.evaluate import evaluate
from lolomo.training.pipelines.gate import gate
from lolomo.training.pipelines.judge import METRICS, judge
from lolomo.training.pipelines.prepare import prepare
from lolomo.training.pipelines.release import publish
from lolomo.training.pipelines.steps import only_what_is_done
from lolomo.training.pipelines.train import FitOptions, train
from lolomo.training.pipelines.verdict import read_verdict

TASK, MODEL = "next_play", "item_knn"
OF_OLD = {"neighbours": 2}
"""What was the default when the champion was fitted."""


@dataclass
class Stage:
    """A task whose champion has another config than today's default."""

    context: StepContext
    prepared: str
    release: Release

    def champion(self, changes: Mapping[str, Any], config: Mapping[str, Any]) -> Champion:
        """Return the champion, its card changed, beside the same model of another config."""
        recipe = recipe_of(MODEL, asdict(config_from(find_model(MODEL), config)))
        beside = {MODEL: Contender(MODEL, pl.DataFrame(), recipe)}
        release = replace(self.release, card=replace(self.release.card, **changes))
        champion = champion_contender(self.context, release, beside, self.prepared)
        assert champion is not None
        return champion

    def judged(self, **options: Any) -> pl.DataFrame:
        """Return what the model reaches on validation, fitted before it."""
        options = {"cuts": ("validation",), **options}
        fit = train(TASK, "tiny", MODEL, self.prepared, FitOptions(**options))
        step = judge(TASK, "tiny", self.prepared, fit, "validation")
        return pl.read_parquet(self.context.outcome(step) / METRICS)


@pytest.fixture(scope="module")
def stage(tiny: Settings) -> Stage:
    context, prepared = StepContext.open(TASK, "tiny"), prepare(TASK, "tiny", [])
    options = FitOptions(config=OF_OLD, cuts=("test",))
    fit = train(TASK, "tiny", MODEL, prepared, options)
    return Stage(context, prepared, publish(context, fit, {}, {}))


def test_a_recipe_that_is_not_the_runs_is_fitted_anew_before_validation(stage: Stage) -> None:
    champion = stage.champion({}, {})
    assert champion.contender.per_query.equals(stage.judged(config=OF_OLD))
    assert not champion.contender.per_query.equals(stage.judged())
    assert (champion.step.startswith("judge-"), champion.note) == (True, "")
    assert champion.load is not None
    assert champion.load().inputs == stage.release.card.inputs


def test_a_gate_compares_with_it_once_and_releases_it_never(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lolomo.training.pipelines.gate.champion_of", lambda _: stage.release)
    both = FitOptions(cuts=("validation", "test"))
    fitted = train(TASK, "tiny", MODEL, stage.prepared, both)
    evaluation = evaluate(TASK, "tiny", stage.prepared, [fitted])
    decided = gate(TASK, "tiny", evaluation)
    with only_what_is_done():
        assert gate(TASK, "tiny", evaluation) == decided
    assert read_verdict(stage.context.outcome(decided)).candidate == fitted


@pytest.mark.parametrize(
    ("config", "model", "is_fitted"),
    [
        ({"neighbours": 3}, MODEL, True),
        ({"neighbours": 4}, "of_another_time", False),
        ({"neighbours": 100}, MODEL, False),
        ({"neighbours": "few"}, MODEL, False),
    ],
)
def test_it_is_fitted_beside_its_own_model_where_that_has_changed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, config: Any, model: str, is_fitted: bool
) -> None:
    release = replace(stage.release, card=replace(stage.release.card, model=model, config=config))
    monkeypatch.setattr("lolomo.training.pipelines.champion.champion_of", lambda _: release)
    fitted = train(TASK, "tiny", MODEL, stage.prepared, FitOptions(cuts=("validation",)))
    before = set(stage.context.workspace.runs.iterdir())
    fit_beside(TASK, "tiny", [fitted], stage.prepared)
    assert (set(stage.context.workspace.runs.iterdir()) > before) == is_fitted


@pytest.mark.parametrize("dropped", [(), ("neighbours",)])
def test_the_runs_own_recipe_is_not_fitted_again(stage: Stage, dropped: tuple[str, ...]) -> None:
    config = {key: value for key, value in stage.release.card.config.items() if key not in dropped}
    champion = stage.champion({"config": config}, {} if dropped else OF_OLD)
    assert champion.contender.per_query.is_empty()
    assert (champion.load, champion.step, champion.note) == (None, "", "")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model": "of_another_time"}, "received model 'of_another_time'"),
        ({"config": {"of_another_time": 1}}, "has no fields ['of_another_time']"),
        ({"config": {"neighbours": "few"}}, "received 'few'"),
    ],
)
def test_what_todays_code_cannot_fit_is_judged_as_it_serves_and_said_so(
    stage: Stage, changes: Mapping[str, Any], reason: str
) -> None:
    champion = stage.champion(changes, {})
    assert "as it serves, which favours it" in champion.note
    assert reason in champion.note
    assert not champion.contender.per_query.equals(stage.judged(config=OF_OLD))


@pytest.mark.parametrize(
    ("more", "whole"),
    [
        ({}, asdict(SASRecConfig())),
        ({"dropout": 0.1}, {**asdict(SASRecConfig()), "dropout": 0.1}),
        ({"epochs": 9}, None),
    ],
)
def test_what_was_fitted_quickly_stands_for_the_whole_recipe(
    more: dict[str, Any], whole: dict[str, Any] | None
) -> None:
    config = asdict(config_from(SASRec, {**SASRec.quick, **more}))
    assert _whole("sasrec", config) == (whole or config)
    assert _whole("a model of another time", config) == config
