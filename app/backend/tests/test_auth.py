import base64
import json

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.auth import token_key
from app.main import create_app
from app.settings import Settings
from tests.tokens import OTHER_SECRET, SECRET, claims, sign


def status_of(client: TestClient, token: str) -> int:
    return client.get("/api/tasks", headers={"Authorization": f"Bearer {token}"}).status_code


def unsigned(content: dict) -> str:
    parts = [{"alg": "none", "typ": "JWT"}, content]
    encoded = [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=") for p in parts]
    return b".".join([*encoded, b""]).decode()


def test_the_key_is_derived_as_agreed_with_the_frontend() -> None:
    # printf 'todo-api token' | openssl dgst -sha256 -hmac "$SECRET"
    assert token_key(SECRET).hex() == (
        "cd5d0f8b286be8e21dccc1b180c85e4e30184921b6948ab3d3de587447fcc897"
    )


def test_a_damaged_signature_is_refused(client: TestClient) -> None:
    token = sign(claims())
    assert status_of(client, token) == 200
    assert status_of(client, token[:-8] + token[-8:].swapcase()) == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "todo-frontend"},
        {"iss": "somebody"},
        {"sub": ""},
        {"sub": "x" * 65},
        {"sub": "nul\0"},
        {"sub": 7},
        {"exp": "soon"},
        {"exp": 2**40},
        {"iat": 2**40, "exp": 2**40 + 300},
    ],
)
def test_claims_other_than_agreed_are_refused(client: TestClient, changes: dict) -> None:
    assert status_of(client, sign(claims() | changes)) == 401


@pytest.mark.parametrize("claim", ["sub", "iss", "aud", "iat", "exp"])
def test_no_claim_may_be_missing(client: TestClient, claim: str) -> None:
    content = claims()
    del content[claim]
    assert status_of(client, sign(content)) == 401


@pytest.mark.parametrize(
    ("age", "status"), [(0, 200), (305, 200), (311, 401), (-5, 200), (-15, 401)]
)
def test_the_clocks_may_differ_by_ten_seconds(client: TestClient, age: int, status: int) -> None:
    assert status_of(client, sign(claims(age=age))) == status


def test_an_expired_token_is_told_from_a_wrong_one(client: TestClient) -> None:
    for token, reason in [(sign(claims(age=400)), "expired"), ("x.y.z", "not valid")]:
        response = client.get("/api/tasks", headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert reason in response.json()["detail"]
        assert response.json()["errors"] == []


def test_signatures_of_others_are_refused(client: TestClient) -> None:
    assert status_of(client, sign(claims(), secret=OTHER_SECRET)) == 401


@pytest.mark.filterwarnings("ignore:The HMAC key")
def test_other_algorithms_are_refused(client: TestClient) -> None:
    assert status_of(client, sign(claims(), algorithm="HS512")) == 401
    assert status_of(client, unsigned(claims())) == 401


def test_the_previous_secret_is_accepted_too(settings: Settings, app: FastAPI) -> None:
    rotated = settings.model_copy(
        update=Settings(
            database_url=settings.database_url,
            better_auth_secret=OTHER_SECRET,
            better_auth_secret_previous=SECRET,
        ).model_dump()
    )
    with TestClient(create_app(rotated)) as client:
        assert status_of(client, sign(claims(), secret=SECRET)) == 200
        assert status_of(client, sign(claims(), secret=OTHER_SECRET)) == 200
        assert status_of(client, sign(claims(), secret="x" * 40)) == 401


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer ü", "x" * 5000])
def test_other_headers_are_no_token(client: TestClient, value: str) -> None:
    response = client.get("/api/tasks", headers={"Authorization": value.encode("latin-1")})
    assert response.status_code == 401


def test_every_route_of_the_api_asks_for_a_token(app: FastAPI) -> None:
    with TestClient(app) as client:
        routes = [
            (method, path)
            for path, operations in client.get("/api/openapi.json").json()["paths"].items()
            for method in operations
            if path.startswith("/api/")
        ]
        assert len(routes) == 9
        for method, path in routes:
            response = client.request(method, path, headers={"Authorization": "Bearer x"})
            assert response.status_code == 401, (method, path)
            assert client.request(method, path).status_code == 401, (method, path)
