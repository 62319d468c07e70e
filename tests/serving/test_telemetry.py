"""Telemetry: spans that hang together, what is counted, and logs that name their request."""

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY

from lolomo.core.errors import SettingsError
from lolomo.core.settings import Settings
from lolomo.serving import telemetry
from lolomo.serving.bentos import Front
from lolomo.serving.bentos.routes import application
from lolomo.serving.telemetry.logs import JsonFormatter, start_logs, stop_logs

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
QUIET = Settings(home=Path(), dataset="tiny", data=None)


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Record spans in memory."""
    exporter = InMemorySpanExporter()
    telemetry.TRACING.start(SimpleSpanProcessor(exporter), "test")
    yield exporter
    telemetry.stop()


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """The service's logger, as it was afterwards."""
    logger = logging.getLogger("lolomo")
    level = logger.level
    yield logger
    stop_logs()
    logger.setLevel(level)


def post(front: Front, path: str, body: Any, **headers: str) -> httpx.Response:
    async def send() -> httpx.Response:
        app = telemetry.TelemetryMiddleware(application(lambda: front))
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
            return await client.post(path, json=body, headers=headers)

    return asyncio.run(send())


def by_name(spans: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in spans.get_finished_spans()}


def trace_of(span: ReadableSpan) -> str:
    return f"{span.context.trace_id:032x}"


def value_of(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_a_page_is_one_trace_with_a_span_a_step(front: Front, spans: InMemorySpanExporter) -> None:
    post(front, "/v1/page", {"user_id": "ann"})
    found = by_name(spans)
    steps = {"step context", "step next_play", "step page"}
    assert steps | {"POST", "read features", "generator next_play", "ranker top_picks"} <= set(
        found
    )
    assert len({trace_of(span) for span in found.values()}) == 1
    for child, parent in (("step next_play", "front"), ("front", "POST")):
        above = found[child].parent
        assert above is not None
        assert above.span_id == found[parent].context.span_id


def test_the_callers_trace_goes_on(front: Front, spans: InMemorySpanExporter) -> None:
    post(front, "/v1/page", {"user_id": "ann"}, traceparent=TRACEPARENT)
    request = by_name(spans)["POST"]
    assert request.parent is not None
    assert (trace_of(request), f"{request.parent.span_id:016x}") == (TRACE, PARENT)


@pytest.mark.parametrize("header", ["", "00-zz", "nonsense", "00-" + "0" * 32 + "-" + "0" * 16])
def test_an_unreadable_trace_begins_a_new_one(
    front: Front, spans: InMemorySpanExporter, header: str
) -> None:
    post(front, "/v1/page", {"user_id": "ann"}, traceparent=header)
    assert by_name(spans)["POST"].parent is None


def test_a_step_alone_goes_on_with_the_trace_in_its_context(
    front: Front, spans: InMemorySpanExporter
) -> None:
    context = asyncio.run(front.context(visit("ann"), TRACEPARENT))
    spans.clear()
    from lolomo.serving.steps import StepRequest
    from lolomo.serving.steps.wire import request_to_json

    post(
        front, "/v1/steps/next_play", json.loads(json.dumps(request_to_json(StepRequest(context))))
    )
    found = by_name(spans)
    assert {trace_of(span) for span in found.values()} == {TRACE}
    above = found["step next_play"].parent
    assert above is not None
    assert above.is_remote


def visit(user_id: str) -> Any:
    from lolomo.serving.bentos import PageRequest

    return PageRequest(user_id=user_id)


def test_an_error_in_a_span_is_recorded(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="odd"), telemetry.span("work", task="x"):
        raise ValueError("odd")
    (span,) = spans.get_finished_spans()
    assert not span.status.is_ok
    assert dict(span.attributes or {}) == {"task": "x"}


def test_nothing_is_made_while_nobody_collects(front: Front) -> None:
    assert telemetry.span("a") is telemetry.span("b")
    assert telemetry.traceparent() == ""
    context = asyncio.run(front.context(visit("ann"), TRACEPARENT))
    assert context.traceparent == TRACEPARENT


@pytest.mark.parametrize(
    ("step", "outcome"), [("whole", "whole"), ("degraded", "degraded"), ("broken", "error")]
)
def test_steps_are_counted_by_how_they_end(step: str, outcome: str) -> None:
    name = f"test-{step}"
    before = value_of("lolomo_steps_total", step=name, outcome=outcome)
    try:
        with telemetry.step(name) as ended:
            ended.degraded = step == "degraded"
            if step == "broken":
                raise ValueError
    except ValueError:
        pass
    assert value_of("lolomo_steps_total", step=name, outcome=outcome) == before + 1
    assert value_of("lolomo_step_seconds_count", step=name) >= 1


def test_requests_in_flight_come_and_go(front: Front) -> None:
    before = value_of("lolomo_in_flight")
    post(front, "/v1/page", {"user_id": "ann"})
    assert value_of("lolomo_in_flight") == before
    assert value_of("lolomo_step_seconds_count", step="page") >= 1


class Collector(BaseHTTPRequestHandler):
    """Receives spans as an OpenTelemetry collector does."""

    received: ClassVar[list[tuple[str, bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.received.append((self.path, body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:  # type: ignore[explicit-override]
        """Stay silent."""


def test_spans_reach_a_collector_by_otlp_over_http(logger: logging.Logger) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}/"
        telemetry.start(Settings(Path(), "tiny", None, traces_endpoint=endpoint))
        with telemetry.span("sent"):
            pass
        telemetry.stop()
        server.shutdown()
    ((path, body),) = Collector.received
    (resource,) = ExportTraceServiceRequest.FromString(body).resource_spans
    assert path == "/v1/traces"
    assert resource.scope_spans[0].spans[0].name == "sent"
    named = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert named["service.name"] == "lolomo-page"


def test_without_a_collector_nothing_is_started(logger: logging.Logger) -> None:
    telemetry.start(QUIET)
    assert telemetry.span("a") is telemetry.span("b")


def test_a_line_of_json_names_request_trace_and_error(
    front: Front, spans: InMemorySpanExporter, logger: logging.Logger, capsys: Any
) -> None:
    start_logs("json")
    answer = post(front, "/v1/page", {"user_id": "ann"}).json()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    (line,) = [line for line in lines if line["logger"] == "lolomo.access"]
    assert line["request_id"] == answer["request_id"]
    assert (line["path"], line["status"]) == ("/v1/page", 200)
    assert line["trace_id"] == trace_of(by_name(spans)["POST"])


def test_a_line_of_json_is_one_line_even_with_a_traceback() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        record = logging.LogRecord(
            "lolomo.x", 30, "", 1, "a %s", ("b",), (ValueError, error, error.__traceback__)
        )
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert json.loads(line)["message"] == "a b"
    assert "ValueError: two" in json.loads(line)["exception"]


def test_text_logs_say_nothing_of_single_requests(
    front: Front, logger: logging.Logger, capsys: Any
) -> None:
    start_logs("text")
    post(front, "/v1/page", {"user_id": "ann"})
    assert capsys.readouterr().err == ""


def test_an_unknown_log_format_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOLOMO_LOG_FORMAT", "xml")
    with pytest.raises(SettingsError, match="expected 'text' or 'json'"):
        Settings.from_environment()
