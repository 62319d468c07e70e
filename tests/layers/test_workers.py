"""One fit by two processes that TF_CONFIG names, on loopback; the file can be run alone.

Each process takes seconds to import TensorFlow, so they are started together, once for all tests.
"""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

WORKER = Path(__file__).with_name("worker_process.py")
LIMIT_SECONDS = 240
"""Far above what it takes: a busy machine imports TensorFlow in half a minute."""
Process = subprocess.Popen[str]


@contextmanager
def worker(config: dict[str, object] | None, folder: Path, pause: float = 0) -> Iterator[Process]:
    """Start a worker; it does not outlive the block."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    if config:
        environment["TF_CONFIG"] = json.dumps(config)
    command = [sys.executable, str(WORKER), str(folder), str(pause)]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def two_workers(folder: Path, pause: float = 0) -> Iterator[list[Process]]:
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket()) for _ in range(2)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{listener.getsockname()[1]}" for listener in listeners]
        for listener in listeners:
            listener.close()
        cluster = {"worker": addresses}
        yield [
            stack.enter_context(
                worker(
                    {"cluster": cluster, "task": {"type": "worker", "index": index}}, folder, pause
                )
            )
            for index in range(2)
        ]


def loss_of(process: Process) -> tuple[float, str]:
    """Return the loss that a worker ended with, and all that it said."""
    said, _ = process.communicate(timeout=LIMIT_SECONDS)
    found = re.search(r"^loss (.*)$", said, re.MULTILINE)
    assert found, said
    return float(found[1]), said


@pytest.fixture(scope="module")
def alone_and_together(tmp_path_factory: pytest.TempPathFactory) -> tuple[float, list[float]]:
    """The loss of one process, and those of two that share the fit."""
    folder = tmp_path_factory.mktemp("workers")
    with worker(None, folder / "one") as one, two_workers(folder / "two") as two:
        together = [loss_of(process)[0] for process in two]
        return loss_of(one)[0], together


def test_two_workers_fit_what_one_process_fits(
    alone_and_together: tuple[float, list[float]],
) -> None:
    alone, together = alone_and_together
    assert together[0] == together[1]
    assert together[0] == pytest.approx(alone, rel=1e-4)


def test_a_killed_worker_goes_on_from_the_last_whole_epoch(
    alone_and_together: tuple[float, list[float]], tmp_path: Path
) -> None:
    with two_workers(tmp_path / "saved", pause=0.3) as (first, second):
        assert second.stdout is not None
        for line in second.stdout:
            if "epoch 4/6" in line:
                second.kill()
                break
        first.kill()
    with two_workers(tmp_path / "saved") as again:
        ends = [loss_of(process) for process in again]
    for loss, said in ends:
        assert "epoch 1/6" not in said
        assert loss == pytest.approx(alone_and_together[0], rel=1e-4)
    assert not (tmp_path / "saved").exists()
