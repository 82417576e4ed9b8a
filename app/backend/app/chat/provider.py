"""What a language model has to do for the chat, whoever makes it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, Field

from app.chat.budget import TokenBudget
from app.chat.tools import TaskTools
from app.settings import Settings
from app.tasks.models import Storable


class ChatMessage(BaseModel):
    role: Literal["user", "assistant"]
    content: Annotated[str, Field(min_length=1, max_length=4000), Storable]


Say = Callable[[str], Awaitable[None]]


class Provider(Protocol):
    name: Literal["builtin", "openai"]
    model: str | None

    async def answer(
        self, messages: Sequence[ChatMessage], tools: TaskTools, budget: TokenBudget, say: Say
    ) -> None:
        """Answers the last message piece by piece; raises ChatError when it can't."""

    async def aclose(self) -> None: ...


def build_provider(settings: Settings) -> Provider:
    if settings.llm_provider == "openai":
        # only here: its package takes half a second and 20 MB of memory
        from app.chat.openai_provider import OpenaiProvider

        return OpenaiProvider(settings)
    from app.chat.builtin import BuiltinProvider

    return BuiltinProvider()
