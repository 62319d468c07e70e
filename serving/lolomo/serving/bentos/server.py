"""Serves the Bento with uvicorn: one process a core, each with everything it needs.

With one worker the releases are loaded before the port is opened, so what is wrong with them ends
the command with its message. With more, the port is opened once and each worker loads for itself.
"""

import os
import signal
import socket
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import uvicorn
from typing_extensions import override
from uvicorn.supervisors import Multiprocess

from lolomo.core.errors import SettingsError
from lolomo.serving.bentos.balancing import Balancing
from lolomo.serving.bentos.draining import Draining
from lolomo.serving.bentos.load import FrontOptions, load_front
from lolomo.serving.bentos.service import page_application

START_SECONDS = 180
"""How long to wait for the first worker to be ready, before nothing more is announced."""
UNHEARD_SECONDS = 30
"""How long a worker process may be unheard of before it is replaced; importing is slow."""
DRAIN_SECONDS = 10
"""How long open requests may take after the service was told to stop."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen."""

    host: str = "127.0.0.1"
    port: int = 3000
    """0 for any free port."""


def serve(
    options: FrontOptions, address: Address, workers: int, on_ready: Callable[[str], None]
) -> None:
    """Serve until told to stop by SIGTERM or SIGINT; then finish open requests and return.

    Args:
        options: What to load.
        address: Where to listen.
        workers: How many processes.
        on_ready: Called once with the service's URL when the first page can be asked for.

    Raises:
        SettingsError: If the address cannot be listened on.
        ReleaseError: If nothing is pinned, or a pinned release is missing or changed.
    """
    listening = _listen(address)
    url = f"http://{address.host}:{listening.getsockname()[1]}"
    with listening, _metrics_folder(), _stop_signals_ignored_afterwards():
        _announce_when_ready(url, on_ready)
        if workers == 1:
            front = load_front(options)
            application = page_application(lambda: front)
            config = _config(Draining(Balancing(application), options.drain_seconds))
            uvicorn.Server(config).run([listening])
        else:
            config = _config(partial(create_application, options), factory=True, workers=workers)
            _Workers(config, [listening]).run()


class _Workers(Multiprocess):
    """Worker processes; SIGHUP has each look at the pins, and restarts none."""

    @override
    def handle_hup(self) -> None:
        for process in self.processes:
            if process.pid is not None:
                os.kill(process.pid, signal.SIGHUP)


def create_application(options: FrontOptions) -> Any:
    """Return the ASGI application of a worker process, which loads when it starts."""
    application = page_application(partial(load_front, options))
    return Draining(Balancing(application), options.drain_seconds)


def _config(application: Any, **more: Any) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        log_level="warning",
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=DRAIN_SECONDS,
        timeout_worker_healthcheck=UNHEARD_SECONDS,
        **more,
    )


def _listen(address: Address) -> socket.socket:
    try:
        return socket.create_server((address.host, address.port), backlog=2048)
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {address.host}:{address.port} ({error.strerror}): stop what uses "
            "it, or choose another with --port (0 for any free one)"
        ) from error


@contextmanager
def _metrics_folder() -> Iterator[None]:
    """Give the workers a folder for the counts that they share, unless the environment has one."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="lolomo-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        yield


@contextmanager
def _stop_signals_ignored_afterwards() -> Iterator[None]:
    """Let uvicorn, which raises the stop signal again after a clean end, not kill the command."""
    stops = (signal.SIGTERM, signal.SIGINT)
    before = {stop: signal.signal(stop, _stop_before_start) for stop in stops}
    try:
        yield
    except _StoppedEarly:
        return
    finally:
        for stop, handler in before.items():
            signal.signal(stop, handler)


class _StoppedEarly(BaseException):
    """A stop signal came while uvicorn was not there to handle it."""


def _stop_before_start(_signal: int, _frame: Any) -> None:
    raise _StoppedEarly


def _announce_when_ready(url: str, on_ready: Callable[[str], None]) -> None:
    def wait() -> None:
        for _ in range(START_SECONDS * 5):
            try:
                with urllib.request.urlopen(f"{url}/readyz", timeout=START_SECONDS):  # noqa: S310
                    on_ready(url)
                    return
            except (OSError, urllib.error.URLError):
                time.sleep(0.2)

    threading.Thread(target=wait, name="announce", daemon=True).start()
