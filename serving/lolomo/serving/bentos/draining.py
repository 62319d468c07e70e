"""Draining: what a process does between being told to stop and stopping.

On SIGTERM readiness goes off at once, so that load balancers look elsewhere; meanwhile every
request is still answered, with `Connection: close`, so that clients who hold a connection open come
back through the balancer. After `lead_seconds` the server's own handler of the signal gets its
turn: it accepts nothing more, finishes open requests and ends. Ctrl-C, and a second SIGTERM, end
without the wait.
"""

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, Final, TypeAlias

from lolomo.serving.bentos.closing import Receive, Scope, Send, closing

Handler: TypeAlias = Callable[[int, FrameType | None], Any]

READINESS: Final = ("/readyz", "/v2/health/ready")


class Draining:
    """ASGI middleware that drains before the server stops.

    Args:
        app: The application.
        lead_seconds: How long balancers need to look elsewhere; 0 to stop at once.
    """

    def __init__(self, app: Any, lead_seconds: float) -> None:
        self.app = app
        self.lead_seconds = lead_seconds
        self.began = False
        self._before: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or take part in the application's start and end."""
        if scope["type"] == "lifespan":
            self._listen()
            try:
                await self.app(scope, receive, send)
            finally:
                self._stop_listening()
        elif not self.began or scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["path"] in READINESS:
            await _say_unready(send)
        else:
            await self.app(scope, receive, closing(send, lambda: True))

    def _listen(self) -> None:
        """Get SIGTERM before the server does; it has set its own handler by now."""
        self._loop = asyncio.get_running_loop()
        with suppress(ValueError):  # where this is not the main thread
            self._before = signal.signal(signal.SIGTERM, self._drain)

    def _stop_listening(self) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    def _drain(self, number: int, frame: FrameType | None) -> None:
        stop = self._before
        if self.began or not self.lead_seconds or self._loop is None:
            stop(number, frame)
            return
        self.began = True
        loop = self._loop
        loop.call_soon_threadsafe(loop.call_later, self.lead_seconds, stop, number, None)


async def _say_unready(send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"ready":false}'})
