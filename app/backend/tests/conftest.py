"""Fixtures: the tests run against a real PostgreSQL."""

import os
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, create_engine, text

from app import migrate
from app.main import create_app
from app.settings import Settings
from tests.model_server import ModelServer, running_model_server
from tests.postgres import PostgresCluster
from tests.processes import Server
from tests.tokens import SECRET, bearer


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresCluster]:
    with PostgresCluster.throw_away() as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def only_known_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        setting = name.lower().removesuffix("_file")
        known = setting in Settings.model_fields or name.lower() in Settings.model_fields
        if known or name.startswith(("OTEL_", "OPENAI_")):
            monkeypatch.delenv(name)


def empty_database(postgres: PostgresCluster) -> Settings:
    """Drops every table of the cluster's database; returns settings for it."""
    settings = Settings(database_url=postgres.url, better_auth_secret=SECRET)
    engine = create_engine(settings.sqlalchemy_url)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
    engine.dispose()
    return settings


def create_tables(settings: Settings, engine: Engine | None = None) -> None:
    engine = engine or create_engine(settings.sqlalchemy_url)
    migrate.upgrade(engine)
    engine.dispose()


@pytest.fixture
def settings(postgres: PostgresCluster) -> Settings:
    return empty_database(postgres)


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    create_tables(settings)
    return create_app(settings)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """Signed in as alice."""
    with TestClient(app, headers=bearer("alice")) as client:
        yield client


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with running_model_server() as server:
        yield server


@pytest.fixture
def server(app: FastAPI, postgres: PostgresCluster) -> Iterator[Server]:
    """The process as the container runs it."""
    server = Server(postgres.url)
    server.wait_until_live()
    yield server
    server.process.kill()
    server.process.communicate()
