"""Checks the tokens that the frontend signs for its signed-in users."""

import hmac
from collections.abc import Sequence

import jwt

ISSUER = "todo-frontend"
AUDIENCE = "todo-api"
MAX_LIFETIME_SECONDS = 300
CLOCK_SKEW_SECONDS = 10
MAX_USER_ID_LENGTH = 64


def token_key(secret: str) -> bytes:
    """The key is derived, so that a cookie, signed with the secret itself, is never a token."""
    return hmac.digest(secret.encode(), b"todo-api token", "sha256")


class TokenVerifier:
    """Accepts tokens signed with any of the secrets: the current and the previous one."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = [token_key(secret) for secret in secrets]

    def user_id(self, token: str) -> str:
        """The user whom the token names; raises jwt.InvalidTokenError if the token is not valid."""
        claims = self._claims(token)
        user_id = claims["sub"]
        if not 1 <= len(user_id) <= MAX_USER_ID_LENGTH or not user_id.isprintable():
            raise jwt.InvalidTokenError(f"sub must have 1 to {MAX_USER_ID_LENGTH} characters")
        if int(claims["exp"]) - int(claims["iat"]) > MAX_LIFETIME_SECONDS:
            raise jwt.InvalidTokenError(f"exp must be at most {MAX_LIFETIME_SECONDS} s after iat")
        return user_id

    def _claims(self, token: str) -> dict:
        for key in self._keys[:-1]:
            try:
                return _decode(token, key)
            except jwt.InvalidSignatureError:
                continue
        return _decode(token, self._keys[-1])


def _decode(token: str, key: bytes) -> dict:
    return jwt.decode(
        token,
        key,
        algorithms=["HS256"],
        audience=AUDIENCE,
        issuer=ISSUER,
        leeway=CLOCK_SKEW_SECONDS,
        options={"require": ["sub", "iss", "aud", "iat", "exp"]},
    )
