"""The feature store of one dataset: build, apply, materialise, read as of any time."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
from numpy.typing import NDArray

from lolomo.core.errors import FeatureError
from lolomo.core.files import write_atomically
from lolomo.core.progress import Progress, silent
from lolomo.core.settings import Workspace
from lolomo.core.task import Task
from lolomo.events import EventLog
from lolomo.features.repository import ONLINE, Repository, quiet
from lolomo.features.services import service_reference
from lolomo.features.tables import ChangeTables, Log
from lolomo.features.transforms import all_groups
from lolomo.features.transforms.static import ALWAYS

if TYPE_CHECKING:
    from lolomo.features.covisitation import CoVisitation
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

    @property
    def tables(self) -> ChangeTables:
        """The change tables, a Parquet file a group."""
        return ChangeTables(self.workspace.features / "tables")

    @property
    def repository(self) -> Repository:
        """The Feast repository over them."""
        return Repository(self.workspace.features, self.redis)

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

        SQLite is written beside and swapped in, so a reader sees the old values or the new.

        Raises:
            FeatureError: If `as_of` has no time zone, or nothing has been applied.
        """
        if as_of.tzinfo is None:
            raise FeatureError(f"as_of {as_of} has no time zone: pass a UTC datetime")
        online = ONLINE if self.redis else f".{ONLINE}.{os.getpid()}"
        staged = self.workspace.features / online
        try:
            self._write_online(as_of, online, progress)
            if not self.redis:
                staged.replace(self.workspace.features / ONLINE)
        finally:
            if not self.redis:
                staged.unlink(missing_ok=True)
        values = {"as_of": as_of.isoformat(), "fingerprint": self.tables.manifest["fingerprint"]}
        write_atomically(self.workspace.features / MATERIALIZED, json.dumps(values))

    def _write_online(self, as_of: datetime, online: str, progress: Progress) -> None:
        self.repository.check_applied()
        with self.repository.changing(online) as store:
            views = store.list_feature_views()
            store._get_provider().update_infra(store.project, [], views, [], [], False)
            for done, view in enumerate(views):
                progress(done / len(views), view.name)
                with quiet():
                    store.materialize(ALWAYS, as_of, [view.name])
        progress(1.0, "materialised")

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
        path = self.workspace.features / MATERIALIZED
        if not path.exists():
            raise FeatureError(
                f"nothing is materialised at {self.workspace.features}: run "
                "`lolomo features materialize`"
            )
        return datetime.fromisoformat(json.loads(path.read_text())["as_of"])

    def point_in_time(
        self, rows: pl.DataFrame, features: Sequence[str], delay: timedelta = timedelta(0)
    ) -> pl.DataFrame:
        """Append each feature as it was known just before each row's timestamp.

        Args:
            rows: With `timestamp`, `user_id` and/or `item_id` as the features need, and the
                context's `device` and `country` where known.
            features: Names among `all_features()`.
            delay: How late stored values arrive; the clock itself is never late.

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

    def covisitation(self) -> "CoVisitation":
        """Return the counts of pairs of items at any time, from the workspace's event log."""
        from lolomo.features.covisitation import CoVisitation

        return CoVisitation(EventLog(self.workspace.events).events(), self.items_known)

    def online(self) -> "OnlineFeatures":
        """Return the features as last materialised, for serving."""
        from lolomo.features.online import OnlineFeatures

        return OnlineFeatures(self)

    @property
    def users_known(self) -> NDArray[Any]:
        """Ids of all users of the events and the user table, sorted. Shape: [users]."""
        return self.tables.known("user")

    @property
    def items_known(self) -> NDArray[Any]:
        """Ids of all items of the events and the catalogue, sorted. Shape: [items]."""
        return self.tables.known("item")
