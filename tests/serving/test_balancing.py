"""Balancing: who has several requests to answer gives their connections up."""

import asyncio
from typing import Any

import pytest

from lolomo.serving.bentos.balancing import Balancing


async def answer_of(application: Any) -> list[tuple[bytes, bytes]]:
    """Return the headers of an application's answer."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await application({"type": "http"}, None, send)
    headers: list[tuple[bytes, bytes]] = sent[0]["headers"]
    return headers


@pytest.mark.parametrize(("num_requests", "closed"), [(1, [False]), (3, [True, True, False])])
def test_connections_are_closed_while_there_are_other_requests(
    num_requests: int, closed: list[bool]
) -> None:
    async def slowly(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def at_once() -> list[list[tuple[bytes, bytes]]]:
        application = Balancing(slowly)
        return await asyncio.gather(*(answer_of(application) for _ in range(num_requests)))

    headers = asyncio.run(at_once())
    assert [(b"connection", b"close") in each for each in headers] == closed


def test_what_fails_is_no_longer_in_flight() -> None:
    async def fails(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("no")

    application = Balancing(fails)
    with pytest.raises(ValueError, match="no"):
        asyncio.run(answer_of(application))
    assert application.in_flight == 0
