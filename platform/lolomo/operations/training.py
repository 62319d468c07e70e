"""Training as one operation: features as of now, then the pipeline of the wanted tasks."""

from collections.abc import Sequence
from pathlib import Path

from lolomo.core.errors import DataError, SettingsError
from lolomo.core.progress import Progress
from lolomo.core.settings import Settings
from lolomo.core.task import Task


def train_tasks(settings: Settings, dataset: str, names: Sequence[str], progress: Progress) -> Path:
    """Run the pipeline of the named tasks, and of those they take candidates from.

    Args:
        settings: Where the workspace is.
        dataset: The dataset's name.
        names: Task names; none for all that the data allow.
        progress: Told the fraction done.

    Returns:
        The log of the run.

    Raises:
        DataError: If the data allow no task; what single tasks lack is printed.
    """
    from lolomo.events import EventLog
    from lolomo.training.pipelines import run_locally, with_sources

    workspace = settings.workspace(dataset)
    possible, skipped = split_by_needs(
        with_sources(names), EventLog(workspace.events).manifest.columns
    )
    for task, reason in skipped.items():
        print(f"skipped {task}: {reason}")  # noqa: T201
    if not possible:
        raise DataError(f"no task can be trained on {dataset}: {skipped}")
    return run_locally(possible, workspace, dataset, progress)


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
