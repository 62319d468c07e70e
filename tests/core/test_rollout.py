import json
from pathlib import Path

import pytest

from lolomo.core.errors import ReleaseError
from lolomo.core.rollout import CANARIES, Canary, Rollout, read_pins

DIGEST = "ab" * 32
USERS = [f"user-{number}" for number in range(4000)]


def canary(percent: float, salt: str = "top_picks/1") -> Canary:
    return Canary(digest=DIGEST, percent=percent, salt=salt)


@pytest.mark.parametrize("percent", [1.0, 10.0, 50.0, 100.0])
def test_a_canary_takes_its_share_of_users(percent: float) -> None:
    taken = sum(map(canary(percent).takes, USERS))
    assert taken / len(USERS) * 100 == pytest.approx(percent, abs=2.5)


def test_a_wider_canary_keeps_those_who_have_it() -> None:
    narrow, wide = canary(5), canary(25)
    assert {user for user in USERS if narrow.takes(user)} < set(filter(wide.takes, USERS))


def test_two_canaries_draw_different_users() -> None:
    first, second = canary(20), canary(20, "top_picks/2")
    both = sum(first.takes(user) and second.takes(user) for user in USERS)
    assert both / len(USERS) == pytest.approx(0.04, abs=0.015)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    rollout = Rollout(tmp_path)
    rollout.set_canary("top_picks", canary(5))
    rollout.set_canary("next_play", canary(7))
    rollout.set_canary("next_play", None)
    assert rollout.canaries() == {"top_picks": canary(5)}


@pytest.mark.parametrize(("percent", "digest"), [(0, DIGEST), (101, DIGEST), (5, "ab12")])
def test_a_canary_out_of_range_is_refused(percent: float, digest: str) -> None:
    with pytest.raises(ReleaseError, match="at most 100 %"):
        Canary(digest=digest, percent=percent, salt="s")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", "holds list"),
        ("{", "not JSON"),
        (json.dumps({"top_picks": {"digest": DIGEST, "share": 5}}), "expected an object with"),
    ],
)
def test_a_broken_file_is_refused(text: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / CANARIES).write_text(text)
    with pytest.raises(ReleaseError, match=expected):
        Rollout(tmp_path).canaries()


def test_a_pin_must_be_a_digest() -> None:
    with pytest.raises(ReleaseError, match="no digest"):
        read_pins('{"top_picks": "champion"}')
