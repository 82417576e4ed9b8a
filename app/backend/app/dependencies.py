"""What the routes ask for."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.orm import Session, sessionmaker


@dataclass(frozen=True)
class User:
    id: str


async def current_user() -> User:
    """Decides whose tasks a request sees; a single user until there are accounts."""
    return User(id="default")


async def sessions(request: Request) -> sessionmaker[Session]:
    return request.app.state.sessions


CurrentUser = Annotated[User, Depends(current_user)]
Sessions = Annotated[sessionmaker[Session], Depends(sessions)]
