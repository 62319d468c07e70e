"""Telemetry: traces, metrics and logs of the service.

Two calls are all that serving code makes. `step` stands around each step, and `bind` says which
request is being answered:

    with telemetry.step("next_play", context.traceparent) as outcome:
        answer = await steps["next_play"](request)
        outcome.degraded = answer.degraded is not None

Everything else happens in `middleware`, which sees each request come and go. Traces are sent only
if a collector is named (`OTEL_EXPORTER_OTLP_ENDPOINT`), and cost nothing otherwise.
"""

from lolomo.serving.telemetry.logs import FIELDS, REQUEST_ID
from lolomo.serving.telemetry.middleware import TelemetryMiddleware
from lolomo.serving.telemetry.start import start, stop
from lolomo.serving.telemetry.step import bind, step
from lolomo.serving.telemetry.tracing import TRACING

span = TRACING.span
traceparent = TRACING.traceparent

__all__ = [
    "FIELDS",
    "REQUEST_ID",
    "TRACING",
    "TelemetryMiddleware",
    "bind",
    "span",
    "start",
    "step",
    "stop",
    "traceparent",
]
