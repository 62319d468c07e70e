from pathlib import Path
from typing import Any

import pytest

from lolomo.core.errors import ModelError
from lolomo.core.progress import silent
from lolomo.core.settings import Settings
from lolomo.operations.tuning import Tuned, Tuning, tune
from lolomo.training.models import Choice, Range

TUNING = Tuning(
    task="next_play",
    model="item_knn",
    space={"neighbours": Choice((5, 10)), "shrinkage": Range(1.0, 50.0, log=True)},
    fixed={"window": 5, "prior_days": 3.0, "memory_days": 60.0},
)


class KilledError(Exception):
    """What a kill looks like from within."""


def killed_in(trial: int) -> Any:
    def progress(fraction: float, message: str) -> None:
        if message.startswith(f"{trial}/"):
            raise KilledError

    return progress


@pytest.fixture(scope="module")
def tuned(tiny: Settings) -> Tuned:
    """Return a search of three trials that was killed in its second."""
    with pytest.raises(KilledError):
        tune("tiny", TUNING, 3, killed_in(2))
    return tune("tiny", TUNING, 3, silent)


def test_a_killed_search_goes_on_and_repeats_no_finished_trial(tuned: Tuned) -> None:
    assert (tuned.num_new, len(tuned.values)) == (2, 3)


def test_a_finished_search_has_nothing_to_do(tuned: Tuned) -> None:
    again = tune("tiny", TUNING, 3, silent)
    assert again.num_new == 0
    assert again.settings == tuned.settings


def test_the_best_settings_lie_in_the_space(tuned: Tuned) -> None:
    assert tuned.value == max(tuned.values)
    assert tuned.settings["neighbours"] in (5, 10)
    assert 1.0 <= tuned.settings["shrinkage"] <= 50.0


def test_the_course_is_drawn(tuned: Tuned) -> None:
    assert tuned.figure.read_bytes().startswith(b"\x89PNG")


def test_each_trial_is_a_run_below_the_search(tuned: Tuned, tiny: Settings) -> None:
    from mlflow import MlflowClient

    database = tiny.workspace("tiny").tracking / "mlflow.db"
    client = MlflowClient(f"sqlite:///{database}")
    runs = client.search_runs([client.get_experiment_by_name("next_play").experiment_id])
    parents = [run for run in runs if run.info.run_name.startswith("tune next_play-item_knn")]
    trials = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    assert len(parents) == 1
    assert len(trials) == len(set(tuned.values)) == 3
    assert {run.data.tags["mlflow.parentRunId"] for run in trials} == {parents[0].info.run_id}


def test_nothing_is_judged_in_the_test_window(tuned: Tuned, tiny: Settings) -> None:
    runs: Path = tiny.workspace("tiny").runs
    before = set(runs.glob("judge-*-test-*"))
    tune("tiny", TUNING, 4, silent)
    assert list(runs.glob("judge-*-validation-*"))
    assert set(runs.glob("judge-*-test-*")) == before


@pytest.mark.parametrize(
    ("tuning", "message"),
    [
        (Tuning(task="next_play", model="recent_popularity"), "does not say where to look"),
        (Tuning(task="next_play", model="ease", space={"x": Range(1, 2)}), "no fields"),
        (Tuning(task="next_play", model="nobody"), "no model is called"),
    ],
)
def test_a_search_for_nothing_is_refused(tiny: Settings, tuning: Tuning, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        tune("tiny", tuning, 1, silent)
