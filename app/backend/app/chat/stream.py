"""Streams an answer of the assistant to the browser, as one JSON object per line."""

import json
import logging
from collections.abc import Awaitable, Callable

import anyio
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from app.chat.error import ChatError, LimitError
from app.errors import DATABASE_ERRORS, FAILED, database_problem
from app.metrics import Outcome

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 120

MEDIA_TYPE = "application/x-ndjson"
HEADERS = {
    "Content-Type": MEDIA_TYPE,
    # no proxy may delay a line, neither by compression nor by buffering
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
}

Emit = Callable[[dict[str, str]], Awaitable[None]]


class AnswerStream(Response):
    """Sends each event that `produce` emits; cancels `produce` if the client disconnects.

    How the answer ended is counted with `count`.
    """

    def __init__(
        self, produce: Callable[[Emit], Awaitable[None]], count: Callable[[Outcome], None]
    ) -> None:
        self.status_code = 200
        self.background = None
        self.init_headers(HEADERS)
        self._produce = produce
        self._count = count

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        async def emit(event: dict[str, str]) -> None:
            line = json.dumps(event, ensure_ascii=False) + "\n"
            await send({"type": "http.response.body", "body": line.encode(), "more_body": True})

        head = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **head})
        async with anyio.create_task_group() as group:
            group.start_soon(_cancel_when_gone, receive, group.cancel_scope)
            await self._all_events(emit)
            group.cancel_scope.cancel()
        await send({"type": "http.response.body", "body": b""})

    async def _all_events(self, emit: Emit) -> None:
        outcome: Outcome = "cancelled"
        try:
            with anyio.fail_after(ANSWER_SECONDS):
                await self._produce(emit)
            outcome = "answered"
        except Exception as error:
            outcome = "limited" if isinstance(error, LimitError) else "failed"
            await emit({"type": "error", "message": _explain(error)})
        finally:
            self._count(outcome)
        await emit({"type": "done"})


async def _cancel_when_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


def _explain(error: Exception) -> str:
    match error:
        case ChatError():
            return str(error)
        case TimeoutError():
            return f"The answer took more than {ANSWER_SECONDS} seconds and was stopped"
        case _ if isinstance(error, DATABASE_ERRORS):
            return database_problem(error)
    logger.error("the chat failed", exc_info=error)
    return FAILED
