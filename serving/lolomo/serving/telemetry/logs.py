"""Logs: a line a record, as text for people or as JSON for machines, with the request's id.

The id of the request and of its trace are taken from where the record was made, so code that logs
need not know them.
"""

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final, Literal

from typing_extensions import override

from lolomo.serving.telemetry.tracing import TRACING

REQUEST_ID: Final[ContextVar[str]] = ContextVar("request_id", default="")
"""Of the request that is being answered; empty outside of one."""
FIELDS: Final = "fields"
"""Key of `extra` whose object a JSON line takes in: `log.info("served", extra={FIELDS: {...}})`."""
_NAME: Final = "lolomo"
_TEXT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class JsonFormatter(logging.Formatter):
    """Writes a record as one JSON object."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        ids = TRACING.ids()
        values: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": REQUEST_ID.get() or None,
            "trace_id": ids[0] if ids else None,
            "span_id": ids[1] if ids else None,
            "exception": self.formatException(record.exc_info) if record.exc_info else None,
            **getattr(record, FIELDS, {}),
        }
        known = {key: value for key, value in values.items() if value is not None}
        return json.dumps(known, ensure_ascii=False, default=str)


def start_logs(style: Literal["text", "json"]) -> None:
    """Write what Lolomo logs to stderr, until `stop_logs`.

    Args:
        style: `text` shows warnings and errors; `json` also a line a request.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if style == "json" else logging.Formatter(_TEXT))
    handler.set_name(_NAME)
    stop_logs()
    logger = logging.getLogger(_NAME)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO if style == "json" else logging.WARNING)
    logger.propagate = False  # libraries give the root a handler of their own


def stop_logs() -> None:
    """Write nothing more."""
    logger = logging.getLogger(_NAME)
    logger.propagate = True
    for handler in [each for each in logger.handlers if each.name == _NAME]:
        logger.removeHandler(handler)
