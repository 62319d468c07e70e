"""What a page costs in process, part by part, and what no code of ours could make cheaper.

*Bare model calls* are the very queries of the page's models, asked again with nothing around them;
*raw reads* are numpy takes of the columns, and SQLite without Feast.
"""

import asyncio
import json
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.settings import Workspace
from lolomo.features import FeatureStore, OnlineFeatures, all_features
from lolomo.serving.bentos import Front, Limits, PageRequest

ROWS = 10


@dataclass(frozen=True, slots=True)
class Spread:
    """Milliseconds of many runs."""

    p50: float
    p99: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Spread":
        """Summarise seconds."""
        return cls(*(1e3 * float(value) for value in np.percentile(seconds, [50, 99])))


class Recorded:
    """A recommender that remembers what it was asked.

    Args:
        recommender: Who answers.
        calls: Where to note each call, by method and arguments.
    """

    def __init__(self, recommender: Any, calls: list[tuple[Callable[..., Any], Any]]) -> None:
        self._recommender, self._calls = recommender, calls
        for method in ("retrieve", "rank", "scores"):
            if hasattr(recommender, method):
                setattr(self, method, self._noting(getattr(recommender, method)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._recommender, name)

    def _noting(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*arguments: Any) -> Any:
            self._calls.append((method, arguments))
            return method(*arguments)

        return noted


def page_and_models(front: Front, users: Sequence[str]) -> dict[str, Spread]:
    """Return what a page takes without HTTP, and what its models take alone, asked the same."""
    requests = [PageRequest(user_id=user, limits=Limits(rows=ROWS)) for user in users]
    pages, models, cpu = [], [], []

    async def run() -> None:
        for request in requests:
            begun, used = time.perf_counter(), time.process_time()
            await front.page(request)
            pages.append(time.perf_counter() - begun)
            cpu.append(time.process_time() - used)
            calls: list[tuple[Callable[..., Any], Any]] = []
            with _recording(front, calls):
                await front.page(request)
            begun = time.perf_counter()
            for method, arguments in calls:
                method(*arguments)
            models.append(time.perf_counter() - begun)

    asyncio.run(run())
    return {"page": Spread.of(pages), "models": Spread.of(models), "cpu": Spread.of(cpu)}


class _recording:  # noqa: N801 - reads as the function that it stands for
    """Puts recorders in the place of the champions' recommenders."""

    def __init__(self, front: Front, calls: list[Any]) -> None:
        self._champions: Any = front.resources.champions
        self._before = dict(self._champions)
        self._calls = calls

    def __enter__(self) -> None:
        for task, champion in self._before.items():
            recorded: Any = Recorded(champion.recommender, self._calls)
            self._champions[task] = replace(champion, recommender=recorded)

    def __exit__(self, *_: object) -> None:
        self._champions.update(self._before)


def reads(workspace: Workspace, num_items: int = 500, repeats: int = 200) -> dict[str, Spread]:
    """Return what reads of the features of some items take, by way of reading."""
    store = FeatureStore(workspace)
    online = store.online()
    ids = np.random.default_rng(0).choice(online.item_ids, num_items, replace=False)
    now = online.counts_timestamp
    names = [name for name, item in all_features().items() if item.entity == "item"]
    again = [name for name in names if all_features()[name].dtype == "number"][: 20 - len(names)]
    matrix = np.random.default_rng(0).random((20, len(online.item_ids)), np.float32)

    def snapshot() -> None:
        online.items(ids, now, names)
        online.items(ids, now, again)

    def raw() -> None:
        rows = online.codes(ids)
        for column in matrix:
            column[rows]

    users = [str(user) for user in store.users_known[:repeats]]
    places = iter(users * 2)
    found = {
        "snapshot": timed(snapshot, repeats),
        "numpy": timed(raw, repeats),
        "feast": timed(lambda: feast_items(store, ids), 5),
        "user": timed(lambda: online.user(next(places), now, {}), len(users)),
    }
    if (workspace.features / "online.db").exists():
        found["sqlite"] = timed(sqlite_reader(workspace.features / "online.db", ids), 20)
    return found


def feast_items(store: FeatureStore, ids: NDArray[np.object_]) -> None:
    """Read the same rows by Feast's own `get_online_features`."""
    feast_store = store.repository.open()
    columns = ("item_popularity", "item_content")
    references = [
        f"{view.name}:{field.name}"
        for view in feast_store.list_feature_views()
        if view.name in columns
        for field in view.features
    ][:20]
    begun = [{Columns.ITEM_ID: item_id} for item_id in ids.tolist()]
    feast_store.get_online_features(features=references, entity_rows=begun).to_dict()


def sqlite_reader(path: Path, ids: NDArray[np.object_]) -> Callable[[], None]:
    """Return a reader of as many entities' rows from Feast's SQLite file, undecoded."""
    connection = sqlite3.connect(path)
    table = "lolomo_item_popularity"
    keys = [
        row[0] for row in connection.execute(f"SELECT DISTINCT entity_key FROM {table} LIMIT 500")
    ]
    marks = ",".join("?" * len(keys))
    query = f"SELECT entity_key, feature_name, value FROM {table} WHERE entity_key IN ({marks})"

    def read() -> None:
        connection.execute(query, keys).fetchall()

    return read


def timed(function: Callable[[], Any], repeats: int) -> Spread:
    """Return how long a function takes, after a first run that does not count."""
    function()
    seconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - begun)
    return Spread.of(seconds)


def known_users(front: Front, num_users: int) -> list[str]:
    """Return users who have watched something, in an order that is always the same."""
    watched = sorted(user for user, seen in front.resources.seen.items() if len(seen) >= 5)
    rng = np.random.default_rng(0)
    return [str(user) for user in rng.choice(watched, num_users)]


def simulated_features(workspace: Workspace, snapshot: Any) -> OnlineFeatures:
    """Return online features that read items from another snapshot than the workspace's own."""
    features = FeatureStore(workspace).online()
    state: Any = features._state
    fresh = type(state.fresh).none(snapshot)
    features._state = replace(state, snapshot=snapshot, fresh=fresh)
    return features


def main() -> None:
    """Print what a page of a workspace takes, as one line of JSON."""
    from lolomo.serving.bentos import FrontOptions, load_front
    from lolomo.serving.bentos.garbage import calm_garbage_collector

    workspace, pages = Workspace(Path(sys.argv[1])), int(sys.argv[2])
    front = load_front(FrontOptions(workspace.root, deadline_seconds=10.0, journal=False))
    asyncio.run(front.warm_up())
    calm_garbage_collector()
    spread = page_and_models(front, known_users(front, pages))
    print(json.dumps({name: asdict(each) for name, each in spread.items()}))


if __name__ == "__main__":
    main()
