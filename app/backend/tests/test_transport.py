import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings

HEADER = "Strict-Transport-Security"


@pytest.mark.parametrize("seconds", [0, 600])
def test_every_response_has_the_hsts_header(app: FastAPI, settings: Settings, seconds: int) -> None:
    app = create_app(settings.model_copy(update={"hsts_max_age": seconds}))
    app.add_api_route("/api/broken", lambda: 1 / 0)
    client = TestClient(app)
    for path, status in {
        "/health/live": 200,
        "/api/tasks": 401,
        "/no/such/path": 404,
        "/api/broken": 500,
    }.items():
        answer = client.get(path)
        assert answer.status_code == status
        assert answer.headers.get_list(HEADER) == [f"max-age={seconds}"], path


def test_without_a_max_age_no_response_has_the_hsts_header(client: TestClient) -> None:
    assert HEADER not in client.get("/api/tasks").headers


def https_client(settings: Settings) -> TestClient:
    settings = settings.model_copy(update={"frontend_url": "https://todo.example.com"})
    return TestClient(create_app(settings), follow_redirects=False)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_requests_that_reached_the_proxy_by_http_are_redirected(
    settings: Settings, method: str
) -> None:
    headers = {"X-Forwarded-Proto": "http", "Host": "evil.example.com?"}
    for path in ("/api/tasks?q=a%20b&page=2", "/api/tasks/%2F%3F"):
        answer = https_client(settings).request(method, path, headers=headers)
        assert answer.status_code == 308
        assert answer.headers["Location"] == f"https://todo.example.com{path}"


def test_requests_by_https_or_without_a_proxy_are_answered(
    settings: Settings, client: TestClient
) -> None:
    https = https_client(settings)
    assert https.get("/api/tasks", headers={"X-Forwarded-Proto": "https"}).status_code == 401
    assert https.get("/health/live").status_code == 200
    assert client.get("/api/tasks", headers={"X-Forwarded-Proto": "http"}).status_code == 200


def test_the_redirect_can_be_turned_off(settings: Settings) -> None:
    update = {"frontend_url": "https://todo.example.com", "https_redirect": False}
    client = TestClient(create_app(settings.model_copy(update=update)), follow_redirects=False)
    assert client.get("/api/tasks", headers={"X-Forwarded-Proto": "http"}).status_code == 401
