"""The program that serves sources which change while it runs, in both of its roles."""

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.processes import BACKEND, free_port
from tests.tokens import SECRET

MAIN = "app/main.py"
TITLE = 'title="Todo API"'


class Pod:
    """The program, and a connection to it."""

    def __init__(self, folder: Path, main: str | None = None) -> None:
        shutil.copytree(
            BACKEND / "app", folder / "source/app", ignore=shutil.ignore_patterns("__pycache__")
        )
        shutil.copy(BACKEND / "development.py", folder / "source")
        if main is not None:
            (folder / "source" / MAIN).write_text(main)
        (folder / "development").mkdir()
        self.folder = folder
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/api/openapi.json"
        self.environment = os.environ | {
            "DATABASE_URL": "postgresql://user:password@127.0.0.1:1/todo",
            "BETTER_AUTH_SECRET": SECRET,
            "PORT": str(port),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.server = self.start()
        self.receiver = self.start("receive")
        self.number = 0

    def start(self, *role: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "source/development.py", *role],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if not role else None,
            text=True,
        )

    def sources(self) -> dict[str, bytes]:
        source = self.folder / "source"
        files = (path for path in source.rglob("*") if path.is_file())
        return {str(path.relative_to(source)): path.read_bytes() for path in files}

    def send(self, files: dict[str, bytes]) -> dict:
        self.number += 1
        encoded = {path: base64.b64encode(data).decode() for path, data in files.items()}
        message = {"id": str(self.number), "files": encoded}
        assert self.receiver.stdin
        assert self.receiver.stdout
        print(json.dumps(message), file=self.receiver.stdin, flush=True)
        answer = json.loads(self.receiver.stdout.readline())
        assert answer.pop("id") == message["id"]
        return answer

    def title(self) -> str:
        return httpx.get(self.url, timeout=10).json()["info"]["title"]

    def close(self) -> str:
        self.receiver.communicate(timeout=10)
        self.server.terminate()
        return self.server.communicate(timeout=10)[0]


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    pod = Pod(tmp_path)
    deadline = time.monotonic() + 30
    while not (tmp_path / "development/state").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    yield pod
    pod.close()


def retitled(sources: dict[str, bytes], title: str) -> dict[str, bytes]:
    text = sources[MAIN].decode()
    assert TITLE in text
    return sources | {MAIN: text.replace(TITLE, f'title="{title}"').encode()}


def test_a_change_serves_once_it_is_answered(pod: Pod) -> None:
    sources = pod.sources()
    assert pod.title() == "Todo API"
    assert pod.send(sources) == {"changed": [], "outcome": "serves"}
    for title in ("one", "two"):
        assert pod.send(retitled(sources, title)) == {"changed": [MAIN], "outcome": "serves"}
        assert pod.title() == title


def test_a_file_can_be_added_and_deleted(pod: Pod) -> None:
    sources = retitled(pod.sources(), '" + __import__("app.added").added.TITLE + "')
    added = sources | {"app/added.py": b'TITLE = "added"\n'}
    assert pod.send(added)["changed"] == ["app/added.py", MAIN]
    assert pod.title() == "added"
    assert pod.send(sources) == {"changed": ["app/added.py"], "outcome": "failed"}


@pytest.mark.parametrize("mistake", [b"(", b"raise SystemExit(0)", b"1 / 0"])
def test_a_mistake_is_reported_and_mended_by_the_next_change(pod: Pod, mistake: bytes) -> None:
    sources = pod.sources()
    broken = sources | {MAIN: sources[MAIN] + b"\n" + mistake}
    assert pod.send(broken) == {"changed": [MAIN], "outcome": "failed"}
    assert pod.send(broken) == {"changed": [], "outcome": "failed"}
    assert pod.send(retitled(sources, "mended"))["outcome"] == "serves"
    assert pod.title() == "mended"
    assert pod.server.poll() is None


def test_it_ends_with_code_0_and_its_log_shows_the_mistake(pod: Pod) -> None:
    pod.send(pod.sources() | {MAIN: b"print(("})
    log = pod.close()
    assert pod.server.returncode == 0
    assert "SyntaxError: '(' was never closed" in log


def test_an_image_that_does_not_work_ends_the_program(tmp_path: Path) -> None:
    pod = Pod(tmp_path, main="1 / 0")
    pod.server.wait(30)
    log = pod.close()
    assert pod.server.returncode == 1
    assert "ZeroDivisionError" in log
    assert "the sources of the image do not work" in log
