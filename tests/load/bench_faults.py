"""Break one dependency after the other under load, and count what members notice.

    LOLOMO_HOME=... python tests/load/bench_faults.py --dataset movietweetings-100k --rate 20

Each fault lasts `--seconds` while pages are asked for at a steady rate, open loop. Counted are
requests that got neither a page nor a deliberate 503 (there must be none), pages that say that a
part is missing, and how long after its end the last of them came. The workspace is copied.
"""

import argparse
import asyncio
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from lolomo.core.release import ReleaseStore
from lolomo.core.settings import Settings, Workspace
from lolomo.events import EventLog

sys.path.insert(0, str(Path(__file__).parents[1]))
from load.serving_load import LoadResult, load
from redis_server import PROGRAM, running_redis

HERE: Final = Path(__file__).parent
PATIENCE_SECONDS: Final = 15.0
SLICE_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one fault did."""

    during: LoadResult
    after: LoadResult
    recovery_seconds: float


@dataclass(frozen=True, slots=True)
class Bench:
    """A service under load."""

    workspace: Workspace
    control: Path
    bodies: list[bytes]
    rate: float
    seconds: float
    deadline_seconds: float = 0.5

    async def suffer(self, url: str, begin: Callable[[], None], end: Callable[[], None]) -> Outcome:
        """Break something for a while, and watch until nothing of it is seen any more."""
        page = f"{url}/v1/page"
        await load(page, self.bodies, self.rate, 1.0)
        begin()
        try:
            during = await load(page, self.bodies, self.rate, self.seconds)
        finally:
            end()
        after, recovered = LoadResult(self.rate), 0.0
        for number in range(round(PATIENCE_SECONDS / SLICE_SECONDS)):
            calm = await load(page, self.bodies, self.rate, SLICE_SECONDS)
            _add(after, calm)
            if calm.degraded or calm.answered < 1.0:
                recovered = (number + 1) * SLICE_SECONDS
            elif (number + 1) * SLICE_SECONDS > recovered + 1.0:
                break
        return Outcome(during, after, recovered)

    def tell(self, *lines: str) -> None:
        """Tell releases what to do; those that are not named work."""
        self.control.write_text("\n".join(lines))

    @contextmanager
    def service(self, *arguments: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
        """Run a service in a process of its own; yield its URL."""
        self.tell()
        command = [sys.executable, str(HERE / "faulty_service.py")]
        command += [str(self.workspace.root), str(self.control), *arguments]
        command += ["--deadline", str(self.deadline_seconds)]
        log = self.control.with_suffix(".log")
        with (
            log.open("w") as output,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=output, text=True) as process,
        ):
            assert process.stdout is not None
            try:
                url = process.stdout.readline().strip()
                assert url, f"the service did not start: {log.read_text()[-2000:]}"
                yield url, process
            finally:
                process.send_signal(signal.SIGCONT)
                process.kill()


def _add(total: LoadResult, part: LoadResult) -> None:
    total.latencies += part.latencies
    total.statuses += part.statuses
    total.degraded += part.degraded


def nothing() -> None:
    """Change nothing."""


def store_faults(bench: Bench) -> dict[str, tuple[Callable[[], None], Callable[[], None]]]:
    """Return how to lock the online store as a writer that hangs would, and how to free it."""
    connections: list[sqlite3.Connection] = []

    def lock() -> None:
        path = bench.workspace.features / "online.db"
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
        connections.append(connection)

    def free() -> None:
        connections.pop().close()

    return {"user store (SQLite) locked": (lock, free)}


def file_faults(bench: Bench, pid: int) -> dict[str, tuple[Callable[[], None], Callable[[], None]]]:
    """Return how to take away the event log and the journal's disk, and give them back."""
    events = bench.workspace.events
    aside = events.with_name("events-aside")
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    return {
        "event log gone": (lambda: _move(events, aside), lambda: _move(aside, events)),
        "journal's disk full": (
            lambda: _limit(pid, (1_000, before[1])),
            lambda: _limit(pid, before),
        ),
    }


def _move(source: Path, target: Path) -> None:
    source.rename(target)


def _limit(pid: int, limits: tuple[int, int]) -> None:
    resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


def release_faults(bench: Bench) -> dict[str, tuple[Callable[[], None], Callable[[], None]]]:
    """Return how to let releases hang or fail, and how to mend them."""
    return {
        f"{what} {verb}s": (partial(bench.tell, f"{task} {verb}"), bench.tell)
        for what, task in (("generator", "next_play"), ("ranker", "top_picks"))
        for verb in ("stall", "fail")
    }


def swap_fault(bench: Bench) -> dict[str, tuple[Callable[[], None], Callable[[], None]]]:
    """Return how to promote another release, and how to roll it back."""
    store = ReleaseStore(bench.workspace.releases)
    pinned = store.pins()
    others = [
        (card["task"], path.parent.name)
        for path in sorted(store.root.glob("*/card.json"))
        if (card := json.loads(path.read_text()))["task"] in pinned
        and path.parent.name != pinned[card["task"]]
    ]
    if not others:
        return {}
    task, digest = others[0]
    return {
        f"release of {task} swapped": (
            lambda: store.pin(task, digest),
            lambda: store.pin(task, pinned[task]),
        )
    }


async def embedded(bench: Bench, table: Table) -> None:
    """Break what an embedded service depends on."""
    with bench.service() as (url, process):
        faults = {"(none)": (nothing, nothing), **store_faults(bench), **release_faults(bench)}
        faults |= file_faults(bench, process.pid) | swap_fault(bench)
        for name, (begin, end) in faults.items():
            _print(table, name, await bench.suffer(url, begin, end))
        page = asyncio.create_task(load(f"{url}/v1/page", bench.bodies, bench.rate, 2.0))
        await asyncio.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        _print(table, "SIGTERM, 2 s of draining", Outcome(await page, LoadResult(0), 0.0))


async def behind_router(bench: Bench, table: Table) -> None:
    """Break the router of a remote graph."""
    with (
        bench.service("--as-router") as (router, process),
        bench.service("--router", router) as (url, _),
    ):
        stall = (
            lambda: process.send_signal(signal.SIGSTOP),
            lambda: process.send_signal(signal.SIGCONT),
        )
        _print(table, "(none, by a router)", await bench.suffer(url, nothing, nothing))
        _print(table, "router stalled", await bench.suffer(url, *stall))
        _print(table, "router killed (for good)", await bench.suffer(url, process.kill, nothing))


async def with_redis(bench: Bench, table: Table) -> None:
    """Break Redis as the user store."""
    from lolomo.features import FeatureStore

    if PROGRAM is None:
        return
    with running_redis() as redis:
        address = f"{redis.address},db=1"
        store = FeatureStore(bench.workspace, address)
        store.materialize(store.as_of)
        with bench.service("--redis", address) as (url, _):
            _print(table, "(none, on Redis)", await bench.suffer(url, nothing, nothing))
            outcome = await bench.suffer(url, redis.stall, redis.resume)
            _print(table, "user store (Redis) stalled", outcome)
            outcome = await bench.suffer(url, redis.kill, nothing)
            _print(table, "user store (Redis) killed (for good)", outcome)


def _print(table: Table, name: str, outcome: Outcome) -> None:
    during, after = outcome.during, outcome.after
    asked = sum(during.statuses.values()) + sum(after.statuses.values())
    never = "for good" in name
    recovery = "-" if never else f"{outcome.recovery_seconds:.1f}"
    table.add_row(
        name,
        str(asked),
        str(during.num_failed + after.num_failed),
        str(during.statuses["503"] + after.statuses["503"]),
        f"{during.degraded}/{sum(during.statuses.values())}",
        f"{during.milliseconds(50):.0f}",
        f"{during.milliseconds(99):.0f}",
        recovery,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--dataset")
    parser.add_argument("--rate", type=float, default=20.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long each fault lasts")
    parser.add_argument("--deadline", type=float, default=0.5, help="seconds, of a page")
    parser.add_argument("--parts", nargs="+", default=["embedded", "router", "redis"])
    given = parser.parse_args()
    settings = Settings.from_environment()
    source = settings.workspace(given.dataset)
    users = EventLog(source.events).events()["user_id"].unique().sort().to_list()[:500]
    bodies = [json.dumps({"user_id": user}).encode() for user in users]
    title = (
        f"{given.rate:.0f} requests/s, deadline {given.deadline} s, faults {given.seconds:.0f} s"
    )
    columns = ("fault", "requests", "failed", "503", "degraded", "p50 ms", "p99 ms", "recovery s")
    table = Table(*columns, title=title)
    parts: dict[str, Any] = {
        "embedded": embedded,
        "router": behind_router,
        "redis": with_redis,
    }
    with tempfile.TemporaryDirectory(prefix="lolomo-faults-") as folder:
        shutil.copytree(source.root, Path(folder) / "w", ignore=shutil.ignore_patterns("runs"))
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        workspace = Workspace(Path(folder) / "w")
        control = Path(folder) / "control"
        bench = Bench(workspace, control, bodies, given.rate, given.seconds, given.deadline)
        for part in given.parts:
            asyncio.run(parts[part](bench, table))
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
