"""Traces with OpenTelemetry, whose SDK reads the standard OTEL_* variables.

This module is imported only if OTEL_EXPORTER_OTLP_ENDPOINT is set. FastAPI creates the spans of
requests.
"""

import os
import threading
from collections.abc import Callable

from opentelemetry import trace
from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from sqlalchemy import Engine, ExceptionContext, event

from app import __version__

FLUSH_SECONDS = 3


def start(engine: Engine, environment: str) -> Callable[[], None]:
    """Starts tracing; returns a function that sends the last spans and stops it."""
    resource = Resource.create(
        {
            "service.name": os.environ.get("OTEL_SERVICE_NAME", "todo-backend"),
            "service.version": __version__,
            "deployment.environment.name": environment,
        }
    )
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    exporter = OTLPSpanExporter()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    _trace_queries(engine, provider.get_tracer("app.database"))

    def stop() -> None:
        # the exporter would retry an unreachable collector for longer than the pod may still run
        give_up = threading.Timer(FLUSH_SECONDS, exporter.shutdown)
        give_up.start()
        provider.shutdown()
        give_up.cancel()

    return stop


def _trace_queries(engine: Engine, tracer: trace.Tracer) -> None:
    """Creates a span for each statement, with its text and placeholders but never the values."""

    def begin(*arguments: object) -> None:
        _connection, _cursor, statement, _values, context, _many = arguments
        attributes = {"db.system.name": "postgresql", "db.query.text": statement}
        name = statement.split(maxsplit=1)[0]
        context.span = tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)

    def end(*arguments: object) -> None:
        arguments[4].span.end()

    def fail(error: ExceptionContext) -> None:
        span = getattr(error.execution_context, "span", None)
        if span is not None:
            span.set_status(Status(StatusCode.ERROR, type(error.original_exception).__name__))
            span.end()

    event.listen(engine, "before_cursor_execute", begin)
    event.listen(engine, "after_cursor_execute", end)
    event.listen(engine, "handle_error", fail)
