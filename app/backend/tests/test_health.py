import pytest
from fastapi.testclient import TestClient

from app import __version__, health
from tests.postgres import PASSWORD, PostgresCluster


def test_all_is_well(client: TestClient) -> None:
    assert client.get("/health/live").json() == {"status": "ok"}
    assert client.get("/health/ready").json() == {"status": "ok"}
    assert client.get("/health").json() == {
        "status": "ok",
        "database": "ok",
        "version": __version__,
        "environment": "dev",
    }


def test_a_lost_database_is_reported_until_it_is_back(
    client: TestClient, postgres: PostgresCluster, capfd: pytest.CaptureFixture[str]
) -> None:
    assert client.get("/api/tasks").status_code == 200

    postgres.stop()
    assert client.get("/health/live").status_code == 200
    ready = client.get("/health/ready")
    assert ready.status_code == 503
    assert ready.json()["reason"].startswith("the database is not available: ")
    summary = client.get("/health")
    assert summary.status_code == 503
    assert summary.json()["database"] == "unavailable"
    tasks = client.get("/api/tasks")
    assert tasks.status_code == 503
    assert tasks.json()["detail"].startswith("The database is not available right now")
    assert tasks.headers["Retry-After"] == "5"

    postgres.start()
    assert client.get("/health/ready").status_code == 200
    assert client.get("/api/tasks").status_code == 200
    everything = ready.text + summary.text + tasks.text + "".join(capfd.readouterr())
    assert PASSWORD not in everything


def test_a_restart_between_two_requests_goes_unnoticed(
    client: TestClient, postgres: PostgresCluster
) -> None:
    assert client.get("/api/tasks").status_code == 200
    postgres.stop()
    postgres.start()
    assert client.get("/api/tasks").status_code == 200


def test_a_database_that_hangs_is_not_ready(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "READY_TIMEOUT_SECONDS", 0)
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["reason"] == "the database did not answer within 0 s"
