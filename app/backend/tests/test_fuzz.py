"""Hostile input for every route, derived from the API's own description of itself."""

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
    # rules that JSON schema can't tell: "one line", "the last message is the user's"
    positive_data_acceptance,
    # FastAPI names the methods of one of a path's routes, and takes "summary" for an id
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
def test_no_input_makes_it_fail_or_answer_other_than_described(case: Case, server: Server) -> None:
    alice = bearer("alice")
    case.call_and_validate(base_url=server.url, headers=alice, excluded_checks=NOT_PROMISED)
    if "task_id" in case.path_parameters:
        task = httpx.post(f"{server.url}/api/tasks", json={"title": "x"}, headers=alice).json()
        case.path_parameters["task_id"] = task["id"]
        excluded = [*NOT_PROMISED, negative_data_rejection]  # a wrong id is a right one now
        case.call_and_validate(base_url=server.url, headers=alice, excluded_checks=excluded)
