"""Makes a front from what a workspace holds: pinned releases and materialised features."""

import gc
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from lolomo.core.columns import Columns
from lolomo.core.errors import ReleaseError
from lolomo.core.release import Release, ReleaseStore, open_release
from lolomo.core.settings import Workspace
from lolomo.core.task import Task
from lolomo.serving.bentos.clock import Clock
from lolomo.serving.bentos.front import Front
from lolomo.serving.bentos.remote import RemoteGraph
from lolomo.serving.steps import Champion, Resources
from lolomo.tasks import all_tasks


@dataclass(frozen=True, slots=True)
class FrontOptions:
    """What a worker process needs to make its front; picklable."""

    workspace: Path
    deadline_seconds: float = 0.5
    graph_url: str | None = None
    """KServe's router, where the graph runs on a cluster; None to run it in this process."""
    releases: tuple[Path, ...] = ()
    """Folders of releases to serve in place of the pinned ones, each for the task on its card."""


def load_front(options: FrontOptions) -> Front:
    """Load every release to serve after checking its sha256 sums, and the features.

    Raises:
        ReleaseError: As `load_champions` does.
        FeatureError: If nothing is materialised.
        DataError: If the event log is missing.
    """
    from lolomo import runtimes

    runtimes.quiet_tensorflow()
    runtimes.limit_threads()
    workspace = Workspace(options.workspace)
    from lolomo.events import EventLog
    from lolomo.events.watching import unfinished_now
    from lolomo.features import FeatureStore

    log = EventLog(workspace.events)
    manifest = log.manifest
    with _native_log_dropped():
        champions = load_champions(workspace, all_tasks(), options.releases)
    tasks = {name: task for name, task in all_tasks().items() if not task.missing(manifest.columns)}
    events = log.events()
    store = FeatureStore(workspace)
    features, covisitation = store.online(), store.covisitation()
    covisitation.advance(features.counts_timestamp)
    resources = Resources(
        tasks=tasks,
        champions=champions,
        features=features,
        covisitation=covisitation,
        seen=_seen(events),
        unfinished=unfinished_now(events),
    )
    start = None if manifest.live else manifest.last_timestamp
    graph = RemoteGraph(options.graph_url) if options.graph_url else None
    return Front(resources, Clock(start), options.deadline_seconds, graph)


def load_champions(
    workspace: Workspace, tasks: Mapping[str, Task], folders: Sequence[Path] = ()
) -> dict[str, Champion]:
    """Return the release of each task, loaded and warm: those in `folders`, or else the pinned.

    Args:
        workspace: Holds the pins.
        tasks: What may be served.
        folders: Releases to serve whatever is pinned; a task of none of them is not served.

    Raises:
        ReleaseError: If nothing is pinned, a release is missing or changed, or a folder's is of an
            unknown task or of one that an earlier folder serves.
    """
    from lolomo import runtimes

    releases = _in_folders(folders, tasks) if folders else _pinned(workspace, tasks)
    champions = {}
    for task, release in releases.items():
        recommender = runtimes.load(release)
        runtimes.warm_up(recommender)
        champions[task] = Champion(release.digest, release.card.model, recommender)
    return champions


def _in_folders(folders: Sequence[Path], tasks: Mapping[str, Task]) -> dict[str, Release]:
    releases: dict[str, Release] = {}
    for folder in folders:
        release = open_release(folder)
        task = release.card.task
        if task not in tasks or task in releases:
            raise ReleaseError(
                f"the release in {folder} is of task {task!r}: expected each folder to be of "
                f"another of {sorted(tasks)}; leave out the one that should not serve"
            )
        releases[task] = release
    return releases


def _pinned(workspace: Workspace, tasks: Mapping[str, Task]) -> dict[str, Release]:
    store = ReleaseStore(workspace.releases)
    pins = {task: digest for task, digest in store.pins().items() if task in tasks}
    if not pins:
        raise ReleaseError(
            f"no release is pinned in {workspace.releases}: expected at least one; train and "
            "promote with `lolomo pipelines submit`"
        )
    return {task: store.open(digest) for task, digest in pins.items()}


def calm_garbage_collector() -> None:
    """Leave what start-up made out of every later collection: it cuts the slowest answers."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def wake_garbage_collector() -> None:
    """Undo `calm_garbage_collector`, so that extensions can tidy up as the process ends."""
    gc.unfreeze()


@contextmanager
def _native_log_dropped() -> Iterator[None]:
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
    pairs = events.group_by(Columns.USER_ID).agg(pl.col(Columns.ITEM_ID).unique())
    rows: Any = pairs.iter_rows()
    return {user_id: frozenset(map(sys.intern, item_ids)) for user_id, item_ids in rows}
