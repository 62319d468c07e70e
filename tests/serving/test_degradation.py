"""The ladder: what hangs or fails is left out, soon without waiting for it, and comes back."""

import asyncio
import time
from dataclasses import replace
from typing import Any

from lolomo.serving.bentos import Front, Limits, PageAnswer, PageRequest
from lolomo.serving.steps import Champion, Reason, Resources
from lolomo.serving.steps.breaker import Breaker


def ask(front: Front, times: int = 1) -> list[PageAnswer]:
    async def run() -> list[PageAnswer]:
        return [await front.page(PageRequest(user_id="ann")) for _ in range(times)]

    return asyncio.run(run())


def fail() -> None:
    raise ConnectionError("refused")


def test_every_reason_is_one_of_a_closed_set() -> None:
    assert Reason.of("failed: ConnectionError") is Reason.FAILED
    assert Reason.of("no-canary: 0123") is Reason.NO_CANARY
    assert Reason.of("what a newer version says") is Reason.UNKNOWN


def test_a_release_that_keeps_failing_is_skipped_and_asked_again_later(
    front: Front, champions: dict[str, Champion]
) -> None:
    now = [100.0]
    champion = replace(champions["top_picks"], breaker=Breaker(clock=lambda: now[0]))
    champions["top_picks"] = champion
    ranker: Any = champion.recommender
    ranker.fail = fail
    reasons = [answer.degraded["top_picks"] for answer in ask(front, 7)]
    assert reasons == ["failed: ConnectionError"] * 5 + ["skipped"] * 2
    ranker.fail = None
    now[0] += champion.breaker.rest_seconds
    assert ask(front)[0].degraded == {}


def test_a_store_that_fails_once_is_asked_once_more(front: Front, resources: Resources) -> None:
    features: Any = resources.features
    read, calls = features.user, []

    def fail_first(*arguments: Any) -> Any:
        calls.append(arguments)
        return fail() if len(calls) == 1 else read(*arguments)

    features.user = fail_first
    assert ask(front)[0].degraded == {}
    assert len(calls) == 2


def test_a_store_that_hangs_stops_costing_time(front: Front, resources: Resources) -> None:
    features: Any = resources.features
    features.user = lambda *_: time.sleep(0.02)
    front.deadline_seconds = 0.02
    assert all(answer.degraded["features"] == "no-features" for answer in ask(front, 6))
    front.deadline_seconds = 5.0
    features.user = lambda *_: time.sleep(1.0)
    started = time.perf_counter()
    assert ask(front)[0].degraded == {"features": "no-features"}
    assert time.perf_counter() - started < 1.0


def test_everybodys_page_needs_neither_model_nor_store(
    front: Front, resources: Resources, champions: dict[str, Champion]
) -> None:
    broken: Any = resources.features

    async def warm_then_lose_everything() -> PageAnswer:
        await front.warm_up()
        broken.user = broken.items = broken.title_keys = lambda *_: fail()
        for champion in champions.values():
            loaded: Any = champion.recommender
            loaded.rank = loaded.retrieve = lambda *_: fail()
        return await front.page(PageRequest(user_id="ann", limits=Limits(titles=4)))

    answer = asyncio.run(warm_then_lose_everything())
    assert [row.task for row in answer.rows] == ["trending_now"]
    assert len(answer.rows[0].entries) == 4
    assert {Reason.of(why) for why in answer.degraded.values()} <= {
        Reason.FAILED,
        Reason.NO_FEATURES,
    }


def test_a_page_that_nothing_is_left_of_is_everybodys(
    front: Front, champions: dict[str, Champion]
) -> None:
    async def warm_then_lose_every_release() -> PageAnswer:
        await front.warm_up()
        champions.clear()
        return await front.page(PageRequest(user_id="ann"))

    answer = asyncio.run(warm_then_lose_every_release())
    assert [row.task for row in answer.rows] == ["trending_now"]
    assert answer.degraded["front"] == "empty"


def test_everybodys_page_is_made_again_and_a_bad_one_is_not_kept(
    front: Front, champions: dict[str, Champion]
) -> None:
    async def refresh_twice() -> None:
        await front.refresh_fallback()
        champions.clear()
        await front.refresh_fallback()

    asyncio.run(refresh_twice())
    assert front.fallback.page.rows
    assert front.fallback.age_seconds < 60
