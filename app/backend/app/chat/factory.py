"""Chooses the assistant that LLM_PROVIDER names."""

from app.chat.builtin import BuiltinProvider
from app.chat.provider import Provider
from app.settings import Settings


def build_provider(settings: Settings) -> Provider:
    if settings.llm_provider == "openai":
        # imported only when it is used: the openai package takes half a second and 20 MB of memory
        from app.chat.openai_provider import OpenaiProvider

        return OpenaiProvider(settings)
    return BuiltinProvider()
