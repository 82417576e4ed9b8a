"""Sends hostile input to every route, generated from the API's OpenAPI document."""

from collections.abc import Iterator

import httpx2 as httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.checks import (
    allow_header_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    unsupported_method,
)

from app.main import create_app
from app.settings import Settings
from tests.conftest import create_tables, empty_database
from tests.postgres import PostgresCluster
from tests.processes import Server
from tests.tokens import SECRET, bearer

DESCRIPTION = create_app(
    Settings(database_url="postgresql://never/asked", better_auth_secret=SECRET)
).openapi()
NOT_PROMISED = [
    # JSON Schema can't express some rules: "one line", "the last message is the user's"
    positive_data_acceptance,
    # FastAPI allows only the methods of one route of a path, and reads "summary" as a task's id
    allow_header_conformance,
    unsupported_method,
]
schema = schemathesis.openapi.from_dict(DESCRIPTION)
schema.config.generation.update(with_security_parameters=False)


@pytest.fixture(scope="module")
def server(postgres: PostgresCluster) -> Iterator[Server]:
    create_tables(empty_database(postgres))
    server = Server(postgres.url, LOG_LEVEL="WARNING")
    server.wait_until_live()
    yield server
    assert server.stop() == ""


@schema.parametrize()
@settings(
    max_examples=100,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_no_input_makes_it_fail_or_break_its_own_schema(case: Case, server: Server) -> None:
    alice = bearer("alice")
    case.call_and_validate(base_url=server.url, headers=alice, excluded_checks=NOT_PROMISED)
    if "task_id" in case.path_parameters:
        task = httpx.post(f"{server.url}/api/tasks", json={"title": "x"}, headers=alice).json()
        case.path_parameters["task_id"] = task["id"]
        # the id that was generated as a wrong one is a right one now
        excluded = [*NOT_PROMISED, negative_data_rejection]
        case.call_and_validate(base_url=server.url, headers=alice, excluded_checks=excluded)
