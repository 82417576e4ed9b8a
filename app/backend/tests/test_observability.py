import uuid

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client import generate_latest

from tests.tokens import bearer


@pytest.mark.parametrize("given", ["a", "A-b_c.9", "x" * 64])
def test_a_callers_request_id_is_kept(client: TestClient, given: str) -> None:
    response = client.get("/api/tasks", headers={"X-Request-Id": given})
    assert response.headers["X-Request-Id"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "é", "a\tb", "<script>"])
def test_any_other_request_id_is_replaced(client: TestClient, given: str) -> None:
    headers = {"X-Request-Id": given.encode("latin-1")}
    response = client.get("/api/tasks", headers=headers)
    assert uuid.UUID(response.headers["X-Request-Id"]).version == 4


@pytest.mark.parametrize("path", ["/api/nothing", "/api/tasks/1", "/health", "/api/openapi.json"])
def test_every_answer_has_a_request_id(client: TestClient, path: str) -> None:
    assert client.get(path).headers["X-Request-Id"] != client.get(path).headers["X-Request-Id"]


def test_an_unexpected_failure_is_answered_logged_and_counted(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/api/broken/{what}")
    def broken(what: str) -> None:
        raise RuntimeError("the reason is for the log only")

    with TestClient(app, headers=bearer("alice")) as client:
        response = client.get("/api/broken/x", headers={"X-Request-Id": "r1"})
    assert response.status_code == 500
    assert response.json() == {
        "detail": "Something went wrong; the failure was recorded",
        "errors": [],
    }
    assert response.headers["X-Request-Id"] == "r1"
    assert caplog.text.count("\nRuntimeError: the reason is for the log only") == 1
    counted = 'http_requests_total{method="GET",route="/api/broken/{what}",status="500"} 1.0'
    assert counted in generate_latest(app.state.metrics_registry).decode()
