"""Creates the application from its parts."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from anyio import CapacityLimiter
from fastapi import FastAPI
from sqlalchemy import Engine

from app import __version__, errors, health
from app.auth import TokenVerifier
from app.body_limit import BodyLimit
from app.chat import routes as chat
from app.chat.factory import build_provider
from app.database import build_engine, build_probe_engine
from app.metrics import HttpMetrics, UseMetrics, build_registry
from app.observability import ObservedRequests
from app.settings import Settings
from app.tasks import routes as tasks
from app.transport import HttpsOnly, StrictTransport


def create_app(settings: Settings) -> FastAPI:
    engine = build_engine(settings.sqlalchemy_url)
    probe_engine = build_probe_engine(settings.sqlalchemy_url)
    provider = build_provider(settings)
    registry = build_registry(engine)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        stop_tracing = start_tracing(engine, settings)
        yield
        await provider.aclose()
        engine.dispose()
        probe_engine.dispose()
        stop_tracing()

    app = FastAPI(
        title="Todo API",
        version=__version__,
        lifespan=lifespan,
        # below /api, because the ingress sends only that path to the backend
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={
            "tracing": is_traced(settings),
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "exclude": lambda scope: scope["path"].startswith("/health"),
        },
    )
    app.state.settings = settings
    app.state.engine = engine
    app.state.probe_engine = probe_engine
    app.state.probe_threads = CapacityLimiter(2)
    app.state.tokens = TokenVerifier(settings.auth_secrets)
    app.state.chat_provider = provider
    app.state.metrics_registry = registry
    app.state.use = UseMetrics(registry)
    app.include_router(tasks.router)
    app.include_router(chat.router)
    app.include_router(health.router)
    errors.install(app)
    _add_middleware(app, settings, HttpMetrics(registry))
    return app


def _add_middleware(app: FastAPI, settings: Settings, metrics: HttpMetrics) -> None:
    """Adds the middleware from the inside out: requests pass the last one first."""
    app.add_middleware(BodyLimit)
    if settings.https_redirect and settings.frontend_url.startswith("https://"):
        app.add_middleware(HttpsOnly, public_url=settings.frontend_url)
    app.add_middleware(ObservedRequests, metrics=metrics)
    if settings.hsts_max_age is not None:
        app.add_middleware(StrictTransport, max_age=settings.hsts_max_age)


def is_traced(settings: Settings) -> bool:
    return settings.otel_exporter_otlp_endpoint is not None


def start_tracing(engine: Engine, settings: Settings) -> Callable[[], None]:
    """Returns a function that stops the tracing."""
    if not is_traced(settings):
        return lambda: None
    from app import tracing

    return tracing.start(engine, settings.environment)
