"""Many conversations that wait for the model at once, in the process as the container runs it."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2 as httpx
import pytest
from fastapi import FastAPI

from tests.chat_client import question
from tests.model_server import (
    API_KEY,
    ModelServer,
    hangs,
    says,
    waits_then_says,
)
from tests.postgres import PostgresCluster
from tests.processes import Server
from tests.tokens import bearer

MORE_THAN_THREADS_AND_CONNECTIONS = 60


@pytest.fixture
def server(app: FastAPI, postgres: PostgresCluster, model: ModelServer) -> Iterator[Server]:
    server = Server(
        postgres.url,
        LLM_PROVIDER="openai",
        LLM_MODEL="m",
        OPENAI_BASE_URL=model.base_url,
        OPENAI_API_KEY=API_KEY,
    )
    server.wait_until_live()
    yield server
    server.process.kill()
    server.process.communicate()


def chat(server: Server) -> httpx.Response:
    body = question("hi")
    return httpx.post(f"{server.url}/api/chat", headers=bearer("alice"), json=body, timeout=30)


def wait_for_requests(model: ModelServer, count: int) -> None:
    for _ in range(count):
        assert model.arrivals.acquire(timeout=20)


def test_waiting_conversations_delay_no_other_request(server: Server, model: ModelServer) -> None:
    model.will(waits_then_says("At last."))
    count = MORE_THAN_THREADS_AND_CONNECTIONS
    with ThreadPoolExecutor(count) as threads:
        answers = [threads.submit(chat, server) for _ in range(count)]
        wait_for_requests(model, count)
        assert httpx.get(f"{server.url}/api/tasks", headers=bearer("alice")).status_code == 200
        assert httpx.get(f"{server.url}/health/ready").status_code == 200
        assert 'state="in_use"} 0.0' in httpx.get(server.metrics_url).text
        model.released.set()
        assert all("At last." in answer.result().text for answer in answers)


def test_a_client_that_goes_away_ends_the_call_of_the_model(
    server: Server, model: ModelServer
) -> None:
    model.will(hangs("Hel"))
    with httpx.stream(
        "POST", f"{server.url}/api/chat", headers=bearer("alice"), json=question("hi")
    ) as response:
        assert json.loads(next(response.iter_lines())) == {"type": "text", "text": "Hel"}
    assert model.client_gone.wait(5)
    model.will(says("Hello."))
    assert "Hello." in chat(server).text
    counted = httpx.get(server.metrics_url).text
    for outcome in ("cancelled", "answered"):
        assert f'todo_assistant_answers_total{{outcome="{outcome}"}} 1.0' in counted


def test_a_conversation_in_flight_is_finished_after_sigterm(
    server: Server, model: ModelServer
) -> None:
    model.will(waits_then_says("At last."))
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(chat, server)
        wait_for_requests(model, 1)
        server.process.terminate()
        model.released.set()
        assert answer.result().text.endswith('{"type": "done"}\n')
    assert server.process.wait(timeout=10) == 0
