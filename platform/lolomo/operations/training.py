"""Training as one operation: features as of now, then the pipeline of the wanted tasks."""

from collections.abc import Callable, Sequence
from pathlib import Path

from lolomo.core.settings import Settings

Progress = Callable[[float, str], None]


def train_tasks(settings: Settings, dataset: str, names: Sequence[str], progress: Progress) -> Path:
    """Run the pipeline of the named tasks, and of those they take candidates from.

    Args:
        settings: Where the workspace is.
        dataset: The dataset's name.
        names: Task names; none for all that the data allow.
        progress: Told the fraction done.

    Returns:
        The log of the run.
    """
    from lolomo.training.pipelines import run_locally, with_sources

    return run_locally(with_sources(names), settings.workspace(dataset), dataset, progress)
