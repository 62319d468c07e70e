"""A real Redis for tests: Debian's redis-server on a loopback port, kept in memory only.

    with running_redis() as address:
        store = FeatureStore(workspace, redis=address)

`tests/install_redis` installs it. Where it is missing, tests skip with the reason.
"""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import redis

PROGRAM = shutil.which("redis-server")
needs_redis = pytest.mark.skipif(
    PROGRAM is None, reason="redis-server is not installed: run tests/install_redis as root"
)
START_SECONDS = 10.0


@dataclass(frozen=True)
class RedisServer:
    """A server that a test may stall or kill."""

    address: str
    process: subprocess.Popen[bytes]

    def stall(self) -> None:
        """Let it accept connections and answer nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def running_redis(port: int = 0) -> Iterator[RedisServer]:
    """Run a server until the block ends; at a port that the system chooses unless given one."""
    port = port or _free_port()
    command = [str(PROGRAM), "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
    command += ["--appendonly", "no", "--dir", "/tmp", "--databases", "4"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_ready(port)
        yield RedisServer(f"127.0.0.1:{port}", process)
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def _wait_until_ready(port: int) -> None:
    end = time.monotonic() + START_SECONDS
    with redis.Redis(port=port) as client:
        while True:
            try:
                client.ping()
                return
            except redis.RedisError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)
