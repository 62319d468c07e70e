"""Times our Feast offline store beside a bare DuckDB ASOF JOIN and Feast's own duckdb store.

Feature rows and label rows are generated in a temporary folder. Every contestant runs in a process
of its own, in turn, and only its join is timed: from a pandas frame of label rows to an Arrow
table. Ours and Feast's go through `FeatureStore.get_historical_features`. All tables must be equal,
cell by cell.

    python tests/load/bench_point_in_time.py --rows 1000000 --features 20 --versions 10 50

Feast's duckdb store needs ibis, which Lolomo does not: without it that contestant is left out. To
run all, make an environment with `feast[duckdb]`, `duckdb`, `polars` and `typing_extensions`, and
start this script by its interpreter; Lolomo itself is found beside the script.
"""

import argparse
import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

ROOT = Path(__file__).parents[2]
START = datetime(2024, 1, 1, tzinfo=UTC)
SPAN_SECONDS = 90 * 86_400
ROWS_AN_ENTITY = 10
OFFLINE_STORES = {"ours": "lolomo.features.offline_store.AsofOfflineStore", "feast": "duckdb"}


def generate(folder: Path, num_rows: int, num_features: int, num_versions: int) -> None:
    """Write `features.parquet` and `rows.parquet`; both in no order, some rows of no entity."""
    rng = np.random.default_rng(0)
    num_entities = max(num_rows // ROWS_AN_ENTITY, 1)
    changes = np.repeat(np.arange(num_entities), num_versions)
    instants = _instants(rng, len(changes))
    values = {name: rng.normal(size=len(changes)) for name in feature_names(num_features)}
    table = pl.DataFrame({"user_id": changes, "timestamp": instants, "created": instants, **values})
    unique = table.unique(["user_id", "timestamp"], keep="first")
    _write(unique.sample(fraction=1.0, shuffle=True, seed=1), folder / "features.parquet")
    asked = rng.integers(int(num_entities * 1.02) + 1, size=num_rows)
    rows = pl.DataFrame({"user_id": asked, "event_timestamp": _instants(rng, num_rows)})
    _write(rows.with_row_index("row"), folder / "rows.parquet")


def feature_names(num_features: int) -> list[str]:
    return [f"feature_{index}" for index in range(num_features)]


def _instants(rng: np.random.Generator, size: int) -> pl.Series:
    seconds = rng.integers(SPAN_SECONDS, size=size)
    start = int(START.timestamp())
    return pl.Series((start + seconds) * 1_000_000).cast(pl.Datetime("us", "UTC"))


def _write(table: pl.DataFrame, path: Path) -> None:
    table.with_columns(pl.format("user-{}", "user_id").alias("user_id")).write_parquet(path)


def join_by_duckdb(folder: Path, num_features: int) -> Callable[[], pa.Table]:
    """Return a bare ASOF JOIN, with neither order nor TTL nor created times to care for."""
    rows = pl.read_parquet(folder / "rows.parquet").to_pandas()
    selected = ", ".join(f"f.{name}" for name in feature_names(num_features))
    sql = (
        f"SELECT e.*, {selected} FROM rows e "
        f"ASOF LEFT JOIN read_parquet('{folder / 'features.parquet'}') f "
        "ON e.user_id = f.user_id AND e.event_timestamp >= f.timestamp"
    )

    def join() -> pa.Table:
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.register("rows", rows)
            return connection.sql(sql).to_arrow_table()

    return join


def join_by_feast(
    folder: Path, num_features: int, offline_store: str, ttl: timedelta = timedelta(0)
) -> Callable[[], pa.Table]:
    """Return a retrieval by Feast's own client with one of its offline stores."""
    store = feature_store(folder, num_features, offline_store, ttl)
    rows = pl.read_parquet(folder / "rows.parquet").to_pandas()
    references = [f"changes:{name}" for name in feature_names(num_features)]
    return lambda: store.get_historical_features(rows, references).to_arrow()


def feature_store(folder: Path, num_features: int, offline_store: str, ttl: timedelta) -> Any:
    """Return a Feast store that knows `features.parquet` as the view `changes`."""
    import feast
    from feast.types import Float64, String

    entity = feast.Entity(
        name="user", join_keys=["user_id"], value_type=feast.ValueType.STRING, description="A user."
    )
    source = feast.FileSource(
        name="changes_source",
        path=str(folder / "features.parquet"),
        timestamp_field="timestamp",
        created_timestamp_column="created",
    )
    fields = [feast.Field(name=name, dtype=Float64) for name in feature_names(num_features)]
    view = feast.FeatureView(
        name="changes",
        entities=[entity],
        ttl=ttl,
        schema=[feast.Field(name="user_id", dtype=String), *fields],
        source=source,
    )
    config = feast.RepoConfig(
        project="bench",
        provider="local",
        registry={"path": str(folder / f"{offline_store}.db")},
        offline_store={"type": offline_store},
        online_store={"type": "sqlite", "path": str(folder / "online.db")},
        entity_key_serialization_version=3,
        repo_path=folder,
    )
    store = feast.FeatureStore(config=config)
    store.apply([entity, view])
    return store


def contestant(name: str, folder: Path, num_features: int) -> Callable[[], pa.Table]:
    """Return the join of a contestant, ready to run."""
    if name == "duckdb":
        return join_by_duckdb(folder, num_features)
    return join_by_feast(folder, num_features, OFFLINE_STORES[name])


def in_order(table: pa.Table) -> pl.DataFrame:
    """Return a result with its rows and columns in the order of `rows.parquet`."""
    frame = pl.DataFrame(pl.from_arrow(table))
    return frame.with_columns(pl.col("event_timestamp").cast(pl.Datetime("us", "UTC"))).sort("row")


def measure(name: str, folder: Path, num_features: int) -> None:
    """Join in this process, keep the table, and print seconds and the peak of memory in bytes."""
    join = contestant(name, folder, num_features)
    wall, cpu = time.perf_counter(), time.process_time()
    table = join()
    figures = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    in_order(table).write_ipc(folder / f"{name}.arrow")
    sys.stdout.write(json.dumps({**figures, "bytes": peak}) + "\n")


def race(folder: Path, names: list[str], num_features: int, rounds: int) -> dict[str, list[Any]]:
    """Run the contestants in turn, a process each."""
    figures: dict[str, list[Any]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            command = [sys.executable, str(Path(__file__)), "--contestant", name]
            command += ["--folder", str(folder), "--features", str(num_features)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            figures[name].append(json.loads(done.stdout.splitlines()[-1]))
    return figures


def differences(folder: Path, names: list[str]) -> dict[str, int]:
    """Count rows lost and cells that differ from the bare join's, of each contestant."""
    expected = pl.read_ipc(folder / "duckdb.arrow")
    return {
        name: count_differences(expected, pl.read_ipc(folder / f"{name}.arrow")) for name in names
    }


def count_differences(expected: pl.DataFrame, received: pl.DataFrame) -> int:
    """Count cells that differ, nulls equal to nulls; all of them if rows are lost."""
    if expected.height != received.height:
        return int(np.prod(expected.shape))
    return sum(int(expected[name].ne_missing(received[name]).sum()) for name in expected.columns)


def report(num_versions: int, figures: Mapping[str, list[Any]], wrong: Mapping[str, int]) -> None:
    """Print one line a contestant: medians, and the median of the ratios within a round."""
    for name, runs in figures.items():
        parts = [f"{num_versions:8} {name:>7}"]
        for clock in ("wall", "cpu"):
            seconds = [run[clock] for run in runs]
            ratios = [
                statistics.median(
                    one / run[clock] for one, run in zip(seconds, figures[other], strict=True)
                )
                for other in ("duckdb", "ours")
            ]
            parts.append(f"{statistics.median(seconds):8.2f} {ratios[0]:6.2f} {ratios[1]:6.2f}")
        peak = max(run["bytes"] for run in runs) / 1e9
        parts.append(f"{peak:6.2f} {wrong[name]:6}")
        sys.stdout.write(" |".join(parts) + "\n")


HEADER = "versions |    who |   wall s /duckdb  /ours |    cpu s /duckdb  /ours |     GB  differ"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="label rows")
    parser.add_argument("--features", type=int, default=20)
    parser.add_argument("--versions", type=int, nargs="+", default=[10, 50], help="an entity")
    parser.add_argument("--rounds", type=int, default=3, help="of all contestants in turn")
    parser.add_argument("--without-feast", action="store_true", help="leave Feast's store out")
    parser.add_argument("--contestant", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contestant:
        measure(options.contestant, options.folder, options.features)
        return
    names = ["duckdb", "ours"]
    if importlib.util.find_spec("ibis") and not options.without_feast:
        names.append("feast")
    sys.stdout.write(HEADER + "\n")
    for num_versions in options.versions:
        with tempfile.TemporaryDirectory() as folder:
            generate(Path(folder), options.rows, options.features, num_versions)
            figures = race(Path(folder), names, options.features, options.rounds)
            report(num_versions, figures, differences(Path(folder), names))


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / "platform"), str(ROOT / "features")]
    main()
