"""Traces: one span a request and one a step, carried from process to process as W3C trace context.

KServe's router drops headers, so the trace travels twice: in the header `traceparent`, as everyone
does, and in the `traceparent` of each step request's context.

Nothing is recorded until `start` is given an exporter, and until then a span costs one comparison:
OpenTelemetry's own idle spans would cost a request a tenth of a millisecond.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

Attribute = str | bool | int | float
_W3C: Final = TraceContextTextMapPropagator()
_TRACEPARENT: Final = "traceparent"
_IDLE: Final[AbstractContextManager[None]] = nullcontext()


class Tracing:
    """The tracer of a process, idle until it is started."""

    def __init__(self) -> None:
        self._provider: TracerProvider | None = None
        self._tracer: trace.Tracer | None = None

    def start(self, processor: SpanProcessor, service: str) -> None:
        """Record spans from now on.

        Args:
            processor: Gets each span when it ends, such as a batch on its way to a collector.
            service: The name that the spans are reported under.
        """
        self.stop()
        self._provider = TracerProvider(resource=Resource.create({"service.name": service}))
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("lolomo")

    def stop(self) -> None:
        """Send what is left, and record nothing more."""
        provider, self._provider, self._tracer = self._provider, None, None
        if provider is not None:
            provider.shutdown()

    def request(
        self, name: str, traceparent: str, **attributes: Attribute
    ) -> AbstractContextManager[None]:
        """Return a context in which the span of a whole request is current.

        Args:
            name: What is asked, such as `POST /v1/page`.
            traceparent: The caller's trace; without a readable one a trace begins here.
            attributes: What else is known.
        """
        if self._tracer is None:
            return _IDLE
        nothing = otel_context.Context()
        return self._recorded(name, _W3C.extract({_TRACEPARENT: traceparent}, nothing), attributes)

    def span(
        self, name: str, traceparent: str = "", **attributes: Attribute
    ) -> AbstractContextManager[None]:
        """Return a context in which a span is current; an error that leaves it is recorded.

        Args:
            name: What is done, such as `step next_play`.
            traceparent: The trace that came with a step's request. It is followed unless it is the
                one that is current here, where the span is a child of the current span.
            attributes: What else is known.
        """
        if self._tracer is None:
            return _IDLE
        return self._recorded(name, _other_trace(traceparent), attributes)

    @contextmanager
    def _recorded(
        self, name: str, parent: otel_context.Context | None, attributes: dict[str, Attribute]
    ) -> Iterator[None]:
        assert self._tracer is not None  # noqa: S101 -- asked by the callers
        with self._tracer.start_as_current_span(name, context=parent, attributes=attributes):
            yield

    def traceparent(self) -> str:
        """Return the current span as W3C trace context; empty if nothing is recorded."""
        carrier: dict[str, str] = {}
        if self._tracer is not None:
            _W3C.inject(carrier)
        return carrier.get(_TRACEPARENT, "")

    @staticmethod
    def ids() -> tuple[str, str] | None:
        """Return the ids of the current trace and span in hexadecimal, if there is a span."""
        current = trace.get_current_span().get_span_context()
        if not current.is_valid:
            return None
        return trace.format_trace_id(current.trace_id), trace.format_span_id(current.span_id)


def _other_trace(traceparent: str) -> otel_context.Context | None:
    """Return the context of a trace that is not current here; None to stay in the current one."""
    if not traceparent:
        return None
    carried = _W3C.extract({_TRACEPARENT: traceparent})
    there = trace.get_current_span(carried).get_span_context()
    here = trace.get_current_span().get_span_context()
    return None if not there.is_valid or there.trace_id == here.trace_id else carried


TRACING: Final = Tracing()
"""The tracer of this process."""
