"""Serve many requests with the journal on, then check what it holds: skew, replays, a kill.

    LOLOMO_HOME=... python tests/load/bench_journal.py --dataset movietweetings-100k

The workspace is copied. Requests are answered in this process, one after the other, of users drawn
from the log on five devices; then every one's features are compared with those that training would
compute, and some pages are computed again. Last, a service under load is killed, and the requests
that were answered and are not in its journal are counted.
"""

import argparse
import asyncio
import json
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from typing_extensions import override

from lolomo.core.columns import Columns
from lolomo.core.settings import Settings, Workspace
from lolomo.events import EventLog
from lolomo.events.journal_reading import Journal
from lolomo.operations.replay import replay_latest
from lolomo.operations.skew import check_skew
from lolomo.operations.terminal import progress_bar
from lolomo.serving.bentos import Front, FrontOptions, PageRequest, load_front
from lolomo.serving.journal import Recorder, Served

sys.path.insert(0, str(Path(__file__).parents[1]))
from load.bench_faults import Bench
from load.serving_load import load

DEVICES = ("tv", "mobile", "web", "tablet", None)


@dataclass(slots=True)
class TimedRecorder(Recorder):
    """Says what handing over costs a request."""

    spent: list[float] = field(default_factory=list)

    @override
    def record(self, served: Served) -> None:
        started = time.perf_counter()
        Recorder.record(self, served)
        self.spent.append(time.perf_counter() - started)


async def serve(front: Front, users: list[str], num_requests: int) -> float:
    """Answer requests one after the other; return how many seconds a page took, the median."""
    await front.open()
    rng, taken = np.random.default_rng(0), []
    with progress_bar("Serving") as progress:
        for number in range(num_requests):
            user, device = rng.choice(users), DEVICES[rng.integers(len(DEVICES))]
            started = time.perf_counter()
            await front.page(PageRequest(user_id=str(user), device=device))
            taken.append(time.perf_counter() - started)
            progress(number / num_requests, f"{number} requests")
    await front.close()
    return float(np.median(taken))


def killed(bench: Bench) -> tuple[int, int]:
    """Kill a service under load; return how many pages it had answered, and how many it lost."""
    before = len(Journal(bench.workspace.journal).query("SELECT 1 FROM journal"))

    async def run() -> int:
        with bench.service() as (url, process):
            asking = asyncio.create_task(load(f"{url}/v1/page", bench.bodies, bench.rate, 6.0))
            await asyncio.sleep(4.0)
            process.send_signal(signal.SIGKILL)
            return (await asking).statuses["200"]

    answered = asyncio.run(run())
    rows = len(Journal(bench.workspace.journal).query("SELECT 1 FROM journal"))
    return answered, answered - (rows - before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--dataset")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--replays", type=int, default=200)
    parser.add_argument("--rate", type=float, default=20.0, help="requests a second, for the kill")
    given = parser.parse_args()
    source = Settings.from_environment().workspace(given.dataset)
    users = EventLog(source.events).events()[Columns.USER_ID].unique().sort().to_list()
    table = Table("what", "figure", title=f"journal of {given.requests} requests")
    with tempfile.TemporaryDirectory(prefix="lolomo-journal-") as folder:
        shutil.copytree(source.root, Path(folder) / "w", ignore=shutil.ignore_patterns("runs"))
        workspace = Workspace(Path(folder) / "w")
        shutil.rmtree(workspace.journal, ignore_errors=True)
        front = load_front(FrontOptions(workspace.root, deadline_seconds=10.0))
        assert front.journal is not None
        recorder = TimedRecorder(front.journal.writer)
        front.journal = recorder
        median = asyncio.run(serve(front, users, given.requests))
        size = sum(path.stat().st_size for path in workspace.journal.rglob("*.parquet"))
        table.add_row("page, median ms", f"{1e3 * median:.1f}")
        table.add_row("handing over, median us", f"{1e6 * float(np.median(recorder.spent)):.1f}")
        table.add_row("written, lost", f"{recorder.written}, {recorder.lost}")
        table.add_row("bytes a request, sealed", f"{size / recorder.written:,.0f}")
        with progress_bar("Skew") as progress:
            skew = check_skew(workspace, given.requests, progress)
        table.add_row("features compared", f"{skew.values:,} of {skew.requests:,} requests")
        table.add_row("mismatches", f"{skew.mismatches.total():,}")
        with progress_bar("Replays") as progress:
            again = replay_latest(workspace, given.replays, progress)
        table.add_row("pages computed again", f"{again['replayed']}")
        table.add_row("that differ", f"{len(again['different'])}")
        bodies = [json.dumps({"user_id": user}).encode() for user in users[:500]]
        bench = Bench(workspace, Path(folder) / "control", bodies, given.rate, 4.0)
        answered, lost = killed(bench)
        table.add_row("killed: answered, lost", f"{answered}, {lost} ({lost / given.rate:.2f} s)")
    Console().print(table)


if __name__ == "__main__":
    main()
