"""The list of models."""

import subprocess
import sys
from typing import Any

import pytest

from lolomo.core.errors import ModelError
from lolomo.tasks import all_tasks
from lolomo.training.models import (
    Choice,
    Ease,
    Model,
    Range,
    Role,
    all_models,
    config_from,
    find_model,
    models_for,
)


def test_importing_the_models_imports_no_framework() -> None:
    code = (
        "import sys, lolomo.training.models;"
        "print(sorted({'tensorflow', 'keras', 'lightgbm', 'feast', 'kfp'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("task", all_tasks())
def test_each_task_has_a_baseline_and_a_challenger(task: str) -> None:
    roles = [model.roles[task] for model in models_for(task)]
    assert roles[0] == Role.BASELINE
    assert Role.CHALLENGER in roles


def test_roles_are_of_known_tasks() -> None:
    assert {task for model in all_models().values() for task in model.roles} <= all_tasks().keys()


def test_an_unknown_model_is_refused_by_name() -> None:
    with pytest.raises(ModelError, match="item_knn"):
        find_model("no_such_model")


@pytest.mark.parametrize("task", all_tasks())
def test_alternatives_come_last_and_only_when_asked_for(task: str) -> None:
    asked, usual = models_for(task, alternatives=True), models_for(task)
    assert asked[: len(usual)] == usual
    assert {model.roles[task] for model in asked[len(usual) :]} <= {Role.ALTERNATIVE}
    assert set(asked) == {model for model in all_models().values() if task in model.roles}


@pytest.mark.parametrize(
    ("given", "kept"), [({"l2": 3}, (3.0,)), ({"l2": [3, 4.5]}, (3.0, 4.5)), ({}, Ease.Config().l2)]
)
def test_values_of_a_config_become_of_its_kind(given: dict[str, object], kept: object) -> None:
    assert config_from(Ease, given).l2 == kept


@pytest.mark.parametrize("value", ["many", 1.5, True, None])
def test_a_value_of_another_kind_is_refused(value: object) -> None:
    with pytest.raises(ModelError, match=r"ease\.neighbours: expected a value like"):
        config_from(Ease, {"neighbours": value})


@pytest.mark.parametrize("model", all_models().values(), ids=lambda model: model.name)
def test_where_to_look_for_settings_lies_within_the_config(model: type[Model[Any]]) -> None:
    for field, space in model.space.items():
        for value in space.values if isinstance(space, Choice) else (space.low, space.high):
            assert config_from(model, {field: value})


@pytest.mark.parametrize(("low", "high", "log"), [(2, 1, False), (1, 1, False), (0, 1, True)])
def test_a_range_without_anything_in_it_is_refused(low: float, high: float, log: bool) -> None:
    with pytest.raises(ModelError, match="expected the lower"):
        Range(low, high, log)
