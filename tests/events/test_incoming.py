"""Events that come in: checked row by row, counted once, on the disk before the receipt."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from lolomo.events.incoming import IncomingLog, Receipt, read_incoming, segments
from lolomo.events.incoming_tail import IncomingTail

EVENT = {
    "event_id": "e1",
    "user_id": "u1",
    "item_id": "0042",
    "kind": "play",
    "timestamp": "2025-03-04T05:06:07.89Z",
}


Opened: TypeAlias = Callable[[], IncomingLog]


def event(event_id: str, **changed: Any) -> dict[str, Any]:
    return {**EVENT, "event_id": event_id, **changed}


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """Make logs that are closed when the test ends."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(IncomingLog(tmp_path)))


def test_an_event_is_read_as_it_was_sent(tmp_path: Path, opened: Opened) -> None:
    sent = event("a", value=12.5, progress=0.5, row=1, position=3, propensity=0.25, device="tv")
    assert opened().take([[sent]]) == [Receipt(1, 0)]
    found = read_incoming(tmp_path).row(0, named=True)
    assert found["timestamp"].isoformat() == "2025-03-04T05:06:07.890000+00:00"
    assert {name: found[name] for name in sent if name != "timestamp"} == {
        name: value for name, value in sent.items() if name != "timestamp"
    }


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (event("a", kind="stare"), "kind: received 'stare', expected one of"),
        (event("a", timestamp="yesterday"), "timestamp: received 'yesterday'"),
        (event("a", user_id=" "), "user_id: received nothing"),
        (event("a", propensity=1.5), "propensity: received '1.5'"),
        (event("a", colour="red"), "unknown field(s) colour"),
        (event("a", user_id=["u"]), "user_id: received list"),
        ({key: EVENT[key] for key in EVENT if key != "event_id"}, "event_id: received nothing"),
        ("play", "received str, expected an object"),
    ],
)
def test_a_row_that_is_no_event_is_named_and_the_others_are_taken(
    tmp_path: Path, opened: Opened, row: Any, reason: str
) -> None:
    receipt = opened().take([[event("b"), row, event("c")]])[0]
    assert (receipt.accepted, receipt.duplicates) == (2, 0)
    assert [refusal.row for refusal in receipt.refused] == [1]
    assert reason in receipt.refused[0].reason
    assert read_incoming(tmp_path)["event_id"].to_list() == ["b", "c"]
    assert segments(tmp_path / "refused")


def test_an_event_that_comes_again_is_counted_once(tmp_path: Path, opened: Opened) -> None:
    log = opened()
    receipts = log.take([[event("a"), event("b")], [event("b"), event("c"), event("c")]])
    assert receipts == [Receipt(2, 0), Receipt(1, 2)]
    log.close()
    assert opened().take([[event("c"), event("d")]]) == [Receipt(1, 1)]
    assert read_incoming(tmp_path)["event_id"].to_list() == ["a", "b", "c", "d"]


def test_a_wrong_row_does_not_shadow_a_right_one_of_its_id(tmp_path: Path, opened: Opened) -> None:
    receipt = opened().take([[event("a", kind="stare"), event("a")]])[0]
    assert receipt.accepted == 1
    assert read_incoming(tmp_path)["event_id"].to_list() == ["a"]


def test_what_comes_late_is_put_in_the_order_of_time(tmp_path: Path, opened: Opened) -> None:
    late = event("late", timestamp="2025-03-01T00:00:00Z")
    opened().take([[event("a")], [late]])
    assert read_incoming(tmp_path)["event_id"].to_list() == ["late", "a"]


def test_two_processes_that_took_the_same_event_wrote_one(tmp_path: Path, opened: Opened) -> None:
    for log in (opened(), opened()):
        assert log.take([[event("a")]]) == [Receipt(1, 0)]
    assert read_incoming(tmp_path).height == 1


def test_a_torn_frame_costs_only_itself(tmp_path: Path, opened: Opened) -> None:
    log = opened()
    log.take([[event("a")]])
    log.take([[event("b")]])
    log.close()
    path = segments(tmp_path)[0]
    path.write_bytes(path.read_bytes()[:-7])
    assert read_incoming(tmp_path)["event_id"].to_list() == ["a"]
    assert opened().take([[event("a"), event("b")]]) == [Receipt(1, 1)]


def test_the_tail_tells_each_event_once_whoever_took_it(tmp_path: Path, opened: Opened) -> None:
    tail, one, other = IncomingTail(tmp_path), opened(), opened()
    assert tail.new().height == 0
    one.take([[event("a")]])
    other.take([[event("b")]])
    assert sorted(tail.new()["event_id"]) == ["a", "b"]
    one.take([[event("c")]])
    assert tail.new()["event_id"].to_list() == ["c"]
    assert tail.new().is_empty()


def test_a_full_segment_is_followed_by_another(
    tmp_path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lolomo.events.incoming.SEGMENT_BYTES", 1)
    log = opened()
    for number in range(3):
        log.take([[event(str(number))]])
    assert len(segments(tmp_path)) == 3
    assert read_incoming(tmp_path).height == 3


def test_nothing_counts_as_taken_if_the_disk_is_full(
    tmp_path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = opened()
    log.take([[event("a")]])

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("lolomo.events.journal_segment.os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            log.take([[event("b")]])
    assert log.take([[event("b")]]) == [Receipt(1, 0)]
    assert read_incoming(tmp_path)["event_id"].to_list() == ["a", "b"]
