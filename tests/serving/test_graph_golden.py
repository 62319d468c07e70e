"""The embedded engine answers as KServe's router does, vector by vector.

Each file in `golden/` is a graph spec as the router's `--graph-json` takes it, what its step
services answer (a text with a status, an echo of the request, or nothing at all), a request, and
the answer to expect: a status with a text, or with the router's error body, whose cause is given
where it does not depend on the machine. `calls` are the bodies that a step must have received.

`tests/cluster/test_router.py` gives the same vectors to the real router.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from lolomo.serving.graph import (
    Answer,
    StepUnreachableError,
    graph_from_spec,
    run_json,
)

VECTORS = sorted((Path(__file__).parent / "golden").glob("*.json"))


class StubSteps:
    def __init__(self, steps: dict[str, Any]) -> None:
        self.steps = steps
        self.calls: dict[str, list[str]] = {url: [] for url in steps}

    async def __call__(self, url: str, body: bytes) -> Answer[bytes]:
        stub = self.steps[url]
        self.calls[url].append(body.decode())
        await asyncio.sleep(stub.get("delay_milliseconds", 0) / 1000)
        if stub.get("unreachable"):
            raise StepUnreachableError(f'Post "{url}": connection refused')
        return Answer(200, body) if stub.get("echo") else Answer(stub["status"], _text(stub))


def _text(stub: dict[str, Any]) -> bytes:
    return str(stub["text"]).encode()


@pytest.mark.parametrize("path", VECTORS, ids=[path.stem for path in VECTORS])
def test_engine_answers_as_the_router(path: Path) -> None:
    vector = json.loads(path.read_text())
    stubs, expected = StubSteps(vector["steps"]), vector["expected"]
    graph = graph_from_spec(vector["graph"])
    answer = asyncio.run(run_json(graph, stubs, vector["request"].encode()))
    assert answer.status == expected["status"], vector["says"]
    if "text" in expected:
        assert answer.body.decode() == expected["text"]
    else:
        error = json.loads(answer.body)
        assert error["error"] == "Failed to process request"
        assert expected["cause"] in (error["cause"], True)
    received = {url: stubs.calls[url] for url in vector.get("calls", {})}
    assert received == vector.get("calls", {})


def test_there_are_vectors_for_every_router() -> None:
    kinds = {path.stem.partition("_")[0] for path in VECTORS}
    assert kinds >= {"sequence", "ensemble", "switch", "splitter"}
    assert len(VECTORS) > 50
