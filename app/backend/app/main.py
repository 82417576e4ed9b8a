"""Puts the application together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import CapacityLimiter
from fastapi import FastAPI
from sqlalchemy.orm import sessionmaker

from app import __version__, errors, health, tasks
from app.database import build_engine
from app.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine = build_engine(settings.sqlalchemy_url)
        app.state.settings = settings
        app.state.engine = engine
        app.state.sessions = sessionmaker(engine)
        app.state.probe_threads = CapacityLimiter(2)
        yield
        engine.dispose()

    app = FastAPI(
        title="Todo API",
        version=__version__,
        lifespan=lifespan,
        # under the path that the ingress sends here
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.include_router(tasks.router)
    app.include_router(health.router)
    errors.install(app)
    return app
