"""The process as the container runs it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2 as httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import create_engine, text

from app.settings import Settings
from tests.conftest import PASSWORD, PostgresCluster

# uvicorn ends by the signal it was sent, once it has cleaned up
STOPPED = -signal.SIGTERM
BACKEND = Path(__file__).parent.parent


class Server:
    def __init__(self, database_url: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app"],
            cwd=BACKEND,
            env=os.environ | {"DATABASE_URL": database_url, "PORT": str(port)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wait_until_live(self) -> None:
        deadline = time.monotonic() + 20
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                httpx.get(f"{self.url}/health/live")
            except httpx.ConnectError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError("the server did not start: " + self.stop())

    def stop(self) -> str:
        self.process.terminate()
        return self.process.communicate(timeout=30)[0]


@pytest.fixture
def server(app: FastAPI, postgres: PostgresCluster) -> Iterator[Server]:
    server = Server(postgres.url)
    server.wait_until_live()
    yield server
    server.process.kill()
    server.process.communicate()


def test_it_logs_one_object_a_line_without_probes_or_secrets(server: Server) -> None:
    httpx.get(f"{server.url}/health/ready")
    httpx.post(f"{server.url}/api/tasks", json={"title": "two\nlines"})
    httpx.get(f"{server.url}/api/tasks")

    output = server.stop()

    assert server.process.returncode == STOPPED
    lines = [json.loads(line) for line in output.splitlines()]
    requests = [line["message"] for line in lines if line["logger"] == "uvicorn.access"]
    assert [message.partition(" - ")[2] for message in requests] == [
        '"POST /api/tasks HTTP/1.1" 422',
        '"GET /api/tasks HTTP/1.1" 200',
    ]
    assert PASSWORD not in output


def test_a_request_in_flight_is_answered_after_sigterm(server: Server, settings: Settings) -> None:
    engine = create_engine(settings.sqlalchemy_url)
    with ThreadPoolExecutor() as threads, engine.connect() as connection:
        connection.execute(text("LOCK TABLE tasks"))
        response = threads.submit(httpx.get, f"{server.url}/api/tasks", timeout=30)
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        while connection.scalar(waiting) == 0:
            time.sleep(0.02)
        server.process.terminate()
        time.sleep(0.5)
        assert server.process.poll() is None
        connection.rollback()
        assert response.result().status_code == 200
    engine.dispose()
    assert server.process.wait(timeout=10) == STOPPED


def test_it_does_not_start_with_a_wrong_environment() -> None:
    process = Server("mysql://root:secret@db/todo").process
    output = process.communicate(timeout=30)[0]
    assert process.returncode == 1
    assert "DATABASE_URL: must start with postgresql://" in output
    assert "secret" not in output
