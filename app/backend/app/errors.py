"""Every error answer has one shape: a sentence for people and, for bad input, the fields."""

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

logger = logging.getLogger(__name__)


class FieldError(BaseModel):
    field: str
    message: str


class Problem(BaseModel):
    detail: str
    errors: list[FieldError] = []


async def _invalid_input(_: Request, error: RequestValidationError) -> JSONResponse:
    errors = [_field_error(problem) for problem in error.errors()]
    detail = "; ".join(f"{e.field}: {e.message}" for e in errors)
    return JSONResponse(Problem(detail=detail, errors=errors).model_dump(), status_code=422)


def _field_error(problem: dict) -> FieldError:
    # the first part says where (body, path, query); for broken JSON the second is an offset
    names = [part for part in problem["loc"][1:] if isinstance(part, str)]
    message = problem["msg"].removeprefix("Value error, ")
    return FieldError(field=".".join(names) or str(problem["loc"][0]), message=message)


async def _no_database(_: Request, error: Exception) -> JSONResponse:
    logger.warning("database not available: %s", first_line(error))
    return JSONResponse(
        {"detail": "The database is not available right now; try again in a moment", "errors": []},
        status_code=503,
        headers={"Retry-After": "5"},
    )


def first_line(error: Exception) -> str:
    """The driver's reason without SQLAlchemy's statement, parameters and links."""
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().partition("\n")[0] or type(cause).__name__


def install(app: FastAPI) -> None:
    app.add_exception_handler(RequestValidationError, _invalid_input)
    for kind in (OperationalError, InterfaceError, PoolTimeoutError):
        app.add_exception_handler(kind, _no_database)
