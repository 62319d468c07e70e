"""The embedded target: this machine.

Pins lie in the release store, and a running page service notices when they change. `deploy` checks
all that is pinned, and starts that service as a process of its own if none runs; its process id and
address lie in the workspace, so the next command finds it.
"""

import contextlib
import json
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lolomo.core.errors import LolomoError
from lolomo.core.files import write_atomically
from lolomo.core.progress import Progress, silent
from lolomo.core.promotions import Promotion, PromotionsLog
from lolomo.core.release import ReleaseStore
from lolomo.core.rollout import Canary, Rollout
from lolomo.core.settings import Workspace
from lolomo.operations.metrics import page_metrics
from lolomo.operations.service_process import (
    STOP_TIMEOUT_SECONDS,
    PageService,
    free_port,
    start_service,
    wait_until_ready,
)
from lolomo.operations.target import (
    Action,
    Change,
    DeployError,
    DeployOptions,
    Serves,
    TaskStatus,
)

STATE = "service.json"


@dataclass(frozen=True, slots=True)
class EmbeddedTarget:
    """This machine, one dataset."""

    workspace: Workspace
    dataset: str
    port: int | None = None
    """Where the service listens; a free port unless given."""

    @property
    def name(self) -> str:
        """What to call it."""
        return f"{self.dataset} on this machine"

    @property
    def log(self) -> PromotionsLog:
        """The promotions log of the release store."""
        return PromotionsLog(self.workspace.releases)

    @property
    def store(self) -> ReleaseStore:
        """The release store."""
        return ReleaseStore(self.workspace.releases)

    @property
    def rollout(self) -> Rollout:
        """The files that the page service reads."""
        return Rollout(self.workspace.releases)

    def serves(self) -> Serves:
        """Return the pins and canaries of the release store."""
        return Serves(self.rollout.pins(), self.rollout.canaries())

    def pin(self, promotion: Promotion) -> None:
        """Pin a release, and end the task's canary."""
        self.store.pin(promotion.task, promotion.digest, promotion)
        self.rollout.set_canary(promotion.task, None)

    def set_canary(self, promotion: Promotion, canary: Canary | None) -> None:
        """Write a canary down, or its end."""
        self.log.append(promotion)
        self.rollout.set_canary(promotion.task, canary)

    def publish(self, message: str, *, commit: bool) -> str:
        """Do nothing: a running service reads the pins by itself."""
        running = self.running()
        if commit:
            raise DeployError("there is no overlay to commit here: leave out --commit")
        return f"the service at {running.url} takes it up" if running else "no service runs here"

    def plan(self) -> Sequence[Change]:
        """Return whether a service would be started, and what it would serve."""
        action = Action.KEEP if self.running() else Action.CREATE
        serves = self.serves()
        fields = [f"{task} {digest[:12]}" for task, digest in sorted(serves.pins.items())]
        fields += [
            f"{task} {canary.digest[:12]} on {canary.percent:g} %"
            for task, canary in sorted(serves.canaries.items())
        ]
        return [Change(action, f"page service of {self.dataset}", tuple(fields))]

    def deploy(self, options: DeployOptions, progress: Progress = silent) -> None:
        """Check every pinned release, then start the page service unless it runs.

        Raises:
            DeployError: If nothing is pinned.
            ReleaseError: If a release is missing or was changed.
            ServiceError: If the service does not become ready.
        """
        serves = self.serves()
        digests = [*serves.pins.values(), *(each.digest for each in serves.canaries.values())]
        if not digests:
            raise DeployError("nothing is pinned: train first, with `lolomo pipelines submit`")
        for done, digest in enumerate(digests):
            progress(0.5 * done / len(digests), f"checking {digest[:12]}")
            self.store.open(digest)
        if not self.running():
            progress(0.5, "starting the page service")
            log = self.workspace.service / "service.log"
            port = self.port or free_port()
            service, process = start_service(self.dataset, log, port, detached=True)
            state = {"pid": process.pid, "url": service.url}
            write_atomically(self.workspace.service / STATE, json.dumps(state))
            if options.wait_seconds:
                wait_until_ready(service, process)
        progress(1.0, "ready")

    def stop(self) -> bool:
        """Stop the page service, which finishes its open requests first; False if none runs."""
        if self.running() is None:
            return False
        pid = int(self._state()["pid"])
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
        while _is_alive(pid):
            if time.monotonic() > deadline:
                raise DeployError(
                    f"process {pid} still runs {STOP_TIMEOUT_SECONDS:.0f} s after it was told to "
                    f"stop: see {self.workspace.service / 'service.log'}"
                )
            time.sleep(0.1)
        (self.workspace.service / STATE).unlink()
        return True

    def running(self) -> PageService | None:
        """Return the page service that runs here; None if none does."""
        state = self._state()
        if not state or not _is_alive(int(state["pid"])):
            return None
        return PageService(str(state["url"]), self.workspace.service / "service.log")

    def _state(self) -> dict[str, Any]:
        path = self.workspace.service / STATE
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def status(self) -> Sequence[TaskStatus]:
        """Return the page front, measured if it runs, and whether it serves what is pinned."""
        running, serves = self.running(), self.serves()
        ready, traffic, p99 = 0, None, None
        loaded: dict[str, Any] = {}
        if running:
            with contextlib.suppress(LolomoError, OSError):
                traffic, p99 = page_metrics(running.read("/metrics"))
                loaded = json.loads(running.read("/v1/releases"))["releases"]
                ready = 1
        replicas = int(running is not None)
        front = TaskStatus(
            task="page", replicas=replicas, ready=ready, traffic=traffic, p99_milliseconds=p99
        )
        tasks = [
            TaskStatus(
                task=task,
                release=digest,
                replicas=replicas,
                ready=int(loaded.get(task, {}).get("digest") == digest),
                canary=serves.canaries.get(task),
            )
            for task, digest in sorted(serves.pins.items())
        ]
        return [front, *tasks]


def _is_alive(pid: int) -> bool:
    """Return whether a process runs; one that ended and was not waited for does not."""
    try:
        finished, _ = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        finished = 0
    if finished:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # The number of a process that ended long ago may be another's by now.
    command = Path(f"/proc/{pid}/cmdline")
    return not command.exists() or b"lolomo.cli" in command.read_bytes()
