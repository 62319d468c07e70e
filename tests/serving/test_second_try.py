"""Retries and hedges: which answer counts, when none is made, and how many there may be."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from lolomo.serving.graph.second_try import Kind, SecondTries

SLOW, FAST = 0.2, 0.005


class Calls:
    """Answers call by call as told: a number of seconds and what then happens."""

    def __init__(self, *plan: tuple[float, Any]) -> None:
        self.plan = list(plan)
        self.cancelled = 0
        self.kinds: list[Kind] = []

    async def __call__(self) -> Any:
        seconds, answer = self.plan.pop(0)
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(answer, Exception):
            raise answer
        return answer


def tries(calls: Calls, *, known: bool = True, left: float = 1.0) -> SecondTries:
    """Return second tries that know how long calls usually take: 20 ms."""
    made = SecondTries(on_call=calls.kinds.append)
    made._left = left
    made._seconds.extend([0.02] * (20 if known else 0))
    return made


def ask(made: SecondTries, calls: Calls, seconds: float = 2.0) -> Any:
    return asyncio.run(made.call(calls, time.time() + seconds, OSError))


def test_a_call_that_answers_is_made_once() -> None:
    calls = Calls((FAST, "a"))
    assert ask(tries(calls), calls) == "a"
    assert calls.kinds == ["first"]


@pytest.mark.parametrize("known", [True, False])
def test_an_error_is_retried(known: bool) -> None:
    calls = Calls((0, OSError()), (0, "b"))
    assert ask(tries(calls, known=known), calls) == "b"
    assert calls.kinds == ["first", "retry"]


def test_the_first_answer_counts_and_the_other_call_is_given_up() -> None:
    calls = Calls((SLOW, "slow"), (FAST, "hedge"))
    assert ask(tries(calls), calls) == "hedge"
    assert (calls.kinds, calls.cancelled) == (["first", "hedge"], 1)


@pytest.mark.parametrize("plan", [((SLOW, "a"), (0, OSError())), ((0.05, OSError()), (SLOW, "a"))])
def test_an_error_waits_for_the_other_call(plan: Any) -> None:
    calls = Calls(*plan)
    assert ask(tries(calls), calls) == "a"


def test_two_errors_are_an_error() -> None:
    calls = Calls((0.05, OSError("one")), (0.05, OSError("two")))
    with pytest.raises(OSError, match=r"one|two"):
        ask(tries(calls), calls)


ONCE: list[tuple[str, Callable[[Calls], SecondTries], float]] = [
    ("the deadline is too near", lambda calls: tries(calls), 0.01),
    ("too many were made", lambda calls: tries(calls, left=0.0), 2.0),
]


@pytest.mark.parametrize(("why", "make", "seconds"), ONCE, ids=[row[0] for row in ONCE])
def test_no_second_try_is_made_when(
    why: str, make: Callable[[Calls], SecondTries], seconds: float
) -> None:
    calls = Calls((0.05, "a"), (0, "b"))
    assert ask(make(calls), calls, seconds) == "a"
    broken = Calls((0, OSError()), (0, "b"))
    with pytest.raises(OSError):
        ask(make(broken), broken, seconds)


def test_an_error_that_is_not_worth_it_is_not_retried() -> None:
    calls = Calls((0, ValueError()), (0, "b"))
    with pytest.raises(ValueError):
        ask(tries(calls), calls)


def test_nothing_is_hedged_before_it_is_known_what_is_slow() -> None:
    calls = Calls((0.05, "a"))
    assert ask(tries(calls, known=False), calls) == "a"


def test_second_tries_stay_a_small_share_of_the_calls_of_a_broken_service() -> None:
    calls = Calls(*[(0, OSError())] * 500)
    made = tries(calls)

    async def all_fail() -> None:
        for _ in range(200):
            with pytest.raises(OSError):
                await made.call(calls, time.time() + 2, OSError)

    asyncio.run(all_fail())
    assert calls.kinds.count("retry") <= 0.05 * 200 + 1


def test_a_caller_that_gives_up_leaves_no_call_running() -> None:
    calls = Calls((SLOW, "a"), (SLOW, "b"))

    async def give_up() -> None:
        await asyncio.wait_for(tries(calls).call(calls, time.time() + 2, OSError), 0.06)

    with pytest.raises(TimeoutError):
        asyncio.run(give_up())
    assert calls.cancelled == 2
