"""A world is a dataset like any other."""

from pathlib import Path

import pytest
from events.world.tiny_world import small

from lolomo.core.settings import Settings
from lolomo.events import EventLog, find_dataset, import_dataset
from lolomo.events.datasets.simulated import simulated


def test_a_world_is_imported_without_a_refused_row(tmp_path: Path) -> None:
    settings = Settings(tmp_path, "own", None)
    manifest = import_dataset(simulated(small(), 3, "simulated-small"), settings)
    assert (manifest.num_quarantined, manifest.num_items) == (0, 200)
    assert {"propensity", "progress", "session_id", "position", "genres"} <= manifest.columns
    assert EventLog(settings.workspace("simulated-small").events).events().height > 5_000
    again = import_dataset(simulated(small(), 3, "simulated-small"), settings)
    assert again == manifest


@pytest.mark.parametrize(
    ("name", "described"),
    [
        ("simulated", "seed 1: what is seen"),
        ("simulated-cascade", "seed 1: members look"),
        ("simulated-novelty-seeking-7", "seed 7: members tire"),
        ("simulated-0", "seed 0: what is seen"),
    ],
)
def test_worlds_and_seeds_have_names(name: str, described: str) -> None:
    dataset = find_dataset(name)
    assert dataset.name == name
    assert described in dataset.description
