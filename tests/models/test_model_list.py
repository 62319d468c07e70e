"""The list of models."""

import subprocess
import sys

import pytest

from lolomo.core.errors import ModelError
from lolomo.tasks import all_tasks
from lolomo.training.models import Role, all_models, find_model, models_for


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
