"""An HTTP server with OpenAI's chat completions API, whose answers the test prepares."""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

API_KEY = "sk-canary-key"  # must never show up in any output

Delta = dict[str, Any]
Reply = Callable[["Handler"], None]


class ModelServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 100

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self.server_port}/v1"
        self.replies: deque[Reply] = deque()
        self.requests: list[dict] = []
        self.headers_seen: list[dict[str, str]] = []
        self.arrivals = threading.Semaphore(0)
        self.client_gone = threading.Event()
        self.released = threading.Event()

    def will(self, *replies: Reply) -> None:
        """Sets the reply for each request; the last one also answers all later requests."""
        self.replies = deque(replies)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ModelServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append(json.loads(body))
        self.server.headers_seen.append({n.lower(): v for n, v in self.headers.items()})
        self.server.arrivals.release()
        replies = self.server.replies
        reply = replies.popleft() if len(replies) > 1 else replies[0]
        reply(self)

    def begin_stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def send_event(self, data: str) -> None:
        line = f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        self.wfile.flush()

    def send_delta(self, delta: Delta, finish_reason: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        self.send_event(json.dumps(chunk | {"choices": [choice]}))

    def end_stream(self) -> None:
        self.send_event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def wait_until_client_is_gone(self) -> None:
        if not self.rfile.read(1):
            self.server.client_gone.set()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


def streams(*deltas: Delta, finish_reason: str = "stop") -> Reply:
    def reply(handler: Handler) -> None:
        handler.begin_stream()
        for delta in deltas:
            handler.send_delta(delta)
        handler.send_delta({}, finish_reason)
        handler.end_stream()

    return reply


def says(*pieces: str, finish_reason: str = "stop") -> Reply:
    return streams(*[{"content": piece} for piece in pieces], finish_reason=finish_reason)


def calls(name: str, *argument_pieces: str, index: int = 0) -> list[Delta]:
    """A tool call in pieces, as a model streams it."""
    head = {"id": f"call-{index}", "type": "function", "function": {"name": name, "arguments": ""}}
    pieces = [{"function": {"arguments": piece}} for piece in argument_pieces]
    return [{"tool_calls": [{"index": index} | piece]} for piece in [head, *pieces]]


def fails(status: int) -> Reply:
    """Answers an error whose message quotes the key, as OpenAI does."""

    def reply(handler: Handler) -> None:
        content = json.dumps({"error": {"message": f"no good: {API_KEY}"}}).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(content)))
        handler.send_header("Retry-After-Ms", "10")
        handler.end_headers()
        handler.wfile.write(content)

    return reply


def breaks_off(*pieces: str, politely: bool) -> Reply:
    """Stops in the middle of an answer; `politely` ends the HTTP response correctly."""

    def reply(handler: Handler) -> None:
        handler.begin_stream()
        for piece in pieces:
            handler.send_delta({"content": piece})
        if politely:
            handler.wfile.write(b"0\r\n\r\n")
        handler.close_connection = True

    return reply


def sends(*events: str) -> Reply:
    """Sends any events, also invalid ones."""

    def reply(handler: Handler) -> None:
        handler.begin_stream()
        for event in events:
            handler.send_event(event)
        handler.end_stream()

    return reply


def hangs(*pieces: str) -> Reply:
    """Sends the pieces and then nothing more until the client disconnects."""

    def reply(handler: Handler) -> None:
        if pieces:
            handler.begin_stream()
        for piece in pieces:
            handler.send_delta({"content": piece})
        handler.wait_until_client_is_gone()

    return reply


def waits_then_says(piece: str) -> Reply:
    def reply(handler: Handler) -> None:
        handler.server.released.wait(30)
        says(piece)(handler)

    return reply


@contextmanager
def running_model_server() -> Iterator[ModelServer]:
    server = ModelServer()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
