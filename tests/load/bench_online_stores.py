"""SQLite and a real Redis as Feast's online store, side by side, on one workspace's features.

    PYTHONPATH=tests python -m load.bench_online_stores --workspace .lolomo/movietweetings-100k

Copies the workspace's features, materialises the copy to both, and times: the materialisation, the
read of one user as the page does it, Feast's own read of 500 items' features (its store open
already), and the bare store: what Feast wrote for 500 items, fetched and not decoded. Redis is
started on a loopback port. Prints a table; less than two minutes for 100,000 events.
"""

import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import click
import numpy as np
from load.serving_parts import Spread, timed
from redis_server import running_redis
from rich.console import Console
from rich.table import Table

from lolomo.core.columns import Columns
from lolomo.core.settings import Workspace
from lolomo.features import FeatureStore
from lolomo.features.redis_place import RedisPlace

NUM_ITEMS = 500
REPEATS = 200


@click.command()
@click.option("--workspace", required=True, type=click.Path(exists=True, path_type=Path))
def main(workspace: Path) -> None:
    """Measure both stores."""
    table = Table("", "SQLite", "Redis", title="Feast's online store, milliseconds")
    with tempfile.TemporaryDirectory() as folder, running_redis() as server:
        copytree(workspace / "features", Path(folder) / "features")
        copytree(workspace / "events", Path(folder) / "events")
        copied = Workspace(Path(folder))
        columns = [figures(FeatureStore(copied)), figures(FeatureStore(copied, server.address))]
    for name in columns[0]:
        table.add_row(name, *(column[name] for column in columns))
    Console(width=110).print(table)


def figures(store: FeatureStore) -> dict[str, str]:
    """Return each figure of a store, as text."""
    started = time.perf_counter()
    store.materialize(store.latest)
    materialised = time.perf_counter() - started
    online = store.online()
    users = iter([str(user) for user in store.users_known[: REPEATS + 1]])
    now = online.counts_timestamp
    ids = np.random.default_rng(0).choice(online.item_ids, NUM_ITEMS, replace=False).tolist()
    bare = bare_redis(store.redis) if store.redis else bare_sqlite(store)
    return {
        "materialise everything": f"{materialised * 1e3:.0f}",
        "one user, all features": shown(timed(lambda: online.user(next(users), now), REPEATS)),
        f"{NUM_ITEMS} items by Feast": shown(timed(feast_read(store, ids), 10)),
        f"{NUM_ITEMS} items, bare": shown(timed(bare, 50)),
    }


def shown(spread: Spread) -> str:
    return f"{spread.p50:.2f} (p99 {spread.p99:.2f})"


def feast_read(store: FeatureStore, ids: list[str]) -> Callable[[], None]:
    feast_store = store.repository.open()
    references = [
        f"{view.name}:{field.name}"
        for view in feast_store.list_feature_views()
        if view.name in ("item_popularity", "item_content")
        for field in view.features
    ]
    rows = [{Columns.ITEM_ID: item_id} for item_id in ids]

    def read() -> None:
        feast_store.get_online_features(features=references, entity_rows=rows).to_dict()

    return read


def bare_sqlite(store: FeatureStore) -> Callable[[], None]:
    connection = sqlite3.connect(store.workspace.features / "online.db")
    name = "lolomo_item_popularity"
    keys = connection.execute(f"SELECT DISTINCT entity_key FROM {name} LIMIT {NUM_ITEMS}")
    values = [row[0] for row in keys]
    marks = ",".join("?" * len(values))
    query = f"SELECT entity_key, value FROM {name} WHERE entity_key IN ({marks})"
    return lambda: (connection.execute(query, values).fetchall(), None)[1]


def bare_redis(connection: str) -> Callable[[], None]:
    client = RedisPlace(connection).client()
    keys = [key for key in client.scan_iter(count=1000) if b"item_id" in key][:NUM_ITEMS]

    def read() -> None:
        with client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.hgetall(key)
            pipe.execute()

    return read


if __name__ == "__main__":
    main()
