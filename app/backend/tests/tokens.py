"""Signs tokens as the frontend does."""

import hashlib
import hmac
import time

import jwt

SECRET = "canary-secret-of-at-least-32-characters"  # must never show up in any output
OTHER_SECRET = "another-secret-of-at-least-32-characters"


def sign(claims: dict, *, secret: str = SECRET, algorithm: str = "HS256") -> str:
    key = hmac.new(secret.encode(), b"todo-api token", hashlib.sha256).digest()
    return jwt.encode(claims, key, algorithm=algorithm)


def claims(user: str = "alice", *, age: int = 0) -> dict:
    issued = int(time.time()) - age
    return {
        "sub": user,
        "iss": "todo-frontend",
        "aud": "todo-api",
        "iat": issued,
        "exp": issued + 300,
    }


def bearer(user: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {sign(claims(user))}"}
