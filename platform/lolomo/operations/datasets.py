"""A dataset made ready to work on: events imported, features built."""

from pathlib import Path

from lolomo.core.progress import Progress, part_of
from lolomo.core.settings import Settings


def ready_dataset(settings: Settings, dataset: str, progress: Progress) -> str:
    """Import a dataset, build its features and register them, as far as that has not been done.

    Args:
        settings: Where the workspace is.
        dataset: A dataset's name, or the path of a mapping file.
        progress: Told the fraction done.

    Returns:
        The dataset's name.

    Raises:
        DataError: If the dataset is unknown, or its source cannot be had or read.
    """
    from lolomo.events import EventLog, find_dataset, import_dataset
    from lolomo.features import FeatureStore
    from lolomo.tasks import all_tasks

    name = dataset
    if Path(dataset).suffix == ".toml" or not settings.workspace(dataset).events.is_dir():
        source = find_dataset(dataset)
        import_dataset(source, settings, part_of(progress, 0, 2, "events"))
        name = source.name
    workspace = settings.workspace(name)
    store = FeatureStore(workspace)
    store.build(EventLog(workspace.events), part_of(progress, 1, 2, "features"))
    store.apply(list(all_tasks().values()))
    return name
