"""An assistant that uses a language model: any server with OpenAI's chat completions API."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from openai import APIConnectionError, APIStatusError, AsyncOpenAI, OpenAIError, Timeout
from openai.types.chat.chat_completion_chunk import Choice, ChoiceDeltaToolCall
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from app.chat.budget import TokenBudget
from app.chat.error import ChatError
from app.chat.provider import ChatMessage, Say
from app.chat.tools import TOOLS, TaskTools
from app.settings import OPENAI_URL, Settings

logger = logging.getLogger(__name__)
tracer = trace.get_tracer(__name__)

CONNECT_SECONDS = 5
SILENCE_SECONDS = 30  # the longest wait for the first or the next piece of an answer
TRIES_AGAIN = 2  # only while no piece of the answer has arrived
MOST_TURNS = 6
MOST_CHARACTERS = 20_000
# Before each turn, this many tokens are reserved from the user's budget for the answer.
MOST_TOKENS_ANSWERED = MOST_CHARACTERS // 4
# An estimate that is rather too high: most texts have more than three bytes of UTF-8 per token.
BYTES_PER_TOKEN = 3

SYSTEM_PROMPT = """\
You are the assistant of a todo list. Today is {today:%A}, {today}.
Read and change the list with the tools only, and never claim a change that no tool reported.
When a tool says that none or several of the tasks match, ask the user which one is meant.
Answer briefly, in plain text and in the user's language."""

BROKE_OFF = "The language model's answer broke off; try again"
NOT_UNDERSTOOD = "The language model asked for something this app does not understand; try again"
TOO_LONG = "The language model's answer was too long and ends here"
WITHHELD = "The language model declined to answer this"
NO_END = "The language model needed too many steps; try a simpler request"
UNREACHABLE = "The language model can't be reached right now; try again in a moment"
UNAVAILABLE = "The language model can't answer right now; try again in a moment"
WRONG_SETUP = (
    "The language model rejected this app's settings; ask the operator of the app to check them"
)
BUSY = "The language model is overloaded, or its quota is used up; try again later"
REFUSED = "The language model refused this request; try to say it in another way"
BY_STATUS = {
    400: REFUSED,
    401: WRONG_SETUP,
    403: WRONG_SETUP,
    404: WRONG_SETUP,
    422: REFUSED,
    429: BUSY,
}

TOOL_SCHEMAS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": tool.description,
            "parameters": tool.arguments.model_json_schema(),
        },
    }
    for name, tool in TOOLS.items()
]


History = list[dict[str, Any]]


def tokens_of(text: str) -> int:
    """An estimate of the text's tokens: each model counts in its own way."""
    return len(text.encode()) // BYTES_PER_TOKEN + 1


def request_options(base_url: str) -> dict[str, Any]:
    """Asks OpenAI to count tokens; some other servers reject requests with that option."""
    return {"stream_options": {"include_usage": True}} if base_url == OPENAI_URL else {}


@dataclass
class ToolCall:
    id: str = ""
    name: str = ""
    arguments: str = ""

    def append(self, piece: ChoiceDeltaToolCall) -> None:
        self.id = piece.id or self.id
        if piece.function is not None:
            self.name += piece.function.name or ""
            self.arguments += piece.function.arguments or ""

    def parsed_arguments(self) -> dict[str, Any]:
        try:
            arguments = json.loads(self.arguments or "{}")
        except ValueError:
            arguments = None
        if self.name not in TOOLS or not isinstance(arguments, dict):
            logger.warning("the language model made an invalid tool call: %.50r", self.name)
            raise ChatError(NOT_UNDERSTOOD)
        return arguments


@dataclass
class Turn:
    """One answer of the model: its text, and the tools that it calls before it goes on."""

    asked_tokens: int
    text: str = ""
    calls: list[ToolCall] = field(default_factory=list)
    end: str | None = None
    # as counted by the server; None if it does not count
    counted_tokens: int | None = None
    _call_at: dict[int, ToolCall] = field(default_factory=dict)

    def append(self, choice: Choice) -> str:
        """Adds a piece of the answer; returns the text in it for the user."""
        self.end = choice.finish_reason or self.end
        # Azure also sends choices that contain only the results of its content filter
        if choice.delta is None:
            return ""
        for piece in choice.delta.tool_calls or ():
            self._call_of(piece).append(piece)
        said = choice.delta.content or ""
        self.text += said
        return said

    def _call_of(self, piece: ChoiceDeltaToolCall) -> ToolCall:
        """The call that the piece belongs to.

        Some servers give every call the index 0; there, the ids tell the calls apart.
        """
        call = self._call_at.get(piece.index)
        if call is None or (piece.id and call.id and piece.id != call.id):
            call = self._call_at[piece.index] = ToolCall()
            self.calls.append(call)
        return call

    @property
    def size(self) -> int:
        return len(self.text) + sum(len(call.arguments) for call in self.calls)

    @property
    def tokens(self) -> int:
        answered = tokens_of(self.text + "".join(call.arguments for call in self.calls))
        return self.counted_tokens or self.asked_tokens + answered

    def check_end(self) -> None:
        reasons = {None: BROKE_OFF, "length": TOO_LONG, "content_filter": WITHHELD}
        if self.end in reasons:
            raise ChatError(reasons[self.end])

    def as_message(self) -> dict[str, Any]:
        calls = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in self.calls
        ]
        return {"role": "assistant", "content": self.text or None, "tool_calls": calls}


class OpenaiProvider:
    name = "openai"

    def __init__(self, settings: Settings) -> None:
        self.model = settings.llm_model
        self._options = request_options(settings.openai_base_url)
        self._client = AsyncOpenAI(
            api_key=settings.openai_api_key.get_secret_value(),
            base_url=settings.openai_base_url,
            timeout=Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS),
            max_retries=TRIES_AGAIN,
        )

    async def answer(
        self, messages: Sequence[ChatMessage], tools: TaskTools, budget: TokenBudget, say: Say
    ) -> None:
        system = {"role": "system", "content": SYSTEM_PROMPT.format(today=tools.today)}
        history = [system, *[message.model_dump() for message in messages]]
        for _ in range(MOST_TURNS):
            turn = await self._paid_turn(history, budget, say)
            if not turn.calls:
                return
            # every call is checked before the first one changes anything
            calls = [(call, call.parsed_arguments()) for call in turn.calls]
            history.append(turn.as_message())
            for call, arguments in calls:
                result = await tools.call(call.name, arguments)
                history.append({"role": "tool", "tool_call_id": call.id, "content": result})
        raise ChatError(NO_END)

    async def _paid_turn(self, history: History, budget: TokenBudget, say: Say) -> Turn:
        turn = Turn(tokens_of(json.dumps([history, TOOL_SCHEMAS], ensure_ascii=False)))
        reservation = await budget.reserve(turn.asked_tokens + MOST_TOKENS_ANSWERED)
        try:
            await self._turn(turn, history, say)
        finally:
            await budget.settle(reservation, turn.tokens)
        return turn

    async def _turn(self, turn: Turn, history: History, say: Say) -> None:
        with tracer.start_as_current_span(
            f"chat {self.model}",
            kind=SpanKind.CLIENT,
            attributes={"gen_ai.operation.name": "chat", "gen_ai.request.model": self.model},
            # the text of an exception may quote the request
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                await self._stream(turn, history, say)
            except (OpenAIError, ValueError) as error:  # ValueError: a line that is not JSON
                if turn.size == 0:
                    turn.asked_tokens = 0  # no answer, no cost
                span.set_status(StatusCode.ERROR, type(error).__name__)
                raise ChatError(_explain(error)) from None

    async def _stream(self, turn: Turn, history: History, say: Say) -> None:
        async with await self._client.chat.completions.create(
            model=self.model, messages=history, tools=TOOL_SCHEMAS, stream=True, **self._options
        ) as chunks:
            async for chunk in chunks:
                for choice in chunk.choices or ():
                    if said := turn.append(choice):
                        await say(said)
                if chunk.usage is not None:
                    turn.counted_tokens = chunk.usage.total_tokens
                if turn.size > MOST_CHARACTERS:
                    raise ChatError(TOO_LONG)
        turn.check_end()

    async def aclose(self) -> None:
        await self._client.close()


def _explain(error: Exception) -> str:
    """The error for the user. The server's own message is not passed on: it may quote the key."""
    status = getattr(error, "status_code", None)
    logger.warning("the language model failed: %s, status %s", type(error).__name__, status)
    if isinstance(error, APIStatusError):
        return BY_STATUS.get(status, UNAVAILABLE)
    return UNREACHABLE if isinstance(error, APIConnectionError) else BROKE_OFF
