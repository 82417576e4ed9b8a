"""Starts the API and the migration as processes, as the containers do."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2 as httpx

from tests.tokens import SECRET

BACKEND = Path(__file__).parent.parent


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def start_migration(url: str, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "app.migrate"],
        cwd=BACKEND,
        env=os.environ | {"DATABASE_URL": url} | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


class Server:
    def __init__(self, database_url: str, **environment: str) -> None:
        port, metrics_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.metrics_url = f"http://127.0.0.1:{metrics_port}/metrics"
        known = {
            "DATABASE_URL": database_url,
            "BETTER_AUTH_SECRET": SECRET,
            "PORT": str(port),
            "METRICS_PORT": str(metrics_port),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app"],
            cwd=BACKEND,
            env=os.environ | known | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wait_until_live(self) -> None:
        deadline = time.monotonic() + 30
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
        return self.process.communicate(timeout=40)[0]

    def stop_and_read_log(self) -> list[dict]:
        return [json.loads(line) for line in self.stop().splitlines()]
