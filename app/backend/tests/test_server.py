"""The process as the container runs it."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2 as httpx
import pytest
from sqlalchemy import create_engine, text

from app.settings import Settings
from tests.postgres import PASSWORD
from tests.processes import BACKEND, Server
from tests.tokens import SECRET, bearer


def test_it_logs_one_object_a_line_without_probes_or_secrets(server: Server) -> None:
    alice = bearer("alice")
    httpx.get(f"{server.url}/health/ready")
    httpx.get(f"{server.url}/api/tasks", headers=alice, params={"q": "private\nwords"})
    httpx.post(f"{server.url}/api/tasks", headers=alice | {"X-Request-Id": "a.1"}, json={})
    httpx.get(f"{server.url}/api/tasks/%0aforged", headers=alice | {"X-Request-Id": "no good"})

    lines = server.stop_and_read_log()

    assert server.process.returncode == 0
    assert all({"time", "level", "logger", "message"} <= set(line) for line in lines)
    requests = [line for line in lines if line["logger"] == "app.access"]
    assert [(line["method"], line["path"], line["status"]) for line in requests] == [
        ("GET", "/api/tasks", 200),
        ("POST", "/api/tasks", 422),
        ("GET", "/api/tasks/\nforged", 422),
    ]
    assert all(0 < line["duration_ms"] < 5000 for line in requests)
    assert requests[1]["request_id"] == "a.1"
    assert len(requests[2]["request_id"]) == 36
    for secret in (PASSWORD, SECRET, "private", alice["Authorization"]):
        assert secret not in str(lines)


def test_it_serves_metrics_on_a_port_of_their_own(server: Server) -> None:
    for path in ("/api/tasks", "/api/tasks", "/api/tasks/1", "/no/such/path", "/metrics"):
        httpx.get(server.url + path, headers=bearer("alice"))
    httpx.request("PROPFIND", f"{server.url}/api/tasks")

    lines = httpx.get(server.metrics_url).text.splitlines()

    counted = {
        'http_requests_total{method="GET",route="/api/tasks",status="200"} 2.0',
        'http_requests_total{method="GET",route="/api/tasks/{task_id}",status="422"} 1.0',
        'http_requests_total{method="GET",route="other",status="404"} 2.0',
        'http_requests_total{method="other",route="/api/tasks",status="405"} 1.0',
        'http_request_duration_seconds_count{method="GET",route="/api/tasks"} 2.0',
        'db_pool_connections{state="in_use"} 0.0',
        'db_pool_connections{state="idle"} 1.0',
        "db_pool_size 5.0",
    }
    assert counted - set(lines) == set()
    assert any(line.startswith("process_resident_memory_bytes ") for line in lines)
    # neither the time of creation of each counter, nor a series for each path that is invented
    assert not any(word in line for line in lines for word in ("_created ", "_created{", "no/such"))


def test_a_request_in_flight_is_answered_after_sigterm(server: Server, settings: Settings) -> None:
    engine = create_engine(settings.sqlalchemy_url)
    with ThreadPoolExecutor() as threads, engine.connect() as connection:
        connection.execute(text("LOCK TABLE tasks"))
        url = f"{server.url}/api/tasks"
        response = threads.submit(httpx.get, url, headers=bearer("alice"), timeout=30)
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        while connection.scalar(waiting) == 0:
            time.sleep(0.02)
        server.process.terminate()
        time.sleep(0.5)
        assert server.process.poll() is None
        assert httpx.get(server.metrics_url).status_code == 200  # until the very end
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{server.url}/health/live")
        connection.rollback()
        assert response.result().status_code == 200
    open_connections = text(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'todo-backend'"
    )
    assert server.process.wait(timeout=10) == 0
    with engine.connect() as connection:
        assert connection.scalar(open_connections) == 0
    engine.dispose()


def test_it_does_not_start_with_a_wrong_environment() -> None:
    process = Server("mysql://root:secret@db/todo", BETTER_AUTH_SECRET="short", PORT="0").process
    output = process.communicate(timeout=30)[0]
    assert process.returncode == 1
    assert output.splitlines() == [
        "These environment variables are missing or wrong:",
        "DATABASE_URL: must start with postgresql://, "
        "like postgresql://user:password@host:5432/database",
        "PORT: Input should be greater than or equal to 1",
        "BETTER_AUTH_SECRET: must have at least 32 characters",
    ]


def test_it_loads_openai_and_opentelemetrys_sdk_only_when_needed() -> None:
    code = "import app.main, sys; print([m for m in sys.modules if m in %r])"
    unwanted = ["openai", "opentelemetry.sdk", "opentelemetry.exporter", "httpx2", "urllib3"]
    command = [sys.executable, "-c", code % (unwanted,)]
    output = subprocess.run(command, cwd=BACKEND, check=True, capture_output=True, text=True)
    assert output.stdout == "[]\n"
