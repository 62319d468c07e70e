"""Stands around every HTTP request: a span, the requests in flight, and a line in the log."""

import logging
import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lolomo.serving.telemetry.logs import FIELDS, REQUEST_ID
from lolomo.serving.telemetry.metrics import IN_FLIGHT
from lolomo.serving.telemetry.tracing import TRACING

_TRACEPARENT: Final = b"traceparent"
_STEPS: Final = "/v1/steps/"
"""Their trace comes in the body, so their span is begun where that has been read."""
_LONGEST: Final = 200
"""Characters of a path that are kept."""
_log = logging.getLogger("lolomo.access")


class TelemetryMiddleware:
    """An ASGI application around another."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        status, started = 0, time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        REQUEST_ID.set("")
        with IN_FLIGHT.track_inprogress(), _span(scope):
            try:
                await self._application(scope, receive, watched)
            finally:
                if _log.isEnabledFor(logging.INFO):
                    _log_request(scope, status, time.perf_counter() - started)


def _span(scope: Scope) -> AbstractContextManager[None]:
    if scope["path"].startswith(_STEPS):
        return nullcontext()
    carried = next((value for key, value in scope["headers"] if key == _TRACEPARENT), b"")
    method, path = scope["method"], scope["path"][:_LONGEST]
    attributes = {"http.request.method": method, "url.path": path}
    return TRACING.request(method, carried.decode("latin-1"), **attributes)


def _log_request(scope: Scope, status: int, seconds: float) -> None:
    fields: dict[str, Any] = {
        "method": scope["method"],
        "path": scope["path"][:_LONGEST],
        "status": status,
        "seconds": round(seconds, 6),
    }
    _log.info("%s %s %d", scope["method"], scope["path"][:_LONGEST], status, extra={FIELDS: fields})
