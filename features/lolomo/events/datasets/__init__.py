"""The built-in datasets, one file each, those that installed packages add, and the user's own.

Adding a dataset is one module here and one line below. Data of one's own need no code: see
`mapping`.
"""

from pathlib import Path

from lolomo.core.errors import SettingsError
from lolomo.core.extensions import with_extensions
from lolomo.events.dataset import Dataset
from lolomo.events.datasets.mapping import read_mapping
from lolomo.events.datasets.movielens_100k import MOVIELENS_100K
from lolomo.events.datasets.movietweetings_100k import MOVIETWEETINGS_100K
from lolomo.events.datasets.open_bandit import OPEN_BANDIT
from lolomo.events.datasets.simulated import SIMULATED, find_simulated

__all__ = [
    "MOVIELENS_100K",
    "MOVIETWEETINGS_100K",
    "OPEN_BANDIT",
    "SIMULATED",
    "all_datasets",
    "find_dataset",
    "read_mapping",
]

BUILT_IN = (MOVIELENS_100K, MOVIETWEETINGS_100K, OPEN_BANDIT, *SIMULATED)


def all_datasets() -> dict[str, Dataset]:
    """Return every dataset by name: built in first, then those found through `lolomo.datasets`."""
    return with_extensions("lolomo.datasets", BUILT_IN, lambda dataset: dataset.name)


def find_dataset(name_or_mapping_path: str) -> Dataset:
    """Return a dataset by its name, or the one that a mapping file describes.

    A folder stands for the `mapping.toml` in it, `simulated-<world>-<seed>` for a world and seed.

    Raises:
        SettingsError: If there is none of that name, or the mapping file is malformed.
    """
    datasets = all_datasets()
    if name_or_mapping_path in datasets:
        return datasets[name_or_mapping_path]
    found = find_simulated(name_or_mapping_path)
    if found is not None:
        return found
    path = Path(name_or_mapping_path)
    if (path / "mapping.toml").is_file():
        return read_mapping(path / "mapping.toml")
    if path.suffix == ".toml":
        return read_mapping(path)
    raise SettingsError(
        f"no dataset is called {name_or_mapping_path!r}; expected one of {sorted(datasets)} or the "
        "path of a mapping file in .toml"
    )
