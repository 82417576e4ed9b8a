import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings

HEADER = "Strict-Transport-Security"


@pytest.mark.parametrize("seconds", [0, 600])
def test_every_answer_tells_browsers_for_how_long_to_keep_to_https(
    app: FastAPI, settings: Settings, seconds: int
) -> None:
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


def test_without_being_told_to_it_says_nothing_about_https(client: TestClient) -> None:
    assert HEADER not in client.get("/api/tasks").headers


def https_client(settings: Settings) -> TestClient:
    settings = settings.model_copy(update={"frontend_url": "https://todo.example.com"})
    return TestClient(create_app(settings), follow_redirects=False)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_came_to_the_proxy_by_http_is_led_to_https(settings: Settings, method: str) -> None:
    headers = {"X-Forwarded-Proto": "http", "Host": "evil.example.com?"}
    for path in ("/api/tasks?q=a%20b&page=2", "/api/tasks/%2F%3F"):
        answer = https_client(settings).request(method, path, headers=headers)
        assert answer.status_code == 308
        assert answer.headers["Location"] == f"https://todo.example.com{path}"


def test_https_and_calls_inside_the_cluster_are_answered(
    settings: Settings, client: TestClient
) -> None:
    https = https_client(settings)
    assert https.get("/api/tasks", headers={"X-Forwarded-Proto": "https"}).status_code == 401
    assert https.get("/health/live").status_code == 200
    assert client.get("/api/tasks", headers={"X-Forwarded-Proto": "http"}).status_code == 200


def test_where_tls_ends_further_out_nobody_is_led_anywhere(settings: Settings) -> None:
    update = {"frontend_url": "https://todo.example.com", "https_redirect": False}
    client = TestClient(create_app(settings.model_copy(update=update)), follow_redirects=False)
    assert client.get("/api/tasks", headers={"X-Forwarded-Proto": "http"}).status_code == 401
