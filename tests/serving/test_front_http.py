"""The service over HTTP, in process: every route, and every way to ask wrongly."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from lolomo.serving.bentos import Front
from lolomo.serving.bentos.service import page_application

STEP = {"request_id": "r", "deadline_milliseconds": 9e15 // 4096, "timestamp": 893286638000000}


class Client:
    """Speaks to the Bento's ASGI application, its lifespan included."""

    def __init__(self, app: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.app = app
        self.lifespan = app.router.lifespan_context(app)

    def __call__(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.loop.run_until_complete(self._send(method, path, options))

    async def _send(self, method: str, path: str, options: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
            return await client.request(method, path, **options)


@pytest.fixture(scope="module")
def current() -> list[Front]:
    return []


@pytest.fixture(scope="module")
def app(current: list[Front]) -> Any:
    """Make the application once: BentoML registers its metrics for the whole process."""
    return page_application(lambda: current[0])


@pytest.fixture
def client(app: Any, current: list[Front], front: Front) -> Iterator[Client]:
    current[:] = [front]
    loop = asyncio.new_event_loop()
    client = Client(app, loop)
    loop.run_until_complete(client.lifespan.__aenter__())
    yield client
    loop.run_until_complete(client.lifespan.__aexit__(None, None, None))
    loop.close()


def test_page_over_http(client: Client) -> None:
    page = client("POST", "/v1/page", json={"user_id": "ann", "limits": {"titles": 3}}).json()
    assert [len(row["entries"]) for row in page["rows"]] == [3] * 7
    assert set(page["rows"][0]["entries"][0]) >= {"item_id", "why", "provenance", "propensity"}
    assert page["releases"]["top_picks"] == "d" * 64


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/livez"),
        ("GET", "/readyz"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/next_play"),
        ("GET", "/v2"),
        ("GET", "/v2/health/live"),
        ("GET", "/v2/health/ready"),
        ("GET", "/v2/models/top_picks"),
        ("GET", "/v2/models/top_picks/ready"),
        ("GET", "/openapi.json"),
        ("GET", "/?user=ann"),
        ("GET", "/"),
    ],
)
def test_routes_that_only_need_a_service(client: Client, method: str, path: str) -> None:
    assert client(method, path).status_code == 200


def test_readiness_tells_the_truth(client: Client, front: Front) -> None:
    front.ready = False
    paths = ("/readyz", "/v2/health/ready", "/v1/models/next_play", "/v2/models/next_play/ready")
    assert [client("GET", path).status_code for path in paths] == [503] * 4
    assert client("GET", "/livez").status_code == 200


def test_task_without_a_release_is_not_ready(client: Client, champions: Any) -> None:
    del champions["next_play"]
    assert client("GET", "/v1/models/next_play").status_code == 503


def test_metrics_count_requests_and_what_is_missing(client: Client, champions: Any) -> None:
    del champions["next_play"]
    client("POST", "/v1/page", json={"user_id": "ann"})
    text = client("GET", "/metrics").text
    assert 'lolomo_degraded_total{part="next_play",reason="no-release"}' in text
    assert 'lolomo_requests_total{route="/v1/page",status="200"}' in text
    assert 'lolomo_candidates_count{source="trending_now"}' in text


def test_v1_protocol(client: Client) -> None:
    instances = [{"user_id": "ann", "k": 2}, {"user_id": "x", "history_item_ids": ["0030"]}]
    body = {"instances": instances}
    answers = client("POST", "/v1/models/next_play:predict", json=body).json()["predictions"]
    assert [len(answer["item_ids"]) for answer in answers] == [2, 20]
    assert answers[1]["item_ids"][0] == "0031"


def test_v1_protocol_ranks_given_candidates(client: Client) -> None:
    instance = {"user_id": "ann", "candidates": ["0001", "none", "0002", "0001"]}
    url = "/v1/models/top_picks:predict"
    answer = client("POST", url, json={"instances": [instance]}).json()["predictions"][0]
    assert sorted(answer["item_ids"]) == ["0001", "0002", "none"]


def test_v2_protocol(client: Client) -> None:
    users = {"name": "user_id", "datatype": "BYTES", "shape": [2], "data": ["ann", "nobody"]}
    times = {"name": "timestamp", "datatype": "INT64", "shape": [2], "data": [893286638000000] * 2}
    body = {"id": "7", "inputs": [users, times], "parameters": {"k": 3}}
    answer = client("POST", "/v2/models/next_play/infer", json=body).json()
    ids, scores = answer["outputs"]
    assert (answer["id"], ids["shape"], scores["datatype"]) == ("7", [2, 3], "FP32")
    assert ids["data"][3:] == ["", "", ""]


def test_steps_answer_over_http(client: Client) -> None:
    context = {**STEP, "user": {"user_id": "ann", "features": {"history_item_ids": ["0003"]}}}
    step = client("POST", "/v1/steps/next_play", json={"context": context}).json()
    assert (step["item_ids"][0], step["release"]) == ("0003", "c" * 64)
    merged = {"context": context, "next_play": step, "trending_now": {"error": "down"}}
    page = client("POST", "/v1/steps/page", json=merged).json()
    assert page["degraded"] == {"trending_now": "unreadable"}
    assert page["rows"][0]["task"] == "top_picks"


def test_console_escapes_what_it_is_given(client: Client) -> None:
    html = client("GET", "/?user=<script>alert(1)</script>").text
    assert "<script>" not in html
    assert "Film 59 &lt;&amp;&gt;" in html


DEEP = b"[" * 100_000 + b"]" * 100_000
WRONG: list[tuple[str, str, dict[str, Any], int]] = [
    ("POST", "/v1/page", {"content": b""}, 400),
    ("POST", "/v1/page", {"content": b"{"}, 400),
    ("POST", "/v1/page", {"content": b"\xff\xfe"}, 400),
    ("POST", "/v1/page", {"content": b'{"user_id": "\xff"}'}, 400),
    ("POST", "/v1/page", {"content": b'{"user_id": NaN}'}, 400),
    ("POST", "/v1/page", {"content": b'{"user_id": 1e999}'}, 422),
    ("POST", "/v1/page", {"content": rb'{"user_id": "\ud800"}'}, 400),
    ("POST", "/v1/page", {"content": DEEP}, 400),
    ("POST", "/v1/page", {"content": b'{"user_id":"a","x":' + DEEP + b"}"}, 400),
    ("POST", "/v1/page", {"content": b" " * 1_000_001}, 413),
    ("POST", "/v1/page", {"json": []}, 422),
    ("POST", "/v1/page", {"content": b"null"}, 422),
    ("POST", "/v1/page", {"json": {}}, 422),
    ("POST", "/v1/page", {"json": {"user_id": 7}}, 422),
    ("POST", "/v1/page", {"json": {"user_id": ""}}, 422),
    ("POST", "/v1/page", {"json": {"user_id": "a" * 201}}, 422),
    ("POST", "/v1/page", {"json": {"user_id": "a", "contry": "SE"}}, 422),
    ("POST", "/v1/page", {"json": {"user_id": "a", "limits": {"titles": -1}}}, 422),
    ("POST", "/v1/page", {"json": {"user_id": "a", "limits": {"titles": 10**400}}}, 422),
    ("POST", "/v1/page", {"json": {"user_id": "a", "limits": {"titles": 1.5}}}, 422),
    ("POST", "/v1/page", {"json": {"user_id": "a", "limits": {"titles": True}}}, 422),
    ("POST", "/v1/page", {"json": {"user_id": "a", "timestamp": 893286638}}, 422),
    ("POST", "/v1/page", {"json": {"user_id": "a", "timestamp": "yesterday"}}, 422),
    ("POST", "/v1/page", {"json": {"user_id": "a", "timestamp": "0001-01-01T00:00+23:00"}}, 422),
    ("POST", "/v1/page", {"json": {"user_id": "a", "timestamp": "9999-12-31T23:59-23:00"}}, 422),
    ("GET", "/v1/page", {}, 405),
    ("PUT", "/v1/page", {"json": {}}, 405),
    ("GET", "/nothing", {}, 404),
    ("GET", "/v1/models/none", {}, 404),
    ("GET", "/v1/models/%00", {}, 404),
    ("POST", "/v1/models/none:predict", {"json": {}}, 404),
    ("POST", "/v1/models/next_play:predict", {"json": {"instances": []}}, 422),
    (
        "POST",
        "/v1/models/next_play:predict",
        {"json": {"instances": [{"user_id": "a", "k": 0}]}},
        422,
    ),
    (
        "POST",
        "/v1/models/next_play:predict",
        {"json": {"instances": [{"user_id": "a", "candidates": ["1"]}]}},
        422,
    ),
    ("POST", "/v2/models/next_play/infer", {"json": {"inputs": []}}, 422),
    ("POST", "/v1/steps/none", {"json": {}}, 404),
    ("POST", "/v1/steps/page", {"json": {}}, 422),
    ("POST", "/v1/steps/page", {"json": {"context": {**STEP, "user": 7}}}, 422),
    (
        "POST",
        "/v1/steps/page",
        {"json": {"context": {**STEP, "timestamp": "", "user": {}}}},
        422,
    ),
    ("GET", "/?user=" + "a" * 300, {}, 422),
    ("GET", "/?timestamp=never", {}, 422),
]


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    WRONG,
    ids=[f"{case[1][:40]}-{number}" for number, case in enumerate(WRONG)],
)
def test_a_wrong_request_is_told_what_was_expected(
    client: Client, method: str, path: str, options: dict[str, Any], status: int
) -> None:
    answer = client(method, path, **options)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert all(problem[member] for member in ("title", "received", "expected", "fix"))
    assert problem["status"] == status


TENSORS: list[dict[str, Any]] = [
    {"name": "user_id", "datatype": "FP32", "shape": [1], "data": ["a"]},
    {"name": "user_id", "datatype": "BYTES", "shape": [2], "data": ["a"]},
    {"name": "user_id", "datatype": "BYTES", "shape": [10**300], "data": ["a"]},
    {"name": "user_id", "datatype": "BYTES", "shape": [0], "data": []},
    {"name": "user_id", "datatype": "BYTES", "shape": [1], "data": [["a"]]},
    {"name": "timestamp", "datatype": "INT64", "shape": [1], "data": [10**400]},
    {"name": "timestamp", "datatype": "INT64", "shape": [1], "data": ["soon"]},
    {"name": "age", "datatype": "INT64", "shape": [1], "data": [1]},
]


@pytest.mark.parametrize("tensor", TENSORS, ids=range(len(TENSORS)))
def test_tensors_that_do_not_fit_are_refused(client: Client, tensor: dict[str, Any]) -> None:
    answer = client("POST", "/v2/models/next_play/infer", json={"inputs": [tensor]})
    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize(
    "user_id",
    ["\0", "'; drop table", "🦊" * 50, "../..", "\u202e", " "],
    ids=lambda text: ascii(text)[:9],
)
def test_odd_user_ids_get_a_page(client: Client, user_id: str) -> None:
    answer = client("POST", "/v1/page", json={"user_id": user_id})
    assert answer.status_code == 200
    assert answer.json()["rows"]


def test_slow_body_ends(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lolomo.serving.bentos.body.TIMEOUT_SECONDS", 0.05)

    async def dripping() -> Any:
        yield b"{"
        await asyncio.sleep(30)

    answer = client("POST", "/v1/page", content=dripping())
    assert answer.status_code == 408
