"""The one format of all error responses: a sentence for people and, for bad input, the fields."""

import logging
from collections.abc import Mapping, Sequence

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from psycopg.errors import QueryCanceled
from pydantic import BaseModel
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

logger = logging.getLogger(__name__)

TOO_SLOW = "The database took too long, so this was stopped; try again, or ask for less at once"
NO_DATABASE = "The database is not available right now; try again in a moment"
FAILED = "Something went wrong; the failure was recorded"
DATABASE_ERRORS = (OperationalError, InterfaceError, PoolTimeoutError)


class LimitReachedError(Exception):
    """The user has reached a limit; the message names the limit and what to do."""


class FieldError(BaseModel):
    field: str
    message: str


class Problem(BaseModel):
    detail: str
    errors: list[FieldError] = []


# the errors of every route with a body, besides 422
INVALID_BODY = {400: {"model": Problem}, 413: {"model": Problem}}


def problem_response(
    status: int,
    detail: str,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    body = Problem(detail=detail, errors=list(errors)).model_dump()
    return JSONResponse(body, status_code=status, headers=headers)


async def _refused(_: Request, error: HTTPException) -> JSONResponse:
    return problem_response(error.status_code, str(error.detail), headers=error.headers)


async def _limit_reached(_: Request, error: LimitReachedError) -> JSONResponse:
    return problem_response(409, str(error))


async def _invalid_input(_: Request, error: RequestValidationError) -> JSONResponse:
    # the first part of `loc` is the source: body, path or query
    errors = [field_error(problem, *problem["loc"]) for problem in error.errors()]
    return problem_response(422, in_words(errors), errors)


def field_error(problem: Mapping, source: str, *path: str | int) -> FieldError:
    # numbers are left out: the index in a list, or the position of a syntax error in JSON
    names = [part for part in path if isinstance(part, str)]
    field = ".".join(names) or source
    message = problem["msg"].removeprefix("Value error, ")
    # the name of an unknown field is the client's; JSON can contain a lone surrogate, UTF-8 can't
    return FieldError(field=field.encode(errors="replace").decode(), message=message)


def in_words(errors: Sequence[FieldError]) -> str:
    return "; ".join(f"{error.field}: {error.message}" for error in errors)


async def _no_database(_: Request, error: Exception) -> JSONResponse:
    return problem_response(503, database_problem(error), headers={"Retry-After": "5"})


def database_problem(error: Exception) -> str:
    """Logs why the database did not answer; returns a sentence for people."""
    if isinstance(getattr(error, "orig", None), QueryCanceled):
        logger.warning("a statement took too long: %s", first_line(error))
        return TOO_SLOW
    logger.warning("database not available: %s", first_line(error))
    return NO_DATABASE


def first_line(error: Exception) -> str:
    """The reason that the driver gives, without SQLAlchemy's statement, parameters and links."""
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().partition("\n")[0] or type(cause).__name__


def install(app: FastAPI) -> None:
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid_input)
    app.add_exception_handler(LimitReachedError, _limit_reached)
    for kind in DATABASE_ERRORS:
        app.add_exception_handler(kind, _no_database)
