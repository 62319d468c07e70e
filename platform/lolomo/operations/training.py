"""Training as one operation: features as of now, then the pipeline of the wanted tasks."""

from collections.abc import Sequence
from pathlib import Path

from lolomo.core.errors import SettingsError
from lolomo.core.progress import Progress
from lolomo.core.settings import Settings


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
