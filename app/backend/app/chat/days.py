"""Reads days as people write them: "tomorrow", "on friday", "in 2 weeks", "by 2030-05-01"."""

import re
from collections.abc import Callable
from datetime import date, timedelta

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

Reader = Callable[[re.Match[str], date], date]


def _weekday(match: re.Match[str], today: date) -> date:
    """The next such weekday after today: on a Friday, "friday" is the day in a week."""
    ahead = (WEEKDAYS.index(match[1].lower()) - today.weekday() - 1) % 7 + 1
    return today + timedelta(days=ahead)


def _in_some_time(match: re.Match[str], today: date) -> date:
    days_each = 7 if match[2].lower().startswith("week") else 1
    return today + timedelta(days=int(match[1]) * days_each)


READERS: list[tuple[str, Reader]] = [
    (r"day after tomorrow", lambda _, today: today + timedelta(days=2)),
    (r"tomorrow", lambda _, today: today + timedelta(days=1)),
    (r"today|tonight", lambda _, today: today),
    (r"next week", lambda _, today: today + timedelta(days=7)),
    (rf"(?:next )?({'|'.join(WEEKDAYS)})", _weekday),
    (r"in ([0-9]{1,3}) (days?|weeks?)", _in_some_time),
    (r"([0-9]{4}-[0-9]{2}-[0-9]{2})", lambda match, _: date.fromisoformat(match[1])),
]
LEADING_WORDS = r"(?:(?:due|by|for|on|the|until) ){0,3}"


def find_day(text: str, today: date, *, at_end: bool = False) -> tuple[date, str] | None:
    """The day that the text names, and the text without it; the order of READERS decides."""
    end = r"$" if at_end else r"(?!\S)"
    for pattern, read in READERS:
        match = re.search(rf"(?<!\S){LEADING_WORDS}(?:{pattern}){end}", text, re.IGNORECASE)
        if match is None:
            continue
        try:
            day = read(match, today)
        except ValueError:  # a day that does not exist, like 2030-02-30
            return None
        return day, f"{text[: match.start()]} {text[match.end() :]}".strip()
    return None
