"""An ASGI application that answers nothing much: what HTTP alone costs."""

from typing import Any


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Read the body and answer with an empty object."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})
