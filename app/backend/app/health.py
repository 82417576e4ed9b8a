"""/health: probes. Liveness does not ask the database: a restart would not bring it back."""

from typing import Annotated, Literal

import anyio
from anyio import to_thread
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from app import __version__
from app.errors import first_line

READY_TIMEOUT_SECONDS = 2

router = APIRouter(prefix="/health", tags=["health"])


class Health(BaseModel):
    status: Literal["ok", "unavailable"]
    reason: str | None = None


class HealthSummary(Health):
    database: Literal["ok", "unavailable"]
    version: str
    environment: str


def _select_one(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))


async def _database(request: Request, response: Response) -> Health:
    state = request.app.state
    try:
        with anyio.fail_after(READY_TIMEOUT_SECONDS):
            # Probes have threads and a connection of their own, so that busy requests do not look
            # like a lost database. The driver's timeouts end a check that hangs.
            await to_thread.run_sync(
                _select_one, state.probe_engine, abandon_on_cancel=True, limiter=state.probe_threads
            )
    except TimeoutError:
        reason = f"the database did not answer within {READY_TIMEOUT_SECONDS} s"
    except SQLAlchemyError as error:
        reason = f"the database is not available: {first_line(error)}"
    else:
        return Health(status="ok")
    response.status_code = 503
    return Health(status="unavailable", reason=reason)


DatabaseHealth = Annotated[Health, Depends(_database)]
UNAVAILABLE = {503: {"model": Health}}


@router.get("/live", response_model_exclude_none=True)
async def live() -> Health:
    return Health(status="ok")


@router.get("/ready", response_model_exclude_none=True, responses=UNAVAILABLE)
async def ready(database: DatabaseHealth) -> Health:
    return database


@router.get("", response_model_exclude_none=True, responses={503: {"model": HealthSummary}})
async def summary(database: DatabaseHealth, request: Request) -> HealthSummary:
    return HealthSummary(
        **database.model_dump(),
        database=database.status,
        version=__version__,
        environment=request.app.state.settings.environment,
    )
