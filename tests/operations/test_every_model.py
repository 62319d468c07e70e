"""Data that the project has never seen go through every model without a change of code."""

from dataclasses import fields
from typing import Any

import pytest

from lolomo.core.settings import Settings
from lolomo.operations.training import possible_tasks
from lolomo.tasks import all_tasks
from lolomo.training.models import Model, all_models
from lolomo.training.pipelines.contest import Entrant, enter

QUICK = {
    "epochs": 1,
    "embedding_dim": 8,
    "history_length": 5,
    "max_trees": 5,
    "num_snapshots": 4,
    "iterations": 1,
    "rounds": 1,
    "dim": 8,
}
"""Small values of fields that decide how long a fit takes."""


def quick_config(model: type[Model[Any]]) -> dict[str, Any]:
    """Return a config that fits fast: small sizes, one epoch, nothing to choose from."""
    config: dict[str, Any] = {}
    for entry in fields(model.Config):
        value = getattr(model.Config(), entry.name)
        if entry.name in QUICK:
            config[entry.name] = QUICK[entry.name]
        elif isinstance(value, tuple) and value:
            config[entry.name] = value[:1]
    return config


@pytest.fixture(scope="module")
def possible(tiny: Settings) -> set[str]:
    """Return the tasks that ids and times alone allow."""
    return set(possible_tasks(tiny.workspace("tiny"), list(all_tasks())))


def test_only_tasks_that_need_more_than_ids_and_times_are_skipped(possible: set[str]) -> None:
    skipped = [task for name, task in all_tasks().items() if name not in possible]
    assert all(task.needs or task.candidates_from for task in skipped)
    assert possible >= {"next_play", "because_you_watched", "trending_now", "top_picks"}


@pytest.mark.parametrize("model", all_models().values(), ids=lambda model: model.name)
def test_a_model_is_fitted_and_judged_on_ids_and_times_alone(
    possible: set[str], model: type[Model[Any]]
) -> None:
    tasks = [task for task in model.roles if task in possible]
    if not tasks:
        pytest.skip(f"its tasks {sorted(model.roles)} need more than these data have")
    entrant = Entrant(task=tasks[0], model=model.name, config=quick_config(model))
    result = enter("tiny", entrant, "validation").result
    reached = result.metrics[all_tasks()[tasks[0]].gate.metric]
    assert 0 <= reached.low <= reached.mean <= reached.high <= 1
