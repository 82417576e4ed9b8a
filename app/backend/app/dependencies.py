"""Dependencies of the routes: the signed-in user and the user's tasks."""

from dataclasses import dataclass
from typing import Annotated

import jwt
from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.errors import Problem
from app.tasks.store import TasksOfUser

bearer = HTTPBearer(
    auto_error=False,
    bearerFormat="JWT",
    description="A token from the frontend's `GET /api/auth/token`",
)
UNAUTHORIZED = {401: {"model": Problem}}


@dataclass(frozen=True)
class User:
    id: str


async def current_user(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> User:
    """The user whom the token names; answers 401 without a valid token."""
    if credentials is None:
        raise _unauthorized("Sign in first: the request carries no bearer token")
    try:
        return User(request.app.state.tokens.user_id(credentials.credentials))
    except jwt.ExpiredSignatureError:
        raise _unauthorized("The token has expired; get a new one") from None
    except jwt.InvalidTokenError:
        raise _unauthorized("The token is not valid; sign in again") from None


def _unauthorized(detail: str) -> HTTPException:
    return HTTPException(401, detail, headers={"WWW-Authenticate": "Bearer"})


async def tasks_of_user(
    request: Request, user: Annotated[User, Depends(current_user)]
) -> TasksOfUser:
    state = request.app.state
    return TasksOfUser(state.engine, user.id, state.settings.tasks_per_user, state.use)


OwnTasks = Annotated[TasksOfUser, Depends(tasks_of_user)]
SignedIn = Depends(current_user)
