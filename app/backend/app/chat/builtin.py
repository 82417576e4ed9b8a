"""An assistant without a language model: it understands a few kinds of English sentences."""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from app.chat.budget import TokenBudget
from app.chat.days import find_day
from app.chat.provider import ChatMessage, Say
from app.chat.tools import TaskTools

HELP = """\
I keep your list. Try for example:
- add call mom on friday !high #family
- what is left?
- what is due today?
- show done
- find milk
- mark milk done
- reopen milk
- delete milk"""
NOT_UNDERSTOOD = "I did not understand that. " + HELP

POLITENESS = r"^(?:(?:please|can you|could you|would you) )+"
GREETING = r"(?:help|hi|hello|hey|what can (?:you|i) do|how does this work)(?: (?:there|me))?"
ADD = (
    r"(?:add|create|new|remind me to|i (?:need|have) to)"
    r"(?: (?:a )?(?:new )?task(?: to)?)?:? (?P<task>.+)"
)
# The order matters: "mark milk not done" also matches the pattern of "mark milk done".
CHANGES = [
    ("reopen_task", r"(?:reopen|uncomplete) (?P<words>.+)"),
    ("reopen_task", r"mark (?P<words>.+?) (?:as )?(?:not done|undone|open|incomplete)(?: again)?"),
    (
        "complete_task",
        r"(?:mark|set|check|tick) (?P<words>.+?) (?:as )?(?:done|completed?|finished|off)",
    ),
    (
        "complete_task",
        r"(?:complete|finish|check off|tick off|(?:i )?(?:did|finished|completed)|"
        r"(?:i am |i'm )?done with) (?P<words>.+)",
    ),
    ("delete_task", r"(?:delete|remove) (?P<words>.+)"),
]
QUESTION = r"(?:what|what's|whats|which|show|list|do i have|is there|anything)\b.*"
SEARCH = r"(?:find|search for|search|look for) (?P<q>.+)"
IS_DONE = r"(?P<words>.+) (?:is|are) (?:done|finished|completed?)"

Intent = tuple[str, dict[str, Any]]


class BuiltinProvider:
    name = "builtin"
    model = None

    async def answer(
        self, messages: Sequence[ChatMessage], tools: TaskTools, _budget: TokenBudget, say: Say
    ) -> None:
        sentence = _plain(messages[-1].content)
        if _matches(GREETING, sentence):
            await say(HELP)
            return
        intent = understand(sentence, tools.today)
        await say(await tools.call(*intent) if intent else NOT_UNDERSTOOD)

    async def aclose(self) -> None:
        pass


def _plain(text: str) -> str:
    """The text on one line, without "please" and the like and without punctuation at the end."""
    sentence = " ".join(text.split()).rstrip(" ?.!")
    return re.sub(POLITENESS, "", sentence, flags=re.IGNORECASE)


def _matches(pattern: str, sentence: str) -> re.Match[str] | None:
    return re.fullmatch(pattern, sentence, re.IGNORECASE)


def understand(sentence: str, today: date) -> Intent | None:
    """The tool that the sentence asks for and its arguments; None if no pattern matches."""
    if match := _matches(ADD, sentence):
        return "add_task", _new_task(match["task"], today)
    for tool, pattern in CHANGES:
        if match := _matches(pattern, sentence):
            return tool, {"words": _unquoted(match["words"])}
    if _matches(QUESTION, sentence):
        return "list_tasks", _filters(sentence, today)
    if match := _matches(SEARCH, sentence):
        return "list_tasks", {"q": _unquoted(match["q"])}
    if match := _matches(IS_DONE, sentence):
        return "complete_task", {"words": _unquoted(match["words"])}
    return None


def _unquoted(text: str) -> str:
    return text.strip(" \"'“”")


def _new_task(text: str, today: date) -> dict[str, Any]:
    """Moves "!high", "#tags" and a day at the end of the text from the title to their fields."""
    task: dict[str, Any] = {"tags": re.findall(r"(?<!\S)#([\w-]+)", text)}
    if priority := re.search(r"(?<!\S)!(low|normal|high)(?!\S)", text, re.IGNORECASE):
        task["priority"] = priority[1].lower()
    title = re.sub(r"(?<!\S)(?:#[\w-]+|!(?:low|normal|high)(?!\S))", "", text, flags=re.IGNORECASE)
    title = " ".join(title.split())
    found = find_day(title, today, at_end=True)
    if found and found[1]:
        task["due_date"], title = found
    return task | {"title": _unquoted(title)}


def _filters(sentence: str, today: date) -> dict[str, Any]:
    words = set(re.findall(r"[\w']+", sentence.lower()))
    filters: dict[str, Any] = {"status": "open"}
    if words & {"done", "finished", "completed"}:
        filters["status"] = "done"
    elif words & {"all", "everything"}:
        filters["status"] = "all"
    if tag := re.search(r"(?<!\S)#([\w-]+)", sentence):
        filters["tag"] = tag[1]
    for priority in words & {"low", "high"}:
        filters["priority"] = priority
    return filters | _due(sentence, words, today)


def _due(sentence: str, words: set[str], today: date) -> dict[str, date]:
    if "overdue" in words:
        return {"due_before": today}
    if week := re.search(r"\b(this|next) week\b", sentence, re.IGNORECASE):
        monday = today + timedelta(days=7 - today.weekday())
        if week[1].lower() == "this":
            return {"due_from": today, "due_before": monday}
        return {"due_from": monday, "due_before": monday + timedelta(days=7)}
    if found := find_day(sentence, today):
        return {"due_from": found[0], "due_before": found[0] + timedelta(days=1)}
    return {}
