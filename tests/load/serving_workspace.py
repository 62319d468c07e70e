"""A workspace to serve from whose ranker is one member of the blend that is pinned elsewhere.

Everything else is a link to the real workspace; nothing there is written to.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lolomo.core.release import ReleaseStore
from lolomo.core.settings import Workspace
from lolomo.runtimes.blend import DESCRIPTION

RANKERS = {"deep": "deep_ranker", "lightgbm": "lightgbm_ranker", "blend": ""}
"""Folder of each in the release of the blend; "" for the release itself."""
START_SECONDS = 180.0


def with_ranker(workspace: Workspace, home: Path, ranker: str) -> Workspace:
    """Return a workspace below `home` that serves the same but ranks by one of `RANKERS`."""
    served = Workspace(home / workspace.root.name)
    served.releases.mkdir(parents=True)
    for name in ("events", "features", "online"):
        (served.root / name).symlink_to(workspace.root / name)
    source, store = ReleaseStore(workspace.releases), ReleaseStore(served.releases)
    pins = source.pins()
    for digest in pins.values():
        (served.releases / digest).symlink_to(workspace.releases / digest)
    if RANKERS[ranker]:
        blend = source.open(pins["top_picks"])
        members = json.loads((blend.path / DESCRIPTION).read_text())["members"]
        member = next(each for each in members if each["folder"] == RANKERS[ranker])
        card = replace(
            blend.card, model=ranker, runtime=member["runtime"], inputs=tuple(member["inputs"])
        )
        pins["top_picks"] = store.publish(blend.path / member["folder"], card).digest
    (served.releases / "pins.json").write_text(json.dumps(pins))
    return served


@contextlib.contextmanager
def served(workspace: Workspace, workers: int, port: int) -> Iterator[tuple[str, float, list[int]]]:
    """Serve a workspace; yield its URL, the seconds until it was ready, and its workers' pids."""
    command = [sys.executable, "-m", "lolomo.cli", "serve", "--dataset", workspace.root.name]
    command += ["--workers", str(workers), "--port", str(port)]
    environment = {**os.environ, "LOLOMO_HOME": str(workspace.root.parent)}
    log = workspace.root / "serve.log"
    begun = time.perf_counter()
    with log.open("w") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, process, log)
        yield url, time.perf_counter() - begun, _workers(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=30)
        process.kill()


def pss_bytes(pid: int) -> int:
    """Return a process's proportional set size: shared pages are split among who shares them."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("Pss:")))


def _workers(pid: int) -> list[int]:
    """Return the processes that answer: the children, or the process itself if it has none."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    serving = [child for child in map(int, children) if _is_python(child)]
    return serving or [pid]


def _is_python(pid: int) -> bool:
    text = Path(f"/proc/{pid}/cmdline").read_bytes()
    return b"python" in text and b"resource_tracker" not in text


def _wait(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/readyz", timeout=5):
            return
        time.sleep(0.05)
    raise SystemExit(f"the service did not start:\n{log.read_text()[-2000:]}")
