"""The ASOF offline store, through Feast's own client, on what our tables never hold."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import feast
import polars as pl
import pytest
from feast.types import Int64, String

from lolomo.core.errors import FeatureError
from lolomo.features.repository import Repository

START = datetime(2020, 1, 1, tzinfo=UTC)
ROWS = [
    # key, hours after START, created hours after START, value
    ("a", 0, 0, 1),
    ("a", 10, 10, 2),
    ("a", 10, 30, 3),
    ("b", 20, 40, 4),
]


def hours(number: float) -> datetime:
    return START + timedelta(hours=number)


@pytest.fixture
def store(tmp_path: Path) -> feast.FeatureStore:
    table = pl.DataFrame(
        [(key, hours(at), hours(created), value) for key, at, created, value in ROWS],
        schema={
            "key": pl.String(),
            "at": pl.Datetime("us", "UTC"),
            "created": pl.Datetime("us", "UTC"),
            "value": pl.Int64(),
        },
        orient="row",
    )
    table.write_parquet(tmp_path / "it's a file.parquet")
    entity = feast.Entity(name="thing", join_keys=["key"], value_type=feast.ValueType.STRING)
    repository = Repository(tmp_path)
    repository.apply(
        [entity, view(entity, "forever", timedelta(0)), view(entity, "day", hours(24) - START)]
    )
    return repository.open()


def view(entity: feast.Entity, name: str, ttl: timedelta) -> feast.FeatureView:
    source = feast.FileSource(
        name=f"{name}_source",
        path="it's a file.parquet",
        timestamp_field="at",
        created_timestamp_column="created",
    )
    schema = [feast.Field(name="key", dtype=String), feast.Field(name="value", dtype=Int64)]
    return feast.FeatureView(name=name, entities=[entity], ttl=ttl, schema=schema, source=source)


def joined(store: feast.FeatureStore, key: str, at: float, name: str, **options: Any) -> Any:
    entities = pl.DataFrame({"key": [key], "event_timestamp": [hours(at)]}).to_pandas()
    job = store.get_historical_features(entities, [f"{name}:value"], **options)
    return job.to_arrow()["value"].to_pylist()[0]


@pytest.mark.parametrize(
    ("key", "at", "view_name", "value"),
    [
        ("a", -1, "forever", None),
        ("a", 0, "forever", 1),
        ("a", 9, "forever", 1),
        ("a", 10, "forever", 3),
        ("a", 1000, "forever", 3),
        ("a", 34, "day", 3),
        ("a", 35, "day", None),
        ("c", 10, "forever", None),
    ],
)
def test_the_latest_row_at_or_before_wins_within_its_ttl(
    store: feast.FeatureStore, key: str, at: float, view_name: str, value: int | None
) -> None:
    assert joined(store, key, at, view_name) == value


@pytest.mark.parametrize(
    ("key", "at", "value"), [("a", 29, 2), ("a", 30, 3), ("b", 39, None), ("b", 40, 4)]
)
def test_late_corrections_are_kept_out_of_what_could_be_known(
    store: feast.FeatureStore, key: str, at: float, value: int | None
) -> None:
    assert joined(store, key, at, "forever", filter_by_created_timestamp=True) == value


def test_rows_stay_in_order_with_duplicates_and_full_names(store: feast.FeatureStore) -> None:
    keys = ["b", "?", "a", "b", "a"]
    entities = pl.DataFrame(
        {"key": keys, "event_timestamp": [hours(50)] * 5, "extra": range(5)}
    ).to_pandas()
    job = store.get_historical_features(entities, ["forever:value"], full_feature_names=True)
    table = job.to_arrow().to_pydict()
    assert table["key"] == keys
    assert table["extra"] == list(range(5))
    assert table["forever__value"] == [4, None, 3, 4, 3]


def test_entities_as_sql_are_refused(store: feast.FeatureStore) -> None:
    with pytest.raises(FeatureError, match="pandas"):
        store.get_historical_features("SELECT 1", ["forever:value"])


def test_all_rows_of_a_period_can_be_pulled(store: feast.FeatureStore) -> None:
    source = store.get_feature_view("forever").batch_source
    offline = store._get_provider().offline_store
    job = offline.pull_all_from_table_or_query(
        store.config, source, ["key"], ["value"], "at", "created", hours(1), hours(10)
    )
    assert sorted(job.to_arrow()["value"].to_pylist()) == [2, 3]
