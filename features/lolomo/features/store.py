"""The feature store of one dataset: build, apply, materialise, read as of any time."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.errors import FeatureError
from lolomo.core.files import write_atomically
from lolomo.core.progress import Progress, silent
from lolomo.core.settings import Workspace
from lolomo.core.task import Task
from lolomo.events import EventLog
from lolomo.features.places import Places
from lolomo.features.repository import Repository, quiet
from lolomo.features.services import service_reference
from lolomo.features.snapshot_store import SnapshotStore
from lolomo.features.tables import ChangeTables, Log
from lolomo.features.transforms import all_groups
from lolomo.features.transforms.static import ALWAYS

if TYPE_CHECKING:
    import feast

    from lolomo.features.history_features import HistoryFeatures
    from lolomo.features.item_snapshot import ItemSnapshot
    from lolomo.features.online import OnlineFeatures
    from lolomo.features.timeline import ItemTimeline

MATERIALIZED = "materialized.json"


@dataclass(frozen=True, slots=True)
class FeatureStore:
    """Features of a workspace: change tables, Feast registry and online store.

    `build` and `apply` make training possible, `materialize` serving.
    """

    workspace: Workspace
    redis: str | None = None
    """Feast's Redis connection string, to serve from Redis instead of SQLite."""
    registry: str | None = None
    """URL of a registry that many machines share; a file of the workspace if None."""

    @property
    def tables(self) -> ChangeTables:
        """The change tables, a Parquet file a group."""
        return ChangeTables(self.workspace.features / "tables")

    @property
    def repository(self) -> Repository:
        """The Feast repository over them."""
        return Repository(self.workspace.features, self.redis, self.registry)

    @property
    def snapshots(self) -> SnapshotStore:
        """The item snapshots that serving maps."""
        return SnapshotStore(self.workspace.online / "snapshots")

    def build(self, log: Log, progress: Progress = silent) -> bool:
        """Compute the change table of every feature group, whole or not at all.

        Returns:
            Whether there was anything to do: nothing if log and code are those of the last time.
        """
        return self.tables.build(log, all_groups(), progress)

    def apply(self, tasks: Iterable[Task]) -> None:
        """Make Feast's registry hold the views of all groups and one service a task.

        Raises:
            FeatureError: If a task names an unknown feature, or the tables are not built.
        """
        import lolomo.features.feast_import  # noqa: F401 - before the rest of Feast
        from lolomo.features.definitions import repository

        _ = self.tables.manifest
        self.repository.apply(repository(all_groups().values(), tasks))

    def materialize(self, as_of: datetime, progress: Progress = silent) -> None:
        """Write what is known at a time to the online store, replacing what it held.

        It is written beside and swapped in, so a reader sees the old values or the new.

        Raises:
            FeatureError: If `as_of` has no time zone, or nothing has been applied.
        """
        if as_of.tzinfo is None:
            raise FeatureError(f"as_of {as_of} has no time zone: pass a UTC datetime")
        self.repository.check_applied()
        with self.repository.replacing_online() as store:
            _write_online(store, as_of, progress)
        self._name_materialized(as_of, self._write_snapshot(as_of))

    def _name_materialized(self, as_of: datetime, snapshot: str) -> None:
        values = {
            "as_of": as_of.isoformat(),
            "fingerprint": self.tables.manifest["fingerprint"],
            "item_snapshot": snapshot,
        }
        write_atomically(self.workspace.features / MATERIALIZED, json.dumps(values))
        self.snapshots.sweep(snapshot)

    def _write_snapshot(self, as_of: datetime) -> str:
        fingerprint = self.tables.manifest["fingerprint"]
        return self.snapshots.write(self.repository.open(), self.items_known, as_of, fingerprint)

    @property
    def latest(self) -> datetime:
        """The first instant at which every event of the log is in effect.

        Raises:
            FeatureError: If the tables are not built.
        """
        return datetime.fromisoformat(self.tables.manifest["latest"])

    @property
    def as_of(self) -> datetime:
        """The time of the last materialisation.

        Raises:
            FeatureError: If there was none.
        """
        return datetime.fromisoformat(self._materialized["as_of"])

    @property
    def snapshot_version(self) -> str:
        """The version of the item snapshot that goes with the last materialisation.

        A workspace that was materialised before there were snapshots gets one now.

        Raises:
            FeatureError: If there was no materialisation.
        """
        version = self._materialized.get("item_snapshot")
        if version is None:
            version = self._write_snapshot(self.as_of)
            self._name_materialized(self.as_of, version)
        return str(version)

    def snapshot(self, version: str | None = None) -> "ItemSnapshot":
        """Map an item snapshot, checked: of the last materialisation, or an older one by version.

        Args:
            version: As the journal names it; what follows a `+` are observed events, not mapped.

        Raises:
            FeatureError: If it is missing, or not what its version says.
        """
        return self.snapshots.open((version or self.snapshot_version).partition("+")[0])

    @property
    def _materialized(self) -> dict[str, str]:
        path = self.workspace.features / MATERIALIZED
        if not path.exists():
            raise FeatureError(
                f"nothing is materialised at {self.workspace.features}: run "
                "`lolomo features materialize`"
            )
        values: dict[str, str] = json.loads(path.read_text())
        return values

    def point_in_time(
        self, rows: pl.DataFrame, features: Sequence[str], delay: timedelta | pl.Expr = timedelta(0)
    ) -> pl.DataFrame:
        """Append each feature as it was known just before each row's timestamp.

        Args:
            rows: With `timestamp`, `user_id` and/or `item_id` as the features need, and the
                context's `device` and `country` where known.
            features: Names among `all_features()`.
            delay: How late stored values arrive, the same for all rows or an expression over them;
                the clock itself is never late.

        Returns:
            The same rows in the same order, with a column a feature, null where nothing is known.

        Raises:
            FeatureError: If a feature is unknown, or rows lack the id that it needs.
        """
        from lolomo.features.training_set import point_in_time

        return point_in_time(self.repository.open(), rows, features, delay)

    def service(self, task: Task) -> str:
        """Return the reference of a task's FeatureService, `name@v1#hash`."""
        return service_reference(task)

    def item_timeline(
        self, delay: timedelta = timedelta(0), frozen_at: datetime | None = None
    ) -> "ItemTimeline":
        """Return the item features at any time, for training and evaluation in bulk.

        Args:
            delay: How late stored values arrive; the clock itself is never late.
            frozen_at: When stored values stop to arrive, UTC; None for never.
        """
        from lolomo.features.timeline import ItemTimeline

        return ItemTimeline(self.tables, delay, frozen_at)

    def history_features(self, places: Places | None = None) -> "HistoryFeatures":
        """Return what histories say of candidates at any time, from the workspace's event log.

        Args:
            places: Of another reader, shared if they are those of all known items.
        """
        from lolomo.features.history_features import HistoryFeatures

        log, known = EventLog(self.workspace.events), self.items_known
        if places is None or not np.array_equal(places.item_ids, known):
            places = Places(known)
        return HistoryFeatures(log.events(), log.items(), places)

    def online(self, version: str | None = None) -> "OnlineFeatures":
        """Return the features as last materialised, for serving.

        Args:
            version: Of an older snapshot to read items from, for a replay.

        Raises:
            FeatureError: If nothing is materialised, or there is no such version.
        """
        from lolomo.features.online import OnlineFeatures

        return OnlineFeatures(self, version)

    @property
    def users_known(self) -> NDArray[Any]:
        """Ids of all users of the events and the user table, sorted. Shape: [users]."""
        return self.tables.known("user")

    @property
    def items_known(self) -> NDArray[Any]:
        """Ids of all items of the events and the catalogue, sorted. Shape: [items]."""
        return self.tables.known("item")


def _write_online(store: "feast.FeatureStore", as_of: datetime, progress: Progress) -> None:
    views = store.list_feature_views()
    store._get_provider().update_infra(store.project, [], views, [], [], False)
    for done, view in enumerate(views):
        progress(done / len(views), view.name)
        with quiet():
            store.materialize(ALWAYS, as_of, [view.name])
    progress(1.0, "materialised")
