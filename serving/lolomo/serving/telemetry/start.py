"""Starts and stops the telemetry of a process, as the settings say."""

from lolomo.core.settings import Settings
from lolomo.serving.telemetry.logs import start_logs, stop_logs
from lolomo.serving.telemetry.tracing import TRACING

SERVICE = "lolomo-page"


def start(settings: Settings) -> None:
    """Write logs in the format that is set, and send spans if a collector is named."""
    start_logs(settings.log_format)
    if settings.traces_endpoint is None:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    exporter = OTLPSpanExporter(f"{settings.traces_endpoint.rstrip('/')}/v1/traces")
    TRACING.start(BatchSpanProcessor(exporter), SERVICE)


def stop() -> None:
    """Send the spans that are left, and write no more logs."""
    TRACING.stop()
    stop_logs()
