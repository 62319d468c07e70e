"""The point-in-time benchmark's own data, small: our store against a plain search, and Feast's."""

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from load.bench_point_in_time import (
    OFFLINE_STORES,
    count_differences,
    generate,
    in_order,
    join_by_duckdb,
    join_by_feast,
)

NUM_FEATURES = 2
TTLS = [timedelta(0), timedelta(days=2)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return generated data, some label rows twice, ties and late corrections added."""
    path = tmp_path_factory.mktemp("point-in-time")
    generate(path, num_rows=300, num_features=NUM_FEATURES, num_versions=6)
    changes = pl.read_parquet(path / "features.parquet")
    later = pl.col("created") + pl.duration(hours=30)
    corrected = changes.head(60).with_columns(later, pl.col("feature_0") + 1)
    pl.concat([corrected, changes]).write_parquet(path / "features.parquet")
    rows = pl.read_parquet(path / "rows.parquet").drop("row")
    rows = pl.concat([rows, rows.head(50)]).with_row_index("row")
    rows.write_parquet(path / "rows.parquet")
    return path


def searched(folder: Path, ttl: timedelta) -> pl.DataFrame:
    """Return what every row should get, by looking at every version of its entity."""
    rows = pl.read_parquet(folder / "rows.parquet")
    changes = pl.read_parquet(folder / "features.parquet")
    both = rows.join(changes, on="user_id").filter(pl.col("timestamp") <= pl.col("event_timestamp"))
    found = both.sort("timestamp", "created").group_by("row", maintain_order=True).last()
    if ttl:
        found = found.filter(pl.col("event_timestamp") - pl.col("timestamp") <= ttl)
    features = [f"feature_{index}" for index in range(NUM_FEATURES)]
    return rows.join(found.select("row", *features), on="row", how="left").sort("row")


@pytest.mark.parametrize("ttl", TTLS)
def test_our_store_finds_what_a_plain_search_finds_and_loses_no_row(
    folder: Path, ttl: timedelta
) -> None:
    joined = join_by_feast(folder, NUM_FEATURES, OFFLINE_STORES["ours"], ttl)()
    expected = searched(folder, ttl)
    assert joined["row"].to_pylist() == list(range(350))
    assert 0 < expected["feature_0"].null_count() < 350
    assert count_differences(expected, in_order(joined).select(expected.columns)) == 0


@pytest.mark.parametrize("ttl", TTLS)
def test_our_store_equals_feasts_duckdb_store(folder: Path, ttl: timedelta) -> None:
    pytest.importorskip("ibis", reason="Feast's duckdb store needs ibis, which Lolomo does not")
    ours, feasts = (
        in_order(join_by_feast(folder, NUM_FEATURES, store, ttl)())
        for store in OFFLINE_STORES.values()
    )
    assert count_differences(feasts, ours) == 0


def test_a_bare_join_equals_ours_where_no_two_versions_have_one_time(tmp_path: Path) -> None:
    generate(tmp_path, num_rows=200, num_features=NUM_FEATURES, num_versions=3)
    bare = in_order(join_by_duckdb(tmp_path, NUM_FEATURES)())
    ours = in_order(join_by_feast(tmp_path, NUM_FEATURES, OFFLINE_STORES["ours"])())
    assert count_differences(bare, ours) == 0
