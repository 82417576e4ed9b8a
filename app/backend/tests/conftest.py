"""Tests run against a real PostgreSQL."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, text

from app import migrate
from app.main import create_app
from app.settings import Settings
from tests.postgres import SERVER_USER, PostgresCluster, find_programs
from tests.tokens import SECRET, bearer


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresCluster]:
    directory = Path(tempfile.mkdtemp(prefix="todo-pg-"))
    if SERVER_USER:
        shutil.chown(directory, SERVER_USER)
    cluster = PostgresCluster(directory, find_programs())
    try:
        cluster.create()
        yield cluster
    finally:
        if (directory / "data" / "postmaster.pid").exists():
            cluster.stop()
        shutil.rmtree(directory)


@pytest.fixture(autouse=True)
def only_known_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.lower() in Settings.model_fields or name.startswith(("OTEL_", "OPENAI_")):
            monkeypatch.delenv(name)


def empty_database(postgres: PostgresCluster) -> Settings:
    """Settings for the one database, of which every table is gone."""
    settings = Settings(database_url=postgres.url, better_auth_secret=SECRET)
    engine = create_engine(settings.sqlalchemy_url)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
    engine.dispose()
    return settings


def create_tables(settings: Settings) -> None:
    engine = create_engine(settings.sqlalchemy_url)
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
