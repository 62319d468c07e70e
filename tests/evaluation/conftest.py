"""Events in a few words, and the real ones where they are present."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

START = datetime(2020, 1, 1, tzinfo=UTC)

MakeEvents = Callable[[Sequence[tuple[str, str, float]]], pl.DataFrame]


def _events(rows: Sequence[tuple[str, str, float]]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "user_id": [row[0] for row in rows],
            "item_id": [row[1] for row in rows],
            "kind": ["play"] * len(rows),
            "value": [None] * len(rows),
            "timestamp": [START + timedelta(hours=row[2]) for row in rows],
        },
        schema_overrides={"timestamp": pl.Datetime("us", "UTC"), "value": pl.Float64},
    ).sort("timestamp", maintain_order=True)


@pytest.fixture
def make_events() -> MakeEvents:
    """Turns (user, item, hours since the start) into a table of plays."""
    return _events


@pytest.fixture
def random_events() -> pl.DataFrame:
    """Two thousand plays with many ties in time, of 60 users and 80 items over 20 days."""
    rng = np.random.default_rng(7)
    users = rng.integers(60, size=2000)
    items = rng.zipf(1.4, 2000) % 80
    hours = np.sort(rng.integers(20 * 24, size=2000))
    rows = zip(users.tolist(), items.tolist(), hours.tolist(), strict=True)
    return _events([(f"u{user}", f"{item:04}", hour) for user, item, hour in rows])
