"""The front before a KServe router: the graph's answers and its failures, over the wire."""

import asyncio
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY

from lolomo.core.errors import GraphError
from lolomo.serving.bentos import Front, PageAnswer, PageRequest, RemoteGraph
from lolomo.serving.graph import Answer, StepUnreachableError, page_graph, run_json
from lolomo.serving.graph.go_json import read_object, write
from lolomo.serving.steps import StepRequest
from lolomo.serving.steps.wire import request_from_json, response_to_json
from lolomo.tasks import all_tasks


def router(front: Front, broken: frozenset[str] = frozenset()) -> httpx.MockTransport:
    """Return what KServe's router would be, with the front's steps behind it."""

    async def call(step: str, body: bytes) -> Answer[bytes]:
        if step in broken:
            raise StepUnreachableError("connection refused")
        response = await front.steps[step](request_from_json(read_object(body)))
        return Answer(200, write(response_to_json(response)))

    async def handle(request: httpx.Request) -> httpx.Response:
        answer = await run_json(page_graph(all_tasks().values()), call, request.content)
        return httpx.Response(answer.status, content=answer.body)

    return httpx.MockTransport(handle)


def ask(front: Front) -> PageAnswer:
    async def run() -> PageAnswer:
        await front.warm_up()
        return await front.page(PageRequest(user_id="ann"))

    return asyncio.run(run())


def test_page_through_the_router_is_that_of_the_process(front: Front) -> None:
    embedded = ask(front)
    front.graph = RemoteGraph("http://router", router(front))
    assert ask(front).rows == embedded.rows


def refuse(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


FAULTS: list[Any] = [
    refuse,
    lambda _: httpx.Response(500, json={"error": "Failed to process request"}),
    lambda _: httpx.Response(200, json={"rows": 7}),
    lambda _: httpx.Response(200, content=b"<html>"),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_router_that_fails_leaves_the_trending_page(front: Front, fault: Any) -> None:
    front.graph = RemoteGraph("http://router", httpx.MockTransport(fault))
    answer = ask(front)
    assert answer.degraded == {"front": "failed: GraphError"}
    assert [row.task for row in answer.rows] == ["trending_now"]


def test_one_dead_step_fails_the_router_but_not_the_member(front: Front) -> None:
    front.graph = RemoteGraph("http://router", router(front, frozenset({"next_play"})))
    assert [row.task for row in ask(front).rows] == ["trending_now"]


def test_a_call_that_breaks_off_is_made_again_and_counted(front: Front) -> None:
    behind, broken = router(front), [True]

    async def break_off_once(request: httpx.Request) -> httpx.Response:
        if broken and broken.pop():
            raise httpx.ReadError("connection reset")
        return await behind.handle_async_request(request)

    before = REGISTRY.get_sample_value("lolomo_graph_calls_total", {"kind": "retry"}) or 0.0
    graph = RemoteGraph("http://router", httpx.MockTransport(break_off_once))
    context = asyncio.run(front.context(PageRequest(user_id="ann")))
    page = asyncio.run(graph(StepRequest(context)))
    assert page.rows
    after = REGISTRY.get_sample_value("lolomo_graph_calls_total", {"kind": "retry"})
    assert after == before + 1


def test_the_trace_goes_on_through_the_router(front: Front) -> None:
    sent: list[httpx.Request] = []

    def note(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(500)

    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    context = asyncio.run(front.context(PageRequest(user_id="ann"), trace))
    with pytest.raises(GraphError, match="gave no page"):
        asyncio.run(RemoteGraph("http://router", httpx.MockTransport(note))(StepRequest(context)))
    assert sent[0].headers["traceparent"] == trace
    assert read_object(sent[0].content)["context"]["traceparent"] == trace  # type: ignore[index]
