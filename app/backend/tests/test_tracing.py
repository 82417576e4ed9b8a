"""Traces are sent to an OTLP collector if one is configured."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import httpx2 as httpx
import pytest
from fastapi import FastAPI

from tests.chat_client import question
from tests.model_server import API_KEY, running_model_server, says
from tests.postgres import PASSWORD, PostgresCluster
from tests.processes import Server, free_port
from tests.tokens import SECRET, bearer

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


def headers() -> dict[str, str]:
    return bearer("alice") | {"traceparent": f"00-{TRACE}-{PARENT}-01"}


class Collector(BaseHTTPRequestHandler):
    received: ClassVar[list[dict]] = []
    paths: ClassVar[set[str]] = set()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append(json.loads(body))
        self.paths.add(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[str]:
    Collector.received.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def attributes(item: dict) -> dict[str, object]:
    return {a["key"]: next(iter(a["value"].values())) for a in item["attributes"]}


def spans() -> dict[str, dict]:
    return {
        span["name"]: span | {"attributes": attributes(span)}
        for batch in Collector.received
        for resource in batch["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    }


def test_a_request_its_queries_and_the_models_calls_are_one_trace(
    app: FastAPI, postgres: PostgresCluster, collector: str
) -> None:
    alice = headers()
    with running_model_server() as model:
        model.will(says("Hello."))
        server = Server(
            postgres.url,
            OTEL_EXPORTER_OTLP_ENDPOINT=collector,
            LLM_PROVIDER="openai",
            LLM_MODEL="m",
            OPENAI_BASE_URL=model.base_url,
            OPENAI_API_KEY=API_KEY,
        )
        server.wait_until_live()
        httpx.get(f"{server.url}/api/tasks", params={"tag": "private"}, headers=alice)
        httpx.post(f"{server.url}/api/chat", json=question("hi"), headers=alice)
        lines = server.stop_and_read_log()

    assert Collector.paths == {"/v1/traces"}
    resource = attributes(Collector.received[0]["resourceSpans"][0]["resource"])
    assert resource["service.name"] == "todo-backend"
    found = spans()
    # INSERT and UPDATE keep count of the model's tokens
    queries = {"SELECT", "INSERT", "UPDATE"}
    assert set(found) == {"GET /api/tasks", "POST /api/chat", "chat m"} | queries
    assert {span["traceId"] for span in found.values()} == {TRACE}
    request, query = found["GET /api/tasks"], found["SELECT"]
    assert request["parentSpanId"] == PARENT
    assert request["attributes"]["http.response.status_code"] in (200, "200")
    assert query["parentSpanId"] == request["spanId"]
    assert "FROM tasks" in query["attributes"]["db.query.text"]
    assert "private" not in json.dumps(query)
    for name in ("chat m", "INSERT", "UPDATE"):
        assert found[name]["parentSpanId"] == found["POST /api/chat"]["spanId"], name
    assert [line["trace_id"] for line in lines if line["logger"] == "app.access"] == [TRACE] * 2
    for secret in (PASSWORD, SECRET, API_KEY, alice["Authorization"]):
        assert secret not in json.dumps(Collector.received)


def test_the_service_can_have_another_name(
    app: FastAPI, postgres: PostgresCluster, collector: str
) -> None:
    server = Server(
        postgres.url, OTEL_EXPORTER_OTLP_ENDPOINT=collector, OTEL_SERVICE_NAME="something-else"
    )
    server.wait_until_live()
    httpx.get(f"{server.url}/api/tasks")
    server.stop()
    resource = attributes(Collector.received[0]["resourceSpans"][0]["resource"])
    assert resource["service.name"] == "something-else"


def test_an_unreachable_collector_does_no_harm(app: FastAPI, postgres: PostgresCluster) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    server = Server(postgres.url, OTEL_EXPORTER_OTLP_ENDPOINT=nobody)
    server.wait_until_live()
    assert httpx.get(f"{server.url}/api/tasks", headers=headers()).status_code == 200
    started = time.monotonic()
    server.stop()
    assert server.process.returncode == 0
    # of the 35 s that a pod has to end; a busy machine needs some beside the flush
    assert time.monotonic() - started < 10
