"""The interface between the chat and what answers it: a language model or fixed rules."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, Field

from app.chat.budget import TokenBudget
from app.chat.tools import TaskTools
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
        """Answers the last message piece by piece with `say`; raises ChatError when it can't."""

    async def aclose(self) -> None: ...
