"""Training as one operation: features as of now, then the pipeline of the wanted tasks."""

from collections.abc import Sequence
from pathlib import Path

from lolomo.core.errors import DataError, SettingsError
from lolomo.core.progress import Progress
from lolomo.core.settings import Settings, Workspace
from lolomo.core.task import Task


def train_tasks(
    settings: Settings,
    dataset: str,
    names: Sequence[str],
    progress: Progress,
    quick: bool = False,
) -> Path:
    """Run the pipeline of the named tasks, and of those they take candidates from.

    Args:
        settings: Where the workspace is.
        dataset: The dataset's name.
        names: Task names; none for all that the data allow.
        progress: Told the fraction done.
        quick: Whether to learn from less, by the models' quick configs.

    Returns:
        The log of the run.

    Raises:
        DataError: If the data allow no task; what single tasks lack is printed.
    """
    from lolomo.training.pipelines import run_locally, with_sources

    workspace = settings.workspace(dataset)
    possible = possible_tasks(workspace, [task.name for task in with_sources(names)])
    return run_locally(list(possible.values()), workspace, dataset, progress, quick)


def possible_tasks(workspace: Workspace, names: Sequence[str]) -> dict[str, Task]:
    """Return the tasks that the data allow, by name; print why the others are skipped.

    Raises:
        DataError: If the data allow none.
    """
    from lolomo.events import EventLog
    from lolomo.tasks import find_task

    columns = EventLog(workspace.events).manifest.columns
    possible, skipped = split_by_needs([find_task(name) for name in names], columns)
    for task, reason in skipped.items():
        print(f"skipped {task}: {reason}")  # noqa: T201
    if not possible:
        raise DataError(f"no task can be trained on these data: {skipped}")
    return {task.name: task for task in possible}


def wanted_models(task: str | None, models: Sequence[str]) -> dict[str, list[str]]:
    """Return the models to train by task, a task after those it takes candidates from.

    Args:
        task: A task's name; None for all tasks.
        models: Names of models, or `all` for every model with a role in a task.

    Raises:
        SettingsError: If models of no task are named.
    """
    from lolomo.tasks import all_tasks, find_task
    from lolomo.training.models import models_for
    from lolomo.training.pipelines.pipeline import in_order

    if EVERY_MODEL in models:
        tasks = [find_task(task)] if task else list(all_tasks().values())
        return {
            each.name: [model.name for model in models_for(each.name, alternatives=True)]
            for each in in_order(tasks)
        }
    if task is None:
        raise SettingsError(
            f"received models {list(models)} of no task: name the task they are to be fitted for"
        )
    return {task: list(models)}


EVERY_MODEL = "all"


def split_by_needs(
    tasks: Sequence[Task], columns: frozenset[str]
) -> tuple[list[Task], dict[str, str]]:
    """Return the tasks that a dataset allows, and why it does not allow the others.

    Args:
        tasks: With their sources.
        columns: What the dataset has.
    """
    skipped = {
        task.name: f"it needs {', '.join(task.missing(columns))}, which the data do not have"
        for task in tasks
        if task.missing(columns)
    }
    for task in tasks:
        absent = [source for source in task.candidates_from if source in skipped]
        if absent and task.name not in skipped:
            skipped[task.name] = f"its candidates come from {', '.join(absent)}, which is skipped"
    return [task for task in tasks if task.name not in skipped], skipped


def submit_training(settings: Settings, dataset: str, names: Sequence[str]) -> str:
    """Start the same pipeline on the cluster of `settings.pipelines_endpoint`; return the run's id.

    Raises:
        SettingsError: If no endpoint is set.
    """
    from lolomo.training.pipelines import Endpoint, Placement, submit, with_sources

    if settings.pipelines_endpoint is None:
        raise SettingsError("no cluster is named: set KF_PIPELINES_ENDPOINT, or pass --endpoint")
    placement = Placement(image=settings.image)
    endpoint = Endpoint(
        settings.pipelines_endpoint, settings.pipelines_namespace, settings.pipelines_token
    )
    return submit(with_sources(names), dataset, endpoint, placement)
