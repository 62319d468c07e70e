"""A dataset that the project has never seen, as small as can be, by a mapping file."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from lolomo.core.progress import silent
from lolomo.core.settings import Settings
from lolomo.operations.datasets import ready_dataset

MAPPING = """\
name = "tiny"

[events]
path = "plays.csv"
kind = "play"

[events.columns]
user_id = "user"
item_id = "item"
timestamp = "time"
"""
NUM_EVENTS, NUM_USERS, NUM_ITEMS = 600, 20, 25


def write_plays(path: Path) -> None:
    """Write plays of users who like every second title, over a month."""
    rng = np.random.default_rng(5)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    lines = ["user,item,time"]
    for number in range(NUM_EVENTS):
        user = rng.integers(NUM_USERS)
        item = 2 * rng.integers(NUM_ITEMS // 2 + 1) + (user % 2)
        lines.append(f"u{user},i{item:02d},{(start + timedelta(hours=1.2 * number)).isoformat()}")
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def tiny_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with the dataset `tiny`, imported and with its features built."""
    folder = tmp_path_factory.mktemp("tiny")
    write_plays(folder / "plays.csv")
    (folder / "mapping.toml").write_text(MAPPING)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOLOMO_HOME", str(folder / "home"))
        settings = Settings.from_environment()
        assert ready_dataset(settings, str(folder / "mapping.toml"), silent) == "tiny"
    return folder / "home"


@pytest.fixture(scope="module")
def tiny(tiny_home: Path) -> Iterator[Settings]:
    """Let a module's tests work where the dataset `tiny` is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOLOMO_HOME", str(tiny_home))
        yield Settings.from_environment()
