"""The door: how many are let in, and how what is beyond it is refused."""

import asyncio
from dataclasses import dataclass

import pytest

from lolomo.serving.admission import Admission, OverloadedError
from lolomo.serving.bentos import Front, PageRequest
from lolomo.serving.steps.breaker import Breaker


@dataclass
class Hand:
    """A clock that is moved by hand."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


async def serve(door: Admission, hand: Hand, seconds: float, beside: int = 0) -> None:
    """Let one request take so long, with others in flight."""
    door.in_flight += beside
    async with door.admitted():
        hand.now += seconds
    door.in_flight -= beside


def test_beyond_the_limit_requests_are_refused_and_told_when_to_come_back() -> None:
    async def fill(door: Admission) -> None:
        async with door.admitted(), door.admitted():
            with pytest.raises(OverloadedError) as refused:
                await serve(door, Hand(), 0.0)
        assert 1 <= int(refused.value.headers["Retry-After"]) <= 3
        assert refused.value.response().status_code == 503
        assert door.in_flight == 0

    asyncio.run(fill(Admission(limit=2.0)))


@pytest.mark.parametrize(
    ("seconds", "beside", "expected"), [(0.2, 9, 9.0), (0.05, 9, 10.1), (0.05, 0, 10.0)]
)
def test_the_limit_follows_how_late_answers_are(
    seconds: float, beside: int, expected: float
) -> None:
    hand = Hand()
    door = Admission(target_seconds=0.1, limit=10.0, clock=hand)
    asyncio.run(serve(door, hand, seconds, beside))
    assert door.limit == pytest.approx(expected)


def test_one_late_round_shrinks_the_limit_once() -> None:
    async def round_of_three(door: Admission, hand: Hand) -> None:
        async with door.admitted(), door.admitted(), door.admitted():
            hand.now += 1.0

    hand = Hand()
    door = Admission(target_seconds=0.1, limit=10.0, clock=hand)
    asyncio.run(round_of_three(door, hand))
    assert door.limit == pytest.approx(9.0)


def test_the_limit_has_a_floor_and_grows_back() -> None:
    hand = Hand()
    door = Admission(target_seconds=0.1, smallest=4.0, limit=5.0, clock=hand)
    for _ in range(20):
        asyncio.run(serve(door, hand, 1.0))
    assert door.limit == 4.0
    for _ in range(40):
        asyncio.run(serve(door, hand, 0.01, beside=3))
    assert door.limit > 8.0


def test_a_failure_inside_frees_its_place() -> None:
    async def fail(door: Admission) -> None:
        async with door.admitted():
            raise RuntimeError

    door = Admission()
    with pytest.raises(RuntimeError):
        asyncio.run(fail(door))
    assert door.in_flight == 0


def test_the_breaker_opens_after_failures_and_lets_one_through_each_rest() -> None:
    hand = Hand()
    breaker = Breaker(failures_to_open=2, rest_seconds=1.0, clock=hand)
    for _ in range(2):
        assert breaker.allows()
        breaker.record(False)
    assert not breaker.allows()
    hand.now += 1.0
    assert [breaker.allows(), breaker.allows()] == [True, False]
    breaker.record(True)
    assert [breaker.allows(), breaker.allows()] == [True, True]


def test_under_three_times_the_load_pages_are_whole_or_refused(front: Front) -> None:
    """Thirty clients ask at once of a door for ten: ten pages, twenty refusals, no third kind."""

    async def ask() -> str:
        try:
            async with front.admission.admitted():
                return str(len((await front.page(PageRequest(user_id="ann"))).degraded))
        except OverloadedError:
            return "refused"

    async def rush() -> list[str]:
        return await asyncio.gather(*(ask() for _ in range(30)))

    front.admission.limit = 10.0
    answers = asyncio.run(rush())
    assert (answers.count("0"), answers.count("refused")) == (10, 20)
    assert front.admission.in_flight == 0
