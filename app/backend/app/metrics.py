"""Prometheus metrics, on a port of their own that no public route reaches."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    start_http_server,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Engine
from starlette.types import Scope

from app.database import POOL_OVERFLOW, POOL_SIZE

KNOWN_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
OTHER = "other"  # for unknown methods and paths, so that clients can't create endless time series

# How an answer of the assistant ends: "limited" when the user's tokens of the day are used up,
# "cancelled" when the user has gone.
Outcome = Literal["answered", "failed", "limited", "cancelled"]
OUTCOMES: Sequence[Outcome] = get_args(Outcome)


class HttpMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "http_requests_total",
            "Answered HTTP requests",
            ["method", "route", "status"],
            registry=registry,
        )
        self._durations = Histogram(
            "http_request_duration_seconds",
            "Time from a request's headers to the end of its response",
            ["method", "route"],
            registry=registry,
        )

    def observe(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in KNOWN_METHODS else OTHER
        route = getattr(scope.get("route"), "path", OTHER)
        self._requests.labels(method, route, str(status)).inc()
        self._durations.labels(method, route).observe(seconds)


class UseMetrics:
    """What people do with the app: counted once per change that was committed, or per answer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, description: str, labels: Sequence[str] = ()) -> Counter:
            return Counter(name, description, labels, registry=registry)

        self.tasks_created = counter("todo_tasks_created_total", "Tasks that were created")
        self.tasks_completed = counter("todo_tasks_completed_total", "Tasks that were completed")
        self._answers = counter(
            "todo_assistant_answers_total",
            "Answers of the assistant, by how they ended",
            ["outcome"],
        )
        self.assistant_tokens = counter(
            "todo_assistant_tokens_total", "Tokens of the language model that answers have cost"
        )
        for outcome in OUTCOMES:  # so that each series begins with 0, and its first increase counts
            self._answers.labels(outcome)

    def count_answer(self, outcome: Outcome) -> None:
        self._answers.labels(outcome).inc()


class PoolCollector(Collector):
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[GaugeMetricFamily]:
        pool = self._engine.pool
        connections = GaugeMetricFamily(
            "db_pool_connections", "Open connections to the database", labels=["state"]
        )
        connections.add_metric(["in_use"], pool.checkedout())
        connections.add_metric(["idle"], pool.checkedin())
        yield connections
        yield GaugeMetricFamily(
            "db_pool_size", "Connections that may be open at once", POOL_SIZE + POOL_OVERFLOW
        )


def build_registry(engine: Engine) -> CollectorRegistry:
    disable_created_metrics()  # they double the series: each counter's creation time
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    registry.register(PoolCollector(engine))
    return registry


@contextmanager
def serve(registry: CollectorRegistry, port: int) -> Iterator[int]:
    """Serves the metrics in a thread of its own until the end of the block."""
    # "::" also accepts IPv4 connections
    address = "::" if socket.has_dualstack_ipv6() else "0.0.0.0"  # noqa: S104 (a pod listens on all its addresses)
    server, thread = start_http_server(port, address, registry=registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
