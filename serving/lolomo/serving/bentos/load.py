"""Makes a front from what a workspace holds: pinned releases and materialised features."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from lolomo.core.columns import Columns, Kind
from lolomo.core.policy import policies_from
from lolomo.core.release import ReleaseStore
from lolomo.core.settings import Workspace
from lolomo.events import EventLog
from lolomo.events.journal_writer import JournalWriter
from lolomo.serving.bentos.clock import Clock
from lolomo.serving.bentos.events import Ingestion
from lolomo.serving.bentos.front import Front
from lolomo.serving.bentos.garbage import garbage_collector_paused
from lolomo.serving.bentos.remote import RemoteGraph
from lolomo.serving.experiments import Assignments
from lolomo.serving.experiments.shadowing import Shadows
from lolomo.serving.journal import Recorder
from lolomo.serving.releases import Source, load_deployment
from lolomo.serving.steps import Features, Resources
from lolomo.serving.steps.guard import attempt
from lolomo.tasks import all_tasks

REFRESH_SECONDS = 5.0
"""How often to look whether features were materialised anew; cheap where they were not."""


@dataclass(frozen=True, slots=True)
class FrontOptions:
    """What a worker process needs to make its front; picklable."""

    workspace: Path
    deadline_seconds: float = 0.5
    graph_url: str | None = None
    """KServe's router, where the graph runs on a cluster; None to run it in this process."""
    releases: tuple[Path, ...] = ()
    """Folders of releases to serve in place of the pinned ones, each for the task on its card."""
    rollout: Path | None = None
    """Folder of `pins.json` and `canaries.json`; the workspace's release store unless given."""
    redis: str | None = None
    """Feast's Redis connection string, to read users from Redis instead of SQLite."""
    drain_seconds: float = 2.0
    """How long to go on answering after SIGTERM, so that load balancers look elsewhere."""
    journal: bool = True
    """Whether to write down what is served."""
    exploration: str = ""
    """How rows are drawn, as `core.policy.policies_from` reads it; greedily unless named."""


@garbage_collector_paused()
def load_front(options: FrontOptions) -> Front:
    """Load every release to serve after checking its sha256 sums, and the features.

    Raises:
        ReleaseError: If nothing is pinned, or a pinned release is missing, changed or fails its
            checks.
        FeatureError: If nothing is materialised.
        DataError: If the event log is missing.
        SettingsError: If `exploration` names no policy.
    """
    workspace = Workspace(options.workspace)
    source = Source(
        ReleaseStore(workspace.releases),
        all_tasks(),
        options.releases,
        options.rollout,
        workspace.experiments,
    )
    source.champions()
    policies = policies_from(options.exploration)
    resources = replace(
        load_resources(workspace, options.redis),
        policies=policies,
        experiments=Assignments(workspace.experiments),
    )
    manifest = EventLog(workspace.events).manifest
    clock = Clock(None if manifest.live else manifest.last_timestamp)
    graph = RemoteGraph(options.graph_url) if options.graph_url else None
    journal = Recorder(JournalWriter(workspace.journal)) if options.journal else None
    front = Front(resources, clock, options.deadline_seconds, graph, journal)
    with native_log_dropped():
        front.deployment = load_deployment(source, resources)
    front.exploration = options.exploration
    if options.journal:
        front.shadows = Shadows(Recorder(JournalWriter(workspace.shadows)), front.admission)
    front.follow(source)
    front.take_events(Ingestion(workspace.incoming, resources.features.observe))
    front.watchers.append(partial(keep_fresh, resources.features))
    return front


def load_resources(
    workspace: Workspace, redis: str | None = None, version: str | None = None
) -> Resources:
    """Load all that steps share but the releases.

    Args:
        workspace: Whose.
        redis: Feast's Redis connection string, to read users from Redis instead of SQLite.
        version: Of an older item snapshot, for a replay.

    Raises:
        FeatureError: If nothing is materialised, or there is no such version.
        DataError: If the event log is missing.
    """
    from lolomo import runtimes

    runtimes.quiet_tensorflow()
    runtimes.limit_threads()
    from lolomo.events.turned_down import turned_down
    from lolomo.events.watching import unfinished_now
    from lolomo.features import FeatureStore

    log = EventLog(workspace.events)
    manifest, events = log.manifest, log.events()
    store = FeatureStore(workspace, redis)
    features = store.online(version)
    history = store.history_features(features.snapshot.places)
    history.advance(features.counts_timestamp)
    return Resources(
        tasks={
            name: task for name, task in all_tasks().items() if not task.missing(manifest.columns)
        },
        champions={},
        features=features,
        history_features=history,
        seen=_seen(events),
        unfinished=unfinished_now(events),
        turned_down=turned_down(events),
    )


async def keep_fresh(features: Features) -> None:
    """Read what is materialised anew while serving; a read that fails leaves what there is."""
    while True:
        await asyncio.sleep(REFRESH_SECONDS)
        await attempt(asyncio.to_thread(features.refresh), "refreshing features")


@contextmanager
def native_log_dropped() -> Iterator[None]:
    """Drop what C++ writes to stderr: TensorFlow logs before it reads its own log level."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _seen(events: pl.DataFrame) -> dict[str, frozenset[str]]:
    """Return every item that each user watched; ids are interned, since they repeat."""
    watched = events.filter(pl.col(Columns.KIND).is_in(Kind.INTERACTIONS))
    pairs = watched.group_by(Columns.USER_ID).agg(pl.col(Columns.ITEM_ID).unique())
    rows: Any = pairs.iter_rows()
    return {user_id: frozenset(map(sys.intern, item_ids)) for user_id, item_ids in rows}
