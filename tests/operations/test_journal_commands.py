"""`lolomo journal` and `lolomo replay` on a small journal."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from lolomo.cli import lolomo
from lolomo.core.errors import DataError
from lolomo.core.settings import Workspace
from lolomo.events.journal import JOURNAL
from lolomo.events.journal_writer import JournalWriter

MOMENT = datetime(2013, 9, 18, 21, 15, tzinfo=UTC)
REQUEST: dict[str, Any] = {
    "request_id": "0123456789abcdef",
    "timestamp": MOMENT,
    "received_at": MOMENT,
    "user_id": "ann",
    "snapshot_version": "f" * 64,
    "proposals": [{"task": "trending_now", "release": "a" * 64, "item_ids": ["i1", "i2"]}],
    "rankings": [],
    "rows": [{"row": 1, "task": "trending_now", "title": "Trending now", "policy_id": "greedy"}],
    "slots": [{"row": 1, "position": 1, "item_id": "i1", "score": 2.0, "propensity": 1.0}],
    "degraded": [("front", "late")],
    "latency_us": [("total", 12_345)],
}


@pytest.fixture
def writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[JournalWriter]:
    """Return a journal with one request, in the workspace that commands use."""
    monkeypatch.setenv("LOLOMO_HOME", str(tmp_path))
    monkeypatch.setenv("LOLOMO_DATASET", "small")
    writer = JournalWriter(Workspace(tmp_path / "small").journal)
    writer.append(pa.RecordBatch.from_pylist([REQUEST], JOURNAL))
    yield writer
    writer.rotate()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(lolomo, arguments)


@pytest.mark.usefixtures("writer")
def test_the_latest_requests_are_listed() -> None:
    (listed,) = json.loads(run("journal", "list", "--user", "ann", "--json").output)
    assert (listed["titles"], listed["milliseconds"], listed["degraded"]) == (1, 12.345, "front")
    assert json.loads(run("journal", "list", "--user", "bob", "--json").output) == []
    assert "0123456789abcdef" in run("journal", "list").output


@pytest.mark.usefixtures("writer")
def test_one_request_is_shown_by_the_first_digits_of_its_id() -> None:
    shown = run("journal", "show", "0123").output
    assert "degraded: front: late" in shown
    assert "proposed    2 by trending_now aaaaaaaaaaaa" in shown
    assert "row 1  Trending now (greedy)  i1" in shown
    assert json.loads(run("journal", "show", "0123", "--json").output)["user_id"] == "ann"


@pytest.mark.usefixtures("writer")
def test_sql_is_answered() -> None:
    answer = run("journal", "query", "SELECT count(*) AS n FROM journal", "--json")
    assert json.loads(answer.output) == [{"n": 1}]


def test_a_torn_segment_is_told(writer: JournalWriter) -> None:
    torn = writer.root / "torn"
    torn.mkdir()
    (torn / "x.segment").touch()
    assert "x.segment was cut short" in run("journal", "list").output


@pytest.mark.usefixtures("writer")
def test_everybodys_page_cannot_be_replayed_and_is_counted() -> None:
    answer = run("replay", "--latest", "5", "--json")
    assert json.loads(answer.stdout) == {"replayed": 0, "everybody": 1, "different": {}}
    assert isinstance(run("replay", "ffff").exception, DataError)


@pytest.mark.parametrize("arguments", [(), ("0123", "--latest", "3"), ("--latest", "0")])
def test_a_replay_of_nothing_or_of_two_things_is_refused(arguments: tuple[str, ...]) -> None:
    assert run("replay", *arguments).exit_code == 2
