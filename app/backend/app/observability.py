"""Gives each request an id, an access log line and metrics."""

import logging
import re
import time
import uuid

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import logs
from app.errors import FAILED, problem_response
from app.metrics import HttpMetrics

logger = logging.getLogger("app.access")

REQUEST_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)


class ObservedRequests:
    def __init__(self, app: ASGIApp, metrics: HttpMetrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        identity = _request_id(scope)
        # no reset is needed: each request runs in a context of its own
        logs.request_id.set(identity)
        header = (b"x-request-id", identity.encode())
        started = time.perf_counter()
        status = None

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except Exception:
            logger.exception("the request failed")
            if status is None:  # once the response has started, only the connection can be closed
                failed = problem_response(500, FAILED)
                await failed(scope, receive, send_with_id)
        finally:
            seconds = time.perf_counter() - started
            self.metrics.observe(scope, status or 500, seconds)
            _log(scope, status or 500, seconds)


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else str(uuid.uuid4())


def _log(scope: Scope, status: int, seconds: float) -> None:
    method, path = scope["method"], scope["path"]
    if path.startswith("/health") and status < 400:  # successful probes would fill the log
        return
    fields = {
        "method": method,
        "path": path,
        "status": status,
        "duration_ms": round(seconds * 1000, 1),
    }
    logger.info("%s %s %d", method, path, status, extra={"fields": fields})
