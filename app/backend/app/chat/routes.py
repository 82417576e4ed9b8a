"""/api/chat: the conversation with the assistant."""

from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.chat.budget import TokenBudget
from app.chat.provider import ChatMessage
from app.chat.stream import MEDIA_TYPE, AnswerStream, Emit
from app.chat.tools import TaskTools
from app.dependencies import UNAUTHORIZED, OwnTasks, SignedIn
from app.errors import INVALID_BODY, Problem
from app.tasks.models import Day

STREAM_OF_EVENTS = {
    "description": "Events, one JSON object per line: "
    '`{"type": "text", "text": "…"}` is the next piece of the answer, `{"type": "tasks_changed"}`, '
    '`{"type": "error", "message": "…"}`, and `{"type": "done"}`, which always comes last',
    "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
}


def _ends_with_the_user(messages: list[ChatMessage]) -> list[ChatMessage]:
    if messages[-1].role != "user":
        raise ValueError("the last message must be the user's")
    return messages


class ChatRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    messages: Annotated[
        list[ChatMessage], Field(min_length=1, max_length=50), AfterValidator(_ends_with_the_user)
    ]
    today: Annotated[Day, Field(description="today's date in the user's time zone")]


class ChatInfo(BaseModel):
    provider: Literal["builtin", "openai"]
    model: str | None


router = APIRouter(prefix="/api/chat", tags=["chat"], responses=UNAUTHORIZED)


@router.get("", dependencies=[SignedIn])
async def describe_assistant(request: Request) -> ChatInfo:
    provider = request.app.state.chat_provider
    return ChatInfo(provider=provider.name, model=provider.model)


@router.post(
    "",
    status_code=200,
    response_class=AnswerStream,
    responses={200: STREAM_OF_EVENTS, 422: {"model": Problem}} | INVALID_BODY,
)
async def chat(body: ChatRequest, request: Request, tasks: OwnTasks) -> AnswerStream:
    state = request.app.state
    budget = TokenBudget(
        state.engine,
        tasks.user_id,
        state.settings.chat_daily_tokens,
        state.use.assistant_tokens,
    )

    async def produce(emit: Emit) -> None:
        async def say(text: str) -> None:
            await emit({"type": "text", "text": text})

        async def tell_change() -> None:
            await emit({"type": "tasks_changed"})

        tools = TaskTools(tasks, body.today, tell_change)
        await state.chat_provider.answer(body.messages, tools, budget, say)

    return AnswerStream(produce, state.use.count_answer)
