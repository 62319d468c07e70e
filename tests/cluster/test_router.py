"""KServe's router answers as the golden vectors say, and as our engine does on random graphs."""

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest
from cluster.real_router import ask, built_router, pages, reason_to_skip

from lolomo.core.errors import GraphError
from lolomo.serving.graph import Answer, StepUnreachableError, graph_from_spec, run_json, validate

REASON = reason_to_skip()
pytestmark = pytest.mark.skipif(REASON is not None, reason=REASON or "")
GOLDEN = Path(__file__).parents[1] / "serving" / "golden"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.json"))
NUM_RANDOM = 100
DELAY_MILLISECONDS = 5
"""Doubled from step to step: where two race, the answer depends on who is first, here and there."""
FAULT = "Failed to process request"
BODIES = (
    "{}",
    "null",
    "",
    "plain text",
    "[1, 2]",
    '{"a": 1.0, "b": {"c": [null]}}',
    '{"a": false, "a": 2}',
    '{"predictions": [{"z": 1e3, "a": "<&>"}], "id": 9007199254740993}',
    '{"b": {"c": []}, "text": "\\u00e9\\ud800"}',
    '{"n": 1e400}',
    '{"predictions": 7, "a": 1}',
)
CONDITIONS = ("a", "b.c", "b.c.0", "b.c.#", "predictions.0.z", "missing")
STATUSES = (200, 200, 200, 201, 404, 503)


@pytest.fixture(scope="module")
def answers() -> dict[str, dict[str, Any]]:
    """What the real router answers to every vector."""
    vectors = [json.loads((GOLDEN / f"{name}.json").read_text()) for name in NAMES]
    return dict(zip(NAMES, ask(built_router(), vectors), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_router_answers_as_the_vector_says(name: str, answers: dict[str, Any]) -> None:
    vector, answer = json.loads((GOLDEN / f"{name}.json").read_text()), answers[name]
    expected = vector["expected"]
    assert answer["status"] == expected["status"], vector["says"]
    if "text" in expected:
        assert answer["text"] == expected["text"]
    else:
        error = json.loads(answer["text"])
        assert error["error"] == FAULT
        assert expected["cause"] in (error["cause"], True)
    received = {url: answer["calls"].get(url, []) for url in vector.get("calls", {})}
    assert received == vector.get("calls", {})


def test_engine_and_router_agree_on_random_graphs() -> None:
    rng = random.Random(20)
    unlike = [random_vector(rng) for _ in range(NUM_RANDOM)]
    for slower in (1, 10, 4):  # where two steps race, a busy machine may let the later one win
        unlike = unlike_answers([slowed(vector, slower) for vector in unlike])
    assert unlike == []


def unlike_answers(vectors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the vectors to which engine and router answer differently."""
    theirs = ask(built_router(), vectors) if vectors else []
    return [
        vector
        for vector, answer in zip(vectors, theirs, strict=True)
        if ours(vector) != (answer["status"], outcome(answer["text"]))
    ]


def ours(vector: dict[str, Any]) -> tuple[int, str]:
    graph = graph_from_spec(vector["graph"])
    answer = asyncio.run(run_json(graph, stubs(vector), request(vector)))
    return answer.status, outcome(answer.body.decode())


def slowed(vector: dict[str, Any], times: int) -> dict[str, Any]:
    """Return a vector whose steps take so many times as long."""
    steps = {
        url: {**stub, "delay_milliseconds": stub["delay_milliseconds"] * times}
        for url, stub in vector["steps"].items()
    }
    return {**vector, "steps": steps}


def test_a_page_through_the_router_is_the_page_of_the_embedded_engine() -> None:
    made = pages(built_router())
    ours, theirs, cut_off = made["embedded"], made["router"], made["without steps"]
    assert theirs["degraded"] == ours["degraded"]
    assert titles(theirs) == titles(ours)
    assert len(titles(ours)) > 2
    assert set(cut_off["degraded"]) == {"front"}
    assert [row["task"] for row in cut_off["rows"]] == ["trending_now"]


def titles(page: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Return the rows and what stands in them, in order."""
    return [(row["task"], [entry["item_id"] for entry in row["entries"]]) for row in page["rows"]]


def outcome(text: str) -> str:
    """Return the body, or that it is the router's own error: its cause names the machine."""
    return FAULT if text.startswith(f'{{"error":"{FAULT}"') else text


def request(vector: dict[str, Any]) -> bytes:
    return str(vector["request"]).encode()


def stubs(vector: dict[str, Any]) -> Any:
    async def call(url: str, body: bytes) -> Answer[bytes]:
        stub = vector["steps"][url]
        if stub.get("unreachable"):
            raise StepUnreachableError(url)
        await asyncio.sleep(stub["delay_milliseconds"] / 1000)
        return (
            Answer(200, body) if stub.get("echo") else Answer(stub["status"], stub["text"].encode())
        )

    return call


def random_vector(rng: random.Random) -> dict[str, Any]:
    """Return a sound graph of up to three nodes, with steps that answer all manner of things."""
    vector: dict[str, Any] = {"steps": {}, "graph": {"nodes": {}}, "request": rng.choice(BODIES)}
    below = ["n1", "n2"][: rng.randrange(3)]
    nodes = vector["graph"]["nodes"]
    for name in ("root", *below):
        children = [child for child in below if child > name or name == "root"]
        nodes[name] = random_node(rng, vector["steps"], children)
    led_to = {step.get("nodeName") for node in nodes.values() for step in node["steps"]}
    for name in set(below) - led_to:
        del nodes[name]
    try:
        validate(graph_from_spec(vector["graph"]))
    except GraphError:
        return random_vector(rng)
    return vector


def random_node(rng: random.Random, steps: dict[str, Any], children: list[str]) -> dict[str, Any]:
    kind = rng.choice(["Sequence", "Sequence", "Ensemble", "Switch", "Splitter"])
    num_steps = 1 if kind == "Splitter" else rng.randrange(1, 4)
    made = [random_step(rng, kind, place, steps, children) for place in range(num_steps)]
    return {"routerType": kind, "steps": made}


def random_step(
    rng: random.Random, kind: str, place: int, steps: dict[str, Any], children: list[str]
) -> dict[str, Any]:
    step: dict[str, Any] = {"dependency": rng.choice(["Soft", "Hard"])}
    if rng.random() < 0.7:
        step["name"] = f"s{place}"
    if children and rng.random() < 0.4:
        step["nodeName"] = rng.choice(children)
    else:
        step["serviceUrl"] = f"http://step{len(steps)}/"
        delay = {"delay_milliseconds": DELAY_MILLISECONDS * 2 ** len(steps)}
        steps[step["serviceUrl"]] = random_stub(rng) | delay
    if kind == "Switch" or (kind == "Sequence" and place and rng.random() < 0.4):
        step["condition"] = rng.choice(CONDITIONS)
    if kind == "Sequence":
        step["data"] = rng.choice(["", "$response", "$request"])
        step["mapPredictionsToInstances"] = rng.random() < 0.3
    return step | ({"weight": 100} if kind == "Splitter" else {})


def random_stub(rng: random.Random) -> dict[str, Any]:
    if rng.random() < 0.05:
        return {"unreachable": True}
    if rng.random() < 0.3:
        return {"echo": True}
    return {"status": rng.choice(STATUSES), "text": rng.choice(BODIES)}
