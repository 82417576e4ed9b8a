"""Limits how many tokens of the language model a user may spend in a day."""

from dataclasses import dataclass
from datetime import date

from anyio import CancelScope, to_thread
from prometheus_client import Counter
from sqlalchemy import Engine, case, func, text, update
from sqlalchemy.dialects.postgresql import insert

from app.chat.error import LimitError
from app.database import ChatUsage

# the database's day in UTC, so that all pods agree on it
TODAY = text("(now() AT TIME ZONE 'UTC')::date")


@dataclass(frozen=True)
class Reservation:
    day: date
    tokens: int


@dataclass(frozen=True)
class TokenBudget:
    """One user's daily tokens.

    The most that a turn can cost is reserved before it, so that simultaneous requests cannot exceed
    the limit together.
    """

    engine: Engine
    user_id: str
    daily_tokens: int
    spent: Counter

    async def reserve(self, tokens: int) -> Reservation:
        """Raises LimitError if fewer tokens are left for today."""
        day = await to_thread.run_sync(self._take, tokens)
        if day is None:
            raise LimitError(
                f"You have used up your {self.daily_tokens:,} tokens of the assistant for today; "
                "ask again tomorrow (UTC), or change your tasks in the list"
            )
        return Reservation(day, tokens)

    async def settle(self, reservation: Reservation, used: int) -> None:
        """Counts the used tokens and gives back the others.

        That happens also if the client has disconnected in the meantime.
        """
        self.spent.inc(max(used, 0))  # a server may count wrongly, and a counter only grows
        with CancelScope(shield=True):
            await to_thread.run_sync(self._give_back, reservation.day, reservation.tokens - used)

    def _take(self, tokens: int) -> date | None:
        if tokens > self.daily_tokens:
            return None
        added = insert(ChatUsage).values(user_id=self.user_id, day=TODAY, tokens=tokens)
        is_today = ChatUsage.day == added.excluded.day
        total = case((is_today, ChatUsage.tokens), else_=0) + added.excluded.tokens
        statement = added.on_conflict_do_update(
            index_elements=[ChatUsage.user_id],
            set_={"day": added.excluded.day, "tokens": total},
            where=total <= self.daily_tokens,
        ).returning(ChatUsage.day)
        with self.engine.begin() as connection:
            return connection.scalar(statement)

    def _give_back(self, day: date, tokens: int) -> None:
        own = (ChatUsage.user_id == self.user_id) & (ChatUsage.day == day)
        left = func.greatest(ChatUsage.tokens - tokens, 0)
        with self.engine.begin() as connection:
            connection.execute(update(ChatUsage).where(own).values(tokens=left))
