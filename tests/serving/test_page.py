"""The page: what the graph of steps makes of fakes, whole and with parts missing."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from lolomo.serving.bentos import Front, Limits, PageAnswer, PageRequest
from lolomo.serving.bentos.clock import microseconds
from lolomo.serving.graph import Answer, page_graph, run_json
from lolomo.serving.graph.go_json import write
from lolomo.serving.releases import Trace
from lolomo.serving.steps import Champion, Resources, Step, StepRequest
from lolomo.serving.steps.wire import request_from_json, request_to_json, response_to_json


def page_of(front: Front, user_id: str, **fields: Any) -> PageAnswer:
    return asyncio.run(front.page(PageRequest(user_id=user_id, **fields)))


def replace_step(front: Front, name: str, step: Step) -> None:
    """Break one step of the graph that the front now serves from."""
    serving = front.serving_for("ann")
    front.deployment.servings[frozenset()] = replace(serving, steps={**serving.steps, name: step})


def items_of(answer: PageAnswer) -> list[str]:
    return [entry["item_id"] for row in answer.rows for entry in row.entries]


def test_rows_come_in_the_order_of_tasks_with_one_row_a_seed(front: Front) -> None:
    answer = page_of(front, "ann", limits=Limits(titles=5))
    assert [row.task for row in answer.rows] == [
        "top_picks",
        "next_play",
        "because_you_watched",
        "because_you_watched",
        "trending_now",
        "top_picks",
        "top_picks",
    ]
    assert [row.title for row in answer.rows[5:]] == ["Drama for you", "Comedy for you"]
    assert answer.rows[2].title == "Because you watched Film 20 <&>"
    assert answer.rows[3].title == "Because you watched Film 11 <&>"
    assert answer.degraded == {}


def test_no_title_stands_twice_and_nothing_seen_comes_back(front: Front) -> None:
    answer = page_of(front, "ann")
    titles = [entry["title"] for row in answer.rows for entry in row.entries]
    assert len(titles) == len(set(titles)) > 40
    assert not {"0003", "0004", "0011", "0020"} & set(items_of(answer))


def test_every_entry_says_why_and_where_from(front: Front) -> None:
    answer = page_of(front, "ann")
    first = answer.rows[0].entries[0]
    assert first["why"].startswith("our best guess for you at this moment; ")
    assert {origin["source"] for origin in first["provenance"]} >= {"next_play"}
    assert {entry["propensity"] for row in answer.rows for entry in row.entries} == {1.0}
    assert all(entry["provenance"] and entry["why"] for row in answer.rows for entry in row.entries)
    assert answer.rows[0].release == "d" * 64


@pytest.mark.parametrize(("user", "release"), [("nobody", ""), ("bob", ""), ("ann", "d" * 64)])
def test_a_ranker_orders_nothing_for_those_of_whom_it_has_learned_nothing(
    front: Front, user: str, release: str
) -> None:
    answer = page_of(front, user)
    assert answer.rows[0].release == release
    assert answer.degraded == {}


def test_unknown_user_gets_what_needs_no_history(front: Front) -> None:
    answer = page_of(front, "nobody", limits=Limits(titles=10))
    assert [row.task for row in answer.rows] == ["top_picks", "trending_now"]
    assert answer.degraded == {}


def test_limits_cut_rows_and_titles(front: Front) -> None:
    answer = page_of(front, "ann", limits=Limits(rows=2, titles=1))
    assert [len(row.entries) for row in answer.rows] == [1, 1]


def test_seeds_are_asked_in_one_batch(front: Front, champions: dict[str, Champion]) -> None:
    page_of(front, "ann")
    retriever: Any = champions["because_you_watched"].recommender
    assert retriever.batches == [3]


def fail() -> None:
    raise RuntimeError("a model broke")


def sleep() -> None:
    time.sleep(0.3)


@pytest.mark.parametrize("task", ["trending_now", "top_picks"])
@pytest.mark.parametrize(("act", "reason"), [(fail, "failed: RuntimeError"), (sleep, "late")])
def test_a_part_that_fails_or_is_late_degrades_the_page(
    front: Front, champions: dict[str, Champion], task: str, act: Any, reason: str
) -> None:
    ranker: Any = champions[task].recommender
    ranker.fail = act
    front.deadline_seconds = 0.25
    answer = page_of(front, "ann", limits=Limits(titles=5))
    assert answer.degraded[task] == reason
    assert len(answer.rows) >= 3


def test_late_ranker_leaves_the_blended_order(front: Front, champions: dict[str, Champion]) -> None:
    del champions["top_picks"]
    answer = page_of(front, "ann")
    assert answer.degraded == {"top_picks": "no-release"}
    assert answer.rows[0].task == "top_picks"
    assert answer.rows[0].release == ""
    assert answer.rows[0].entries[0]["score"] == 1.0


def test_without_any_release_the_page_is_empty_and_says_so(
    front: Front, champions: dict[str, Champion]
) -> None:
    champions.clear()
    answer = page_of(front, "ann")
    assert answer.rows == ()
    assert set(answer.degraded) == {"trending_now", "because_you_watched", "next_play"}


def test_broken_graph_falls_back_to_the_trending_page(front: Front) -> None:
    async def broken(request: StepRequest) -> Any:
        raise RuntimeError("broken")

    async def warm_then_break() -> PageAnswer:
        await front.warm_up()
        replace_step(front, "page", broken)
        return await front.page(PageRequest(user_id="ann", limits=Limits(titles=4)))

    answer = asyncio.run(warm_then_break())
    assert [row.task for row in answer.rows] == ["trending_now"]
    assert len(answer.rows[0].entries) == 4
    assert answer.degraded == {"front": "failed: RuntimeError"}


@pytest.mark.parametrize(
    ("step", "degraded"),
    [
        ("context", {"top_picks": "late"}),
        ("page", {"top_picks": "late"}),
        ("trending_now", {"top_picks": "late", "trending_now": "late"}),
    ],
)
def test_while_a_step_hangs_the_page_is_made_of_what_the_others_answered(
    front: Front, step: str, degraded: dict[str, str]
) -> None:
    async def hang(request: StepRequest) -> Any:
        await asyncio.sleep(60)

    replace_step(front, step, hang)
    front.deadline_seconds = 0.2
    started = time.perf_counter()
    answer = page_of(front, "ann")
    assert time.perf_counter() - started < 1
    assert answer.degraded == degraded
    assert answer.rows[0].task == "top_picks"
    assert answer.rows[0].release == ""


def test_a_graph_of_which_nothing_comes_in_time_leaves_everybodys_page(front: Front) -> None:
    async def hang(request: StepRequest) -> Any:
        await asyncio.sleep(60)

    async def warm_then_hang() -> PageAnswer:
        await front.warm_up()
        for step in front.steps:
            replace_step(front, step, hang)
        front.deadline_seconds = 0.1
        return await front.page(PageRequest(user_id="ann"))

    answer = asyncio.run(warm_then_hang())
    assert answer.degraded == {"front": "late"}
    assert [row.task for row in answer.rows] == ["trending_now"]


def test_features_out_of_reach_still_give_a_page(front: Front, resources: Resources) -> None:
    broken: Any = resources.features
    broken.user = lambda *_: fail()
    answer = page_of(front, "ann", limits=Limits(titles=10))
    assert answer.degraded == {"features": "no-features"}
    assert [row.task for row in answer.rows] == ["top_picks", "trending_now"]


def test_the_page_is_the_same_over_json_as_in_process(front: Front, resources: Resources) -> None:
    async def call(step: str, body: bytes) -> Answer[bytes]:
        from lolomo.serving.graph.go_json import read_object

        response = await front.steps[step](request_from_json(read_object(body)))
        return Answer(200, write(response_to_json(response)))

    async def both() -> tuple[Any, Any]:
        context = await front.context(PageRequest(user_id="ann"))
        typed = await front.serving_for("ann").page(context, Trace())
        graph = page_graph(resources.tasks.values())
        request = write(request_to_json(StepRequest(context)))
        return typed, (await run_json(graph, call, request)).body

    typed, sent = asyncio.run(both())
    assert write(response_to_json(typed)) == sent


def test_historic_data_runs_on_its_own_clock(front: Front) -> None:
    assert page_of(front, "ann").timestamp.startswith("1998-04-22T23:10")
    assert microseconds(front.clock.now()) > microseconds(front.clock.start)  # type: ignore[arg-type]
