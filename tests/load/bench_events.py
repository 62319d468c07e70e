"""Measure how many events a second come in for good, and how soon the next page knows of one.

    python tests/load/bench_events.py --seconds 15
    LOLOMO_HOME=... python tests/load/bench_events.py --dataset movietweetings-100k

The first part sends events to a process that does nothing else, over loopback from this one, and
counts what was thanked for with 202, hence is synced to the disk; then it reads the disk and counts
again. The second part, with --dataset, starts the whole page service of a workspace with releases:
it plays what stands first on a member's page, and asks until it is there no more.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from lolomo.core.settings import Settings
from lolomo.events.incoming import read_incoming
from lolomo.operations.service_process import running_service

PROCESS = Path(__file__).parents[1] / "serving" / "events_process.py"
POLL_SECONDS = 0.02
GIVE_UP_SECONDS = 10.0


def batch_of(sender: int, number: int, size: int) -> list[dict[str, Any]]:
    """Return events as a player sends them."""
    return [
        {
            "event_id": f"{sender}-{number}-{place}",
            "user_id": f"u{place % 97}",
            "item_id": f"{place:07d}",
            "kind": "play",
            "value": 1234.5,
            "timestamp": "2025-03-04T05:06:07.890Z",
            "session_id": f"s{sender}",
            "device": "tv",
            "country": "DE",
            "surface": "top_picks",
            "row": 0,
            "position": 3,
            "progress": 0.4,
        }
        for place in range(size)
    ]


async def send(url: str, senders: int, size: int, seconds: float) -> tuple[int, list[float]]:
    """Return how many events were thanked for, and the seconds of each request."""
    took: list[float] = []
    until = time.perf_counter() + seconds

    async def sender(client: httpx.AsyncClient, name: int) -> int:
        accepted = number = 0
        while time.perf_counter() < until:
            rows = batch_of(name, number, size)
            started = time.perf_counter()
            answer = await client.post(url, json={"events": rows}, timeout=60)
            took.append(time.perf_counter() - started)
            accepted += answer.json()["accepted"] if answer.status_code == 202 else 0
            number += 1
        return accepted

    async with httpx.AsyncClient() as client:
        accepted = await asyncio.gather(*(sender(client, name) for name in range(senders)))
    return sum(accepted), took


@contextmanager
def events_process(folder: Path) -> Iterator[str]:
    """Yield the address of a process that takes events in."""
    command = [sys.executable, str(PROCESS), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1/events"
        process.terminate()


def measure_intake(senders: int, size: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as name, events_process(Path(name)) as url:
        accepted, took = asyncio.run(send(url, senders, size, seconds))
        on_disk = read_incoming(Path(name)).height
    p50, p99 = (1e3 * np.quantile(took, (0.5, 0.99))).tolist()
    print(f"{senders} senders, {size} events a request, {seconds:.0f} s, each request synced")
    print(f"  taken in      {accepted / seconds:10,.0f} events/s ({accepted:,} thanked for)")
    print(f"  on the disk   {on_disk:10,} (must be at least as many)")
    print(f"  answer        {p50:10.1f} ms median, {p99:.1f} ms at p99")


def seconds_until_known(client: httpx.Client, user_id: str, number: int) -> float:
    """Play what stands first on a member's page; return when the next page has it no more."""

    def shown() -> tuple[str, str]:
        page = client.post("/v1/page", json={"user_id": user_id}).json()
        return page["rows"][0]["entries"][0]["item_id"], page["timestamp"]

    item_id, timestamp = shown()
    event = {"event_id": f"probe-{number}-{time.time_ns()}", "user_id": user_id, "kind": "play"}
    event |= {"item_id": item_id, "timestamp": timestamp}
    started = time.perf_counter()
    client.post("/v1/events", json={"events": [event]}).raise_for_status()
    while shown()[0] == item_id:
        if time.perf_counter() - started > GIVE_UP_SECONDS:
            return float("inf")
        time.sleep(POLL_SECONDS)
    return time.perf_counter() - started


def measure_pages(dataset: str, probes: int) -> None:
    workspace = Settings.from_environment().workspace(dataset)
    log = workspace.reports / "bench-events.log"
    with running_service(dataset, log) as service, httpx.Client(base_url=service.url) as client:
        users = [str(number) for number in range(1, probes + 1)]
        took = [seconds_until_known(client, user, place) for place, user in enumerate(users)]
    p50, p99, most = (1e3 * np.quantile(took, (0.5, 0.99, 1.0))).tolist()
    print(f"event to next page on {dataset}, {probes} events, asked every {POLL_SECONDS} s")
    print(f"  known after   {p50:10.0f} ms median, {p99:.0f} ms at p99, {most:.0f} ms at most")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--senders", type=int, default=4)
    parser.add_argument("--size", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--dataset", help="also measure the page of this workspace")
    parser.add_argument("--probes", type=int, default=100)
    asked = parser.parse_args()
    measure_intake(asked.senders, asked.size, asked.seconds)
    if asked.dataset:
        measure_pages(asked.dataset, asked.probes)


if __name__ == "__main__":
    main()
