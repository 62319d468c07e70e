"""Hot swap: another deployment is made beside the one that serves, checked, and takes its place.

It is all or nothing: the pins are one statement, since a ranker was trained on what certain sources
propose, so if any pinned release fails its checks the old deployment goes on whole. A canary that
fails is only left out, and the pages say so. Releases that stay are not loaded again. Requests in
flight end with the deployment that they began with; nothing waits for them.
"""

import asyncio
import logging
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from lolomo.core.errors import LolomoError, SettingsError
from lolomo.serving.releases.deployment import Deployment, Trial
from lolomo.serving.releases.loading import Loaded, find_or_load, load_champions
from lolomo.serving.releases.source import Source, Stamp
from lolomo.serving.steps import Reason, Resources
from lolomo.serving.telemetry import metrics

WATCH_SECONDS = 1.0
"""How often the pins are looked at."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """How the last swap went."""

    outcome: str
    """`swapped`, `unchanged` or `refused`."""
    error: str = ""
    """Why it was refused."""
    seconds: float = 0.0
    """How long loading and checking took."""


def load_deployment(source: Source, resources: Resources) -> Deployment:
    """Return a deployment of what should be served now.

    Args:
        source: What should be.
        resources: What is; releases that stay are taken from it.

    Raises:
        ReleaseError: If a pinned release is missing, changed or fails its checks.
    """
    return _load(source, Deployment(resources))


def _load(source: Source, current: Deployment) -> Deployment:
    loaded = _loaded(current)
    champions = load_champions(source, loaded)
    trials, degraded = {}, {}
    for task, canary in source.canaries().items():
        try:
            trials[task] = Trial(canary, find_or_load(source, loaded, task, canary.digest))
        except (LolomoError, OSError) as error:
            _log.error("the canary of %s is not served: %s", task, error)
            degraded[task] = Reason.NO_CANARY.about(canary.digest[:12])
    challengers = _challengers(source, loaded, current)
    resources = replace(current.resources, champions=champions, challengers=challengers)
    return Deployment(resources, trials, degraded)


def _challengers(source: Source, loaded: Loaded, current: Deployment) -> Loaded:
    """Return the releases of experiments; one that fails its checks is left out.

    Members who should meet it get the champion, and their pages say so.
    """
    try:
        wanted = source.challengers()
    except SettingsError:
        _log.exception("experiments cannot be read; the releases that they compared stay")
        return current.resources.challengers
    found = {}
    for task, digest in sorted(wanted):
        try:
            found[task, digest] = find_or_load(source, loaded, task, digest)
        except (LolomoError, OSError) as error:
            _log.error("the release that %s is tried with is not served: %s", task, error)
    return found


def _loaded(deployment: Deployment) -> Loaded:
    """Return every release that is loaded, by task and digest."""
    champions = [*deployment.resources.champions.items()]
    champions += [(task, trial.challenger) for task, trial in deployment.trials.items()]
    known = {(task, champion.digest): champion for task, champion in champions}
    return {**deployment.resources.challengers, **known}


@dataclass(slots=True)
class Swapper:
    """Keeps a front's deployment as the source says it should be."""

    source: Source
    get: Callable[[], Deployment]
    put: Callable[[Deployment], None]
    """Replaces the deployment; called on the event loop."""
    last: Swap = field(default_factory=lambda: Swap(outcome="unchanged"))
    since: float = field(default_factory=time.time)
    """When the deployment began to serve, seconds since 1970."""
    _seen: Stamp = field(default=(), init=False)
    """Nothing at first: what changed since the releases were loaded is found at the first look."""
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _asked: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    async def swap(self) -> Swap:
        """Make the deployment what the source says; see `last` for how it went."""
        async with self._lock:
            self._seen = self.source.stamp()
            started = time.perf_counter()
            current = self.get()
            try:
                new = await asyncio.to_thread(_load, self.source, current)
            except (LolomoError, OSError) as error:
                _log.error(
                    "the releases in service stay, since the new ones are refused: %s", error
                )
                return self._end("refused", started, str(error))
            if _identity(new) == _identity(current):
                return self._end("unchanged", started)
            self.put(new)
            self.since = time.time()
            return self._end("swapped", started)

    async def watch(self) -> None:
        """Swap whenever pins or canaries change, or SIGHUP comes."""
        loop = asyncio.get_running_loop()
        with suppress(RuntimeError, ValueError):  # where this is not the main thread
            loop.add_signal_handler(signal.SIGHUP, self._asked.set)
        try:
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._asked.wait(), WATCH_SECONDS)
                if self._asked.is_set() or self.source.stamp() != self._seen:
                    self._asked.clear()
                    await self.swap()
        finally:
            with suppress(RuntimeError, ValueError):
                loop.remove_signal_handler(signal.SIGHUP)

    def describe(self) -> dict[str, Any]:
        """Return what serves, what is on trial and how the last swap went, as plain values."""
        deployment = self.get()
        return {
            "releases": {
                task: {"digest": champion.digest, "model": champion.model}
                for task, champion in deployment.resources.champions.items()
            },
            "canaries": {
                task: {**asdict(trial.canary), "model": trial.challenger.model}
                for task, trial in deployment.trials.items()
            },
            "challengers": {
                f"{task}={digest}": {"model": champion.model}
                for (task, digest), champion in deployment.resources.challengers.items()
            },
            "degraded": dict(deployment.degraded),
            "since": self.since,
            "last_swap": asdict(self.last),
        }

    def _end(self, outcome: str, started: float, error: str = "") -> Swap:
        metrics.SWAPS.labels(outcome).inc()
        seconds = time.perf_counter() - started
        self.last = Swap(outcome=outcome, error=error, seconds=seconds)
        return self.last


def _identity(deployment: Deployment) -> tuple[Any, ...]:
    """Return what tells two deployments apart."""
    champions = deployment.resources.champions
    return (
        {task: champion.digest for task, champion in champions.items()},
        {task: trial.canary for task, trial in deployment.trials.items()},
        dict(deployment.degraded),
        set(deployment.resources.challengers),
    )
