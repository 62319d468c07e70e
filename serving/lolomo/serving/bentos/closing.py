"""Answers that ask the client to open another connection next time (`Connection: close`)."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


def closing(send: Send, wanted: Callable[[], bool]) -> Send:
    """Return a `send` that closes the connection if that is wanted when the answer begins."""

    async def send_closing(message: Message) -> None:
        if message["type"] == "http.response.start" and wanted():
            message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
        await send(message)

    return send_closing
