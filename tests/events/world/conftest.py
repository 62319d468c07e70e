"""One small world that has run for a few days."""

import polars as pl
import pytest
from events.world.tiny_world import run, small


@pytest.fixture(scope="session")
def log() -> pl.DataFrame:
    return run(small())
