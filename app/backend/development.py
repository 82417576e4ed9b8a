"""Serves the API from sources that change while it runs: the image's target `development`.

`python development.py` serves the sources in SOURCES, which begin as those of the image. It holds
the port while the API starts anew, so that requests wait instead of failing.

`python development.py receive` reads sources from standard input, one JSON object per line with all
of them: `{"id": "7", "files": {"app/main.py": "<base64>"}}`. It writes what differs, deletes what
is not named, has the API start anew, and answers with a line:
`{"id": "7", "changed": ["app/main.py"], "outcome": "serves"}`, or "failed".
"""

import base64
import contextlib
import json
import multiprocessing
import os
import shutil
import signal
import socket
import sys
import time
from multiprocessing.context import ForkProcess
from pathlib import Path
from types import FrameType

import uvicorn

IMAGE = Path(__file__).parent
FOLDER = IMAGE.parent / "development"
SOURCES = FOLDER / "sources"
# the id of the sources to serve, and what has become of them: `<id> serves` or `<id> failed`
WANTED = FOLDER / "wanted"
STATE = FOLDER / "state"
POLL_SECONDS = 0.02
# how long requests in flight may delay the next start
DRAIN_SECONDS = 1
# how long a start may take until it counts as failed
START_SECONDS = 20

fork = multiprocessing.get_context("fork")


def read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def write(path: Path, text: str) -> None:
    """Readers find the old text or the new one, never a part of it."""
    new = path.with_suffix(f".{os.getpid()}")
    new.write_text(text)
    new.replace(path)


class Server(uvicorn.Server):
    """Notes when it serves."""

    sources = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        write(STATE, f"{self.sources} serves")


def run_api(listener: socket.socket, sources: str) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.chdir(SOURCES)
    sys.path[0] = str(SOURCES)
    from app import logs
    from app.main import create_app
    from app.settings import Settings, load

    settings = load(Settings)
    logs.configure(settings.log_level)
    config = uvicorn.Config(
        create_app(settings),
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    server = Server(config)
    server.sources = sources
    server.run(sockets=[listener])


def import_packages() -> None:
    """Imports what the API needs, once: each start forks this process and imports the API alone."""
    with contextlib.suppress(Exception):  # a mistake in the sources shows when they are started
        import app.main  # noqa: F401
    for name in [name for name in sys.modules if name.split(".")[0] == "app"]:
        del sys.modules[name]


def listen() -> socket.socket:
    port = int(os.environ.get("PORT", "8000"))
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


def start(listener: socket.socket, sources: str) -> ForkProcess:
    api = fork.Process(target=run_api, args=(listener, sources))
    api.start()
    return api


def stop(api: ForkProcess) -> None:
    api.terminate()
    api.join(DRAIN_SECONDS + 1)
    api.kill()
    api.join()


def serve() -> None:
    if not SOURCES.exists():
        copy = FOLDER / "copy"
        # the image's bytecode is never compared with the source
        shutil.copytree(IMAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
        copy.rename(SOURCES)
    import_packages()
    stopping = False

    def on_stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, on_stop)
    signal.signal(signal.SIGINT, on_stop)
    with listen() as listener:
        sources = read(WANTED)
        api = start(listener, sources)
        while not stopping:
            time.sleep(POLL_SECONDS)
            if (wanted := read(WANTED)) != sources:
                sources = wanted
                stop(api)
                api = start(listener, sources)
            elif api.exitcode is not None and not sources:
                sys.exit("the sources of the image do not work")
            elif api.exitcode is not None and read(STATE) != (failed := f"{sources} failed"):
                write(STATE, failed)
        stop(api)


def update(files: dict[str, str]) -> list[str]:
    """Makes SOURCES have these files and no others. Returns the paths that were changed."""
    paths = [path for path in SOURCES.rglob("*") if path.is_file()]
    before = {str(path.relative_to(SOURCES)): path.read_bytes() for path in paths}
    after = {name: base64.b64decode(content) for name, content in files.items()}
    for name in before.keys() - after.keys():
        (SOURCES / name).unlink()
    changed = [name for name, content in after.items() if before.get(name) != content]
    for name in changed:
        path = SOURCES / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(after[name])
    return sorted({*changed, *(before.keys() - after.keys())})


def outcome_of(sources: str) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        name, _, outcome = read(STATE).partition(" ")
        if name == sources and outcome:
            return outcome
        time.sleep(POLL_SECONDS)
    return "failed"


def receive() -> None:
    for line in sys.stdin:
        message = json.loads(line)
        changed = update(message["files"])
        if changed:
            write(WANTED, message["id"])
        answer = {"id": message["id"], "changed": changed, "outcome": outcome_of(read(WANTED))}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["receive"]:
        receive()
    else:
        serve()
