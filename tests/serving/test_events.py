"""Events over HTTP: every answer, and a process that is killed in the middle."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
from serving.events_process import application

from lolomo.events.incoming import read_incoming
from lolomo.serving.bentos.events import Ingestion

PROCESS = Path(__file__).with_name("events_process.py")


def event(event_id: str) -> dict[str, Any]:
    moment = "2025-03-04T05:06:07Z"
    return {
        "event_id": event_id,
        "user_id": "u",
        "item_id": "i",
        "kind": "play",
        "timestamp": moment,
    }


async def post(ingestion: Ingestion, *bodies: Any) -> list[httpx.Response]:
    transport = httpx.ASGITransport(application(ingestion))
    async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
        sent = [client.post("/v1/events", json=body) for body in bodies]
        answers = await asyncio.gather(*sent)
    await ingestion.close()
    return answers


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"events": [event("a"), event("a")]}, 202, '"accepted":1,"duplicates":1'),
        ({"events": [event("a"), {"event_id": "b"}]}, 202, "user_id: received nothing"),
        ({"events": [{"event_id": "b"}]}, 422, "user_id: received nothing"),
        ({"events": []}, 422, "at least one event"),
        ([event("a")], 422, "an object"),
        ({"events": [{}] * 5_001}, 413, "at most 5000"),
    ],
)
def test_each_body_has_its_answer(tmp_path: Path, body: Any, status: int, says: str) -> None:
    answer = asyncio.run(post(Ingestion(tmp_path, print), body))[0]
    assert (answer.status_code, says in answer.text) == (status, True)


def test_requests_that_come_together_are_written_together(tmp_path: Path) -> None:
    bodies = [{"events": [event(str(number))]} for number in range(40)]
    answers = asyncio.run(post(Ingestion(tmp_path, print), *bodies, *bodies))
    assert {answer.status_code for answer in answers} == {202}
    assert sum(answer.json()["accepted"] for answer in answers) == 40
    assert read_incoming(tmp_path).height == 40


def test_too_many_that_wait_are_asked_to_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lolomo.serving.bentos.events.MOST_WAITING", 2)
    answer = asyncio.run(
        post(Ingestion(tmp_path, print), {"events": [event(n) for n in ("a", "b", "c")]})
    )[0]
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_features_are_told_of_what_came_in_before_and_after_they_listen(tmp_path: Path) -> None:
    told: list[str] = []

    def observe(events: pl.DataFrame) -> None:
        told.extend(events["event_id"])

    async def follow() -> None:
        ingestion = Ingestion(tmp_path, observe)
        await ingestion.take([event("before")])
        following = asyncio.create_task(ingestion.follow())
        await asyncio.sleep(0.1)
        await ingestion.take([event("after")])
        await asyncio.sleep(0.5)
        following.cancel()
        await ingestion.close()

    asyncio.run(follow())
    assert told == ["before", "after"]


@pytest.fixture
def process(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, str(PROCESS), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        yield running
        running.kill()


def send_until_killed(url: str, process: "subprocess.Popen[str]", after: int) -> set[str]:
    """Return the ids of the events that were thanked for."""
    thanked: set[str] = set()
    with httpx.Client() as client, contextlib.suppress(httpx.TransportError):
        for number in range(10_000):
            batch = [event(f"{number}-{place}") for place in range(20)]
            if number == after:
                os.kill(process.pid, signal.SIGKILL)
            if client.post(url, json={"events": batch}).status_code == 202:
                thanked |= {row["event_id"] for row in batch}
    return thanked


def test_nothing_that_was_thanked_for_is_lost_when_the_process_is_killed(
    tmp_path: Path, process: "subprocess.Popen[str]"
) -> None:
    assert process.stdout is not None
    url = f"http://127.0.0.1:{process.stdout.readline().strip()}/v1/events"
    thanked = send_until_killed(url, process, after=60)
    assert 60 * 20 <= len(thanked) < 200_000
    assert thanked <= set(read_incoming(tmp_path)["event_id"])
