"""The journal of pages: every request is written down off the hot path, and can be replayed."""

import asyncio
import errno
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from lolomo.core.errors import DataError
from lolomo.events.journal_reading import Journal
from lolomo.events.journal_writer import JournalWriter
from lolomo.serving.bentos import Front, PageAnswer, PageRequest
from lolomo.serving.bentos.schema import SearchRequest
from lolomo.serving.bentos.search import search
from lolomo.serving.journal import Recorder
from lolomo.serving.journal.replaying import replay
from lolomo.serving.steps import Champion


@pytest.fixture
def journalled(front: Front, tmp_path: Path) -> Front:
    """Return a front that writes a journal while it is open."""
    front.journal = Recorder(JournalWriter(tmp_path), interval_seconds=0.01)
    return front


def serve(front: Front, *requests: PageRequest) -> list[PageAnswer]:
    """Open, answer and close, so that everything is written down."""

    async def run() -> list[PageAnswer]:
        await front.open()
        answers = [await front.page(request) for request in requests]
        await front.close()
        return answers

    return asyncio.run(run())


def record_of(folder: Path, answer: PageAnswer) -> dict[str, Any]:
    return Journal(folder).find(answer.request_id)


def test_a_request_is_written_down_with_all_that_its_page_was_made_from(
    journalled: Front, tmp_path: Path
) -> None:
    answer, _ = serve(journalled, PageRequest(user_id="ann", device="tv"), PageRequest(user_id="x"))
    record = record_of(tmp_path, answer)
    assert (record["user_id"], record["device"]) == ("ann", "tv")
    assert json.loads(record["user_features"])["history_item_ids"] == ["0003", "0011", "0020"]
    assert record["seen_item_ids"] == ["0004"]
    assert record["releases"]["top_picks"] == "d" * 64
    assert (record["snapshot_version"], record["degraded"]) == ("fake", {})
    assert {part["task"] for part in record["proposals"]} == set(answer.num_candidates)
    ranked = record["rankings"][0]
    assert ranked["snapshot_rows"] == [int(item_id) for item_id in ranked["item_ids"]]
    assert set(record["latency_us"]) >= {"features", "next_play", "rank", "compose", "total"}
    shown = [entry["item_id"] for row in answer.rows for entry in row.entries]
    assert [slot["item_id"] for slot in record["slots"]] == shown
    assert {slot["propensity"] for slot in record["slots"]} == {1.0}
    assert [row["title"] for row in record["rows"]] == [row.title for row in answer.rows]


def test_the_journal_answers_sql(journalled: Front, tmp_path: Path) -> None:
    serve(journalled, *(PageRequest(user_id=user) for user in ("ann", "bob", "ann")))
    frame = Journal(tmp_path).query(
        "SELECT user_id, count(*) AS pages, min(latency_us['total']) AS us FROM journal "
        "GROUP BY user_id ORDER BY user_id"
    )
    assert frame.select("user_id", "pages").rows() == [("ann", 2), ("bob", 1)]
    assert (frame["us"] > 0).all()


def test_a_search_is_written_down_and_not_replayed(journalled: Front, tmp_path: Path) -> None:
    async def ask() -> str:
        await journalled.open()
        answer = await search(journalled, SearchRequest(user_id="ann", text="17"))
        await journalled.close()
        return answer.request_id

    record = Journal(tmp_path).find(asyncio.run(ask()))
    assert (record["surface"], record["slots"][0]["item_id"]) == ("search", "0017")
    assert json.loads(record["user_features"])["text"] == "17"
    with pytest.raises(DataError, match="was a search"):
        replay(record, journalled.resources)


@pytest.mark.parametrize("user_id", ["ann", "bob", "nobody"])
def test_a_replay_computes_the_same_page(journalled: Front, tmp_path: Path, user_id: str) -> None:
    (answer,) = serve(journalled, PageRequest(user_id=user_id, country="SE"))
    again = replay(record_of(tmp_path, answer), journalled.resources)
    assert again.differences == ()
    assert [row.entries for row in again.page.rows] == [row.entries for row in answer.rows]


def test_a_replay_says_what_another_release_would_have_shown(
    journalled: Front, tmp_path: Path, champions: dict[str, Champion]
) -> None:
    (answer,) = serve(journalled, PageRequest(user_id="ann"))
    ranker: Any = champions["top_picks"].recommender
    ranker.by = "item_plays_7d"
    differences = replay(record_of(tmp_path, answer), journalled.resources).differences
    assert any(text.startswith("row 1, title 1: item ") for text in differences)
    assert any(text.startswith("ranking of top_picks") for text in differences)


def test_a_score_that_is_off_is_told(journalled: Front, tmp_path: Path) -> None:
    (answer,) = serve(journalled, PageRequest(user_id="ann"))
    record = record_of(tmp_path, answer)
    record["slots"][2]["score"] += 0.001
    (difference,) = replay(record, journalled.resources).differences
    assert difference.startswith("row 1, title 3: score ")


def test_a_degraded_page_is_replayed_as_it_was(
    journalled: Front, tmp_path: Path, champions: dict[str, Champion]
) -> None:
    ranker: Any = champions["top_picks"].recommender
    ranker.fail = lambda: 1 / 0
    (answer,) = serve(journalled, PageRequest(user_id="ann"))
    ranker.fail = None
    record = record_of(tmp_path, answer)
    assert record["degraded"] == {"top_picks": "failed: ZeroDivisionError"}
    assert replay(record, journalled.resources).differences == ()


def test_everybodys_page_is_written_down_and_not_replayed(
    journalled: Front, tmp_path: Path
) -> None:
    async def broken(_: Any) -> Any:
        raise RuntimeError

    serving = journalled.serving_for("ann")
    journalled.deployment.servings[frozenset()] = replace(
        serving, steps={**serving.steps, "page": broken}
    )
    (answer,) = serve(journalled, PageRequest(user_id="ann"))
    record = record_of(tmp_path, answer)
    assert record["degraded"]["front"] == "failed: RuntimeError"
    assert {slot["task"] for slot in record["slots"]} == {"trending_now"}
    with pytest.raises(DataError, match="everybody's page"):
        replay(record, journalled.resources)


class FullDisk(JournalWriter):
    """A journal on a disk that is full at first."""

    full = True

    @override
    def append(self, batch: Any) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "no space left on device")
        super().append(batch)


def test_a_full_disk_holds_up_no_page_and_loses_none_that_fits_the_queue(
    front: Front, tmp_path: Path
) -> None:
    writer = FullDisk(tmp_path)
    front.journal = Recorder(writer, interval_seconds=60.0, capacity=3)

    async def fill_and_free() -> None:
        await front.open()
        for _ in range(5):
            assert (await front.page(PageRequest(user_id="ann"))).degraded == {}
        writer.full = False
        await front.close()

    asyncio.run(fill_and_free())
    assert (front.journal.written, front.journal.lost) == (3, 2)
    assert len(Journal(tmp_path).query("SELECT 1 FROM journal")) == 3


def test_a_request_that_cannot_be_written_down_stops_nothing(
    journalled: Front, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert journalled.journal is not None
    broken: Any = "no request"
    journalled.journal.record(broken)
    serve(journalled, PageRequest(user_id="ann"))
    assert (journalled.journal.written, journalled.journal.lost) == (1, 1)
    assert "cannot be written down" in caplog.text
