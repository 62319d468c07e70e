"""A small synthetic log, and a feature store over it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from lolomo.core import tables
from lolomo.core.settings import Workspace
from lolomo.features import FeatureStore
from lolomo.tasks import all_tasks

START = datetime(2020, 1, 1, tzinfo=UTC)
CUT = START + timedelta(days=40, hours=7)


@dataclass(frozen=True)
class Manifest:
    fingerprint: str


@dataclass(frozen=True)
class SyntheticLog:
    """What `lolomo.events.EventLog` offers, from memory."""

    table: pl.DataFrame
    catalogue: pl.DataFrame
    members: pl.DataFrame
    manifest: Manifest

    def events(self, start: datetime | None = None, end: datetime | None = None) -> pl.DataFrame:
        return self.table

    def items(self) -> pl.DataFrame:
        return self.catalogue

    def users(self) -> pl.DataFrame:
        return self.members


def schema_of(arrow_schema: object) -> dict[str, pl.DataType]:
    return dict(pl.from_arrow(arrow_schema.empty_table()).schema)  # type: ignore[attr-defined,union-attr]


def synthetic_events(num_events: int = 600, seed: int = 0) -> pl.DataFrame:
    """Events of 12 users and 15 items over 60 days, with ties, impressions and missing values."""
    rng = np.random.default_rng(seed)
    seconds = np.sort(rng.integers(0, 60 * 24, num_events)) * 3600
    kinds = rng.choice(["play", "rate", "impression"], num_events, p=[0.5, 0.3, 0.2])
    rows = {
        "event_id": [f"e{number}" for number in range(num_events)],
        "user_id": [f"u{number}" for number in rng.integers(0, 12, num_events)],
        "item_id": [f"i{number:02}" for number in rng.zipf(1.5, num_events) % 15],
        "kind": kinds.tolist(),
        "value": [
            float(value) if kind == "rate" else None
            for kind, value in zip(kinds, rng.integers(1, 6, num_events), strict=True)
        ],
        "timestamp": [START + timedelta(seconds=int(second)) for second in seconds],
    }
    schema = schema_of(tables.EVENTS)
    missing = {name: [None] * num_events for name in schema if name not in rows}
    return pl.DataFrame(rows | missing, schema=schema)


def synthetic_log(events: pl.DataFrame | None = None) -> SyntheticLog:
    events = synthetic_events() if events is None else events
    items = pl.DataFrame(
        {
            "item_id": [f"i{number:02}" for number in range(17)],
            "title": [None if number == 3 else f"Title {number}" for number in range(17)],
            "genres": [["Drama", "War"][: number % 3] for number in range(17)],
            "release_year": [None if number == 5 else 1990 + number for number in range(17)],
            "duration_seconds": [None] * 17,
        },
        schema=schema_of(tables.ITEMS),
    )
    users = pl.DataFrame(
        {
            "user_id": [f"u{number}" for number in range(14)],
            "age": [None if number == 2 else 20 + number for number in range(14)],
            "gender": ["f", "m", None, "x"] * 3 + ["f", "m"],
            "occupation": ["writer"] * 14,
        },
        schema=schema_of(tables.USERS),
    )
    fingerprint = str(events.hash_rows().sum())
    return SyntheticLog(events, items, users, Manifest(fingerprint))


LogFactory = Callable[..., SyntheticLog]
StoreFactory = Callable[[SyntheticLog], FeatureStore]


@pytest.fixture(scope="session")
def make_log() -> LogFactory:
    return synthetic_log


@pytest.fixture(scope="session")
def log() -> SyntheticLog:
    return synthetic_log()


@pytest.fixture(scope="session")
def cut() -> datetime:
    """As of when `store` is materialised: a moment at which windows open and close."""
    return CUT


@pytest.fixture(scope="session")
def make_store(tmp_path_factory: pytest.TempPathFactory) -> StoreFactory:
    """Return a store over a log: built and applied."""

    def make(log: SyntheticLog) -> FeatureStore:
        store = FeatureStore(Workspace(tmp_path_factory.mktemp("workspace")))
        store.build(log)
        store.apply(all_tasks().values())
        return store

    return make


@pytest.fixture(scope="session")
def store(log: SyntheticLog, make_store: StoreFactory) -> FeatureStore:
    """Built, applied, and materialised as of `cut`."""
    store = make_store(log)
    store.materialize(CUT)
    return store


@pytest.fixture(scope="session")
def queries(log: SyntheticLog) -> pl.DataFrame:
    """Users and items at event times, at window edges, and one microsecond around both."""
    rng = np.random.default_rng(1)
    pairs = log.table.sample(150, seed=2).select("timestamp", "user_id", "item_id")
    shifts = np.array([0, 0, 1, -1, 86_400_000_000, 3 * 86_400_000_000 + 1, 7 * 86_400_000_000])
    moved = pl.col("timestamp") + pl.Series(rng.choice(shifts, 150)).cast(pl.Duration("us"))
    strangers = pl.DataFrame(
        {"timestamp": [CUT] * 2, "user_id": ["u13", "?"], "item_id": ["i16", "?"]},
        schema=pairs.schema,
    )
    return pl.concat([pairs.with_columns(moved), strangers]).with_columns(
        pl.lit("tv").alias("device"), pl.lit(None, pl.String).alias("country")
    )
