"""The page service as a process of its own, started, waited for and stopped by its pid."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lolomo.core.errors import LolomoError

START_TIMEOUT_SECONDS = 180.0
STOP_TIMEOUT_SECONDS = 20.0
REQUEST_TIMEOUT_SECONDS = 30.0


class ServiceError(LolomoError):
    """The page service did not start, or did not answer as it should."""


@dataclass(frozen=True, slots=True)
class PageService:
    """A running page service."""

    url: str
    log: Path

    def page(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Ask for a page over HTTP.

        Raises:
            ServiceError: If the answer is not 200.
        """
        body = json.dumps(request).encode()
        headers = {"Content-Type": "application/json"}
        return dict(json.loads(_fetch(f"{self.url}/v1/page", body, headers)))

    def read(self, path: str) -> str:
        """Return what a path answers, such as `/metrics`.

        Raises:
            ServiceError: If the answer is not 200.
        """
        return _fetch(f"{self.url}{path}").decode()


def _fetch(url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> bytes:
    request = urllib.request.Request(url, body, dict(headers or {}))  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=REQUEST_TIMEOUT_SECONDS) as answer:  # noqa: S310
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        raise ServiceError(f"{url} answered {error.code}: {error.read(2000).decode()}") from error


@contextlib.contextmanager
def running_service(dataset: str, log: Path, port: int | None = None) -> Iterator[PageService]:
    """Start the page service on loopback, wait until it is ready, and stop it afterwards.

    Args:
        dataset: Whose releases and features it serves.
        log: Where its output goes.
        port: Where it listens; a free one unless given.

    Raises:
        ServiceError: If it ends or is not ready in time; the message holds its last words.
    """
    service, process = start_service(dataset, log, port or free_port())
    try:
        wait_until_ready(service, process)
        yield service
    finally:
        _stop(process)


def start_service(
    dataset: str, log: Path, port: int, *, detached: bool = False
) -> "tuple[PageService, subprocess.Popen[bytes]]":
    """Start the page service on loopback; it is not ready yet.

    Args:
        dataset: Whose releases and features it serves.
        log: Where its output goes.
        port: Where it listens.
        detached: Whether it outlives this process and its terminal.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "lolomo.cli", "serve"]
    command += ["--dataset", dataset, "--host", "127.0.0.1", "--port", str(port)]
    with log.open("w") as output:
        process = subprocess.Popen(  # noqa: S603
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ.copy(),
            start_new_session=detached,
        )
    return PageService(f"http://127.0.0.1:{port}", log), process


def wait_until_ready(service: PageService, process: "subprocess.Popen[bytes]") -> None:
    """Return once the service is ready.

    Raises:
        ServiceError: If it ends or is not ready in time; the message holds its last words.
    """
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError, ServiceError):
            _fetch(f"{service.url}/readyz")
            return
        time.sleep(0.2)
    tail = "\n".join(service.log.read_text().splitlines()[-15:])
    raise ServiceError(
        f"the page service at {service.url} was not ready within {START_TIMEOUT_SECONDS:.0f} s; "
        f"its last words ({service.log}):\n{tail}"
    )


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """Return a loopback port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
