import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from lolomo.core.errors import ModelError
from lolomo.core.release import Release
from lolomo.core.settings import Settings
from lolomo.training.models import all_models
from lolomo.training.pipelines.candidate import Candidate, load_candidate
from lolomo.training.pipelines.context import StepContext
from lolomo.training.pipelines.prepare import prepare
from lolomo.training.pipelines.release import publish
from lolomo.training.pipelines.train import FitOptions, train

TASK, MODEL = "next_play", "recent_popularity"
VALIDATION = FitOptions(cuts=("validation",))


@pytest.fixture(scope="module")
def prepared(tiny: Settings) -> str:
    return prepare(TASK, "tiny", [])


@pytest.fixture(scope="module")
def runs(tiny: Settings) -> Path:
    return tiny.workspace("tiny").runs


def fits_of(runs: Path, key: str) -> dict[str, str]:
    return dict(Candidate.read(runs / key).fits)


def test_a_fit_at_one_cut_is_shared_with_whoever_asks_for_more(runs: Path, prepared: str) -> None:
    one = fits_of(runs, train(TASK, "tiny", MODEL, prepared, VALIDATION))
    all_of_them = fits_of(runs, train(TASK, "tiny", MODEL, prepared))
    assert one.keys() == {"validation"}
    assert all_of_them.keys() == {"warm_up", "stacking", "validation", "test"}
    assert all_of_them["validation"] == one["validation"]


def test_a_candidate_says_how_it_was_fitted_and_can_be_loaded(runs: Path, prepared: str) -> None:
    options = replace(VALIDATION, seed=4, config={"queries_per_batch": 7})
    folder = runs / train(TASK, "tiny", MODEL, prepared, options)
    candidate = Candidate.read(folder)
    assert (candidate.seed, candidate.config["queries_per_batch"]) == (4, 7)
    assert candidate.fit_seconds["validation"] > 0
    assert load_candidate(folder, "validation").inputs == candidate.exports["validation"].inputs


@pytest.mark.parametrize(
    "other",
    [replace(VALIDATION, seed=2), replace(VALIDATION, config={"queries_per_batch": 7})],
)
def test_another_seed_or_config_is_another_fit(
    runs: Path, prepared: str, other: FitOptions
) -> None:
    keys = [train(TASK, "tiny", MODEL, prepared, options) for options in (VALIDATION, other)]
    assert fits_of(runs, keys[0]) != fits_of(runs, keys[1])


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("nobody", VALIDATION, "received model 'nobody'.*expected one of.*'item_knn'"),
        ("lightgbm_ranker", VALIDATION, "received model 'lightgbm_ranker'"),
        (MODEL, FitOptions(cuts=("tomorrow",)), r"received cuts \['tomorrow'\]"),
        (MODEL, FitOptions(config={"size": 1}), "has no fields"),
    ],
)
def test_what_cannot_be_fitted_is_refused(
    prepared: str, model: str, options: FitOptions, message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        train(TASK, "tiny", model, prepared, options)


@pytest.fixture(scope="module")
def former(runs: Path, prepared: str) -> Release:
    """Return a release, fitted before the test window."""
    key = train(TASK, "tiny", MODEL, prepared)
    return publish(StepContext.open(TASK, "tiny"), key, {}, {})


def test_a_model_that_is_fitted_anew_does_not_go_on(former: Release, prepared: str) -> None:
    with pytest.raises(ModelError, match="fitted anew on all events"):
        train(TASK, "tiny", MODEL, prepared, FitOptions(continue_from=former.digest))


def test_nothing_goes_on_from_a_release_of_another_model(former: Release, prepared: str) -> None:
    with pytest.raises(ModelError, match="expected a release of next_play/sasrec"):
        train(TASK, "tiny", "sasrec", prepared, FitOptions(continue_from=former.digest))


def test_a_card_states_the_seed(former: Release) -> None:
    assert former.card.seed == FitOptions().seed
    assert json.loads(former.card.to_json())["continued_from"] == ""


def test_a_quick_run_learns_from_some_queries_and_is_judged_on_all(
    runs: Path, prepared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lolomo.training.pipelines.prepare.QUICK_QUERIES", 5)
    context, quick = StepContext.open(TASK, "tiny"), prepare(TASK, "tiny", [], quick=True)

    def count(file: Path) -> int:
        return pl.read_parquet(file).height

    for window in ("warm_up", "stacking", "validation"):
        assert 0 < count(context.learned_file(quick, window)) <= 5
        assert count(context.learned_file(prepared, window)) > 5
    for window in ("validation", "test"):
        whole = context.queries_file(prepared, window)
        assert count(context.queries_file(quick, window)) == count(whole)


def test_a_quick_fit_is_by_the_quick_config_unless_told_otherwise(
    runs: Path, prepared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(all_models()[MODEL], "quick", {"queries_per_batch": 5})
    for config, expected in (({}, 5), ({"queries_per_batch": 9}, 9)):
        options = replace(VALIDATION, quick=True, config=config)
        candidate = Candidate.read(runs / train(TASK, "tiny", MODEL, prepared, options))
        assert candidate.config["queries_per_batch"] == expected
