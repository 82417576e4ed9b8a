"""A server with OpenAI's chat completions, for the tests of the deployed app. It accepts only `Bearer right-key`.

To a message that begins with "add ", it answers with a tool call, streamed in pieces, and then repeats the tool's
answer. To a message with "break off", it sends half an answer and closes the connection.
"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def chunk(delta: dict, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    event = {
        "id": "chat-1",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "test-model",
        "choices": [choice],
    }
    return f"data: {json.dumps(event)}\n\n".encode()


def tool_call(title: str) -> list[bytes]:
    arguments = json.dumps({"title": title})
    pieces = [arguments[i : i + 5] for i in range(0, len(arguments), 5)]
    first = {"id": "call-1", "type": "function", "function": {"name": "add_task", "arguments": ""}}
    return [
        chunk({"role": "assistant", "tool_calls": [{"index": 0, **first}]}),
        *(chunk({"tool_calls": [{"index": 0, "function": {"arguments": p}}]}) for p in pieces),
        chunk({}, "tool_calls"),
        b"data: [DONE]\n\n",
    ]


def words(text: str) -> list[bytes]:
    spoken = [chunk({"content": f"{word} "}) for word in text.split()]
    return [*spoken, chunk({}, "stop"), b"data: [DONE]\n\n"]


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["Authorization"] != "Bearer right-key":
            self.answer(401, "application/json", [b'{"error": {"message": "wrong API key"}}'])
            return
        last = request["messages"][-1]
        content = last["content"]
        if last["role"] == "tool":
            chunks = words(f"The list says: {content}")
        elif "break off" in content:
            chunks = words("half an answer and then")[:3]
        elif content.startswith("add "):
            chunks = tool_call(content.removeprefix("add "))
        else:
            chunks = words("I only add.")
        self.answer(200, "text/event-stream", chunks)

    def answer(self, status: int, content_type: str, chunks: list[bytes]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.end_headers()
        for data in chunks:
            self.wfile.write(data)
            self.wfile.flush()


ThreadingHTTPServer(("", 8080), Handler).serve_forever()
