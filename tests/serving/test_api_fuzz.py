"""The service answers whatever its own document allows, and much that it does not, as it says."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving.api_fuzz import fuzz

from lolomo.serving.bentos import Front
from lolomo.serving.bentos.events import Ingestion
from lolomo.serving.bentos.openapi import openapi_document
from lolomo.serving.bentos.routes import ROUTES, application

NUM_EXAMPLES = 4


@pytest.fixture
def send(front: Front, tmp_path: Path) -> Iterator[Any]:
    """Send a request to the routes, in process."""
    front.ready = True
    front.ingestion = Ingestion(tmp_path, lambda events: None)
    loop = asyncio.new_event_loop()
    transport = httpx.ASGITransport(application(lambda: front))
    client = httpx.AsyncClient(transport=transport, base_url="http://page")

    def answer(method: str, path: str, options: dict[str, Any]) -> httpx.Response:
        return loop.run_until_complete(client.request(method, path, **options))

    yield answer
    loop.run_until_complete(client.aclose())
    loop.run_until_complete(front.ingestion.close())
    loop.close()


def test_every_answer_is_as_the_document_says_and_none_is_a_5xx(send: Any) -> None:
    document = send("GET", "/openapi.json", {}).json()
    assert fuzz(document, send, NUM_EXAMPLES) > 4 * len(document["paths"])


def test_the_document_describes_every_route_and_no_other() -> None:
    paths = openapi_document(["a"], ["b"])["paths"]
    statuses = {
        status for each in paths.values() for it in each.values() for status in it["responses"]
    }
    assert {status for status in statuses if status.startswith("5")} == {"503"}
    described = {(method.upper(), path) for path, each in paths.items() for method in each}
    assert described == {(method, path) for method, path, _ in ROUTES}


def test_the_fuzzer_notices_an_answer_that_is_not_described(send: Any) -> None:
    document = openapi_document(["top_picks"], ["page"])
    document["paths"] = {"/v1/models": document["paths"]["/v1/models"]}
    document["components"]["schemas"]["Models"]["required"] = ["another"]
    try:
        with pytest.raises(BaseException, match="another"):
            fuzz(document, send, 1)
    finally:
        document["components"]["schemas"]["Models"]["required"] = ["models"]
