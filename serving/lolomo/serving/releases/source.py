"""Where a process finds out what it should serve: pins and canaries, or folders it was given.

Promotion writes two small files; serving reads them and asks nobody else. They are looked at by
their time and size, so that watching them costs two calls of the operating system.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from lolomo.core.errors import ReleaseError
from lolomo.core.experiment_store import ExperimentStore, State
from lolomo.core.release import PINS, Release, ReleaseStore, open_release
from lolomo.core.rollout import CANARIES, Canary, Rollout
from lolomo.core.task import Task

Stamp: TypeAlias = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Source:
    """Names the releases to serve, and opens them."""

    store: ReleaseStore
    tasks: Mapping[str, Task]
    """What may be served."""
    folders: tuple[Path, ...] = ()
    """Releases to serve in place of the pinned ones, each for the task on its card."""
    rollout: Path | None = None
    """Folder of `pins.json` and `canaries.json`; the release store's own unless given."""
    experiments: Path | None = None
    """Folder of the experiments, whose releases are loaded too; None for none."""

    @property
    def _rollout(self) -> Rollout:
        return Rollout(self.rollout or self.store.root)

    def stamp(self) -> Stamp:
        """Return what changes whenever the pins, canaries or experiments do."""
        paths = [self._rollout.folder / name for name in (PINS, CANARIES)]
        return tuple(_stamp(path) for path in (*paths, *filter(None, [self.experiments])))

    def champions(self) -> dict[str, str]:
        """Return the digest that should serve each task.

        Raises:
            ReleaseError: If nothing is pinned, the pins cannot be read, or a folder's release is of
                an unknown task or of one that an earlier folder serves.
        """
        if self.folders:
            return {task: release.digest for task, release in self._in_folders().items()}
        pins = {task: pin for task, pin in self._rollout.pins().items() if task in self.tasks}
        if not pins:
            raise ReleaseError(
                f"no release is pinned in {self._rollout.folder}: expected at least one; train and "
                "promote with `lolomo pipelines submit`"
            )
        return pins

    def canaries(self) -> dict[str, Canary]:
        """Return the releases on trial by task.

        Raises:
            ReleaseError: If they cannot be read.
        """
        canaries = self._rollout.canaries()
        return {task: canary for task, canary in canaries.items() if task in self.tasks}

    def challengers(self) -> set[tuple[str, str]]:
        """Return task and digest of each release that a running experiment is about.

        Raises:
            SettingsError: If an experiment cannot be read.
        """
        if self.experiments is None:
            return set()
        entries = ExperimentStore(self.experiments).entries().values()
        running = [each.experiment for each in entries if each.state is State.RUNNING]
        return {
            (task, digest)
            for experiment in running
            for arm in experiment.arms
            for task, digest in arm.releases_by_task().items()
            if task in self.tasks
        }

    def open(self, digest: str) -> Release:
        """Return a release after checking its card and every file.

        Raises:
            ReleaseError: If it is missing, or any content differs from its card.
        """
        if self.folders:
            for release in self._in_folders().values():
                if release.digest == digest:
                    return release
        return self.store.open(digest)

    def _in_folders(self) -> dict[str, Release]:
        releases: dict[str, Release] = {}
        for folder in self.folders:
            release = open_release(folder)
            task = release.card.task
            if task not in self.tasks or task in releases:
                raise ReleaseError(
                    f"the release in {folder} is of task {task!r}: expected each folder to be of "
                    f"another of {sorted(self.tasks)}; leave out the one that should not serve"
                )
            releases[task] = release
        return releases


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0, 0)
    return (status.st_mtime_ns, status.st_size, status.st_ino)
