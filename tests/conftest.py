"""A dataset that the project has never seen, as small as can be, by a mapping file."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from mapping_files import play, workspace_of, write_dataset

from lolomo.core.settings import Settings

NUM_EVENTS, NUM_USERS, NUM_ITEMS = 600, 20, 25


def _plays() -> Iterator[str]:
    """Yield plays of users who like every second title, over a month."""
    rng = np.random.default_rng(5)
    for number in range(NUM_EVENTS):
        user = int(rng.integers(NUM_USERS))
        item = 2 * int(rng.integers(NUM_ITEMS // 2 + 1)) + (user % 2)
        yield play(user, item, timedelta(hours=1.2 * number))


@pytest.fixture(scope="session")
def tiny_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with the dataset `tiny`, imported and with its features built."""
    mapping = write_dataset(tmp_path_factory.mktemp("tiny"), "tiny", _plays())
    with workspace_of(mapping) as settings:
        return settings.home


@pytest.fixture(scope="module")
def tiny(tiny_home: Path) -> Iterator[Settings]:
    """Let a module's tests work where the dataset `tiny` is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOLOMO_HOME", str(tiny_home))
        yield Settings.from_environment()
