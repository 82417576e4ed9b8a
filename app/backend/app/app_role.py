"""The role as which the services log in: it reads and writes rows, and can change no schema.

Its name and password stand in the services' URL. Two such roles take turns: raising the password's
version names the other one, so that the pods of the version before go on with theirs.
"""

import base64
import hashlib
import hmac
import logging
import os

from psycopg import sql
from sqlalchemy import URL, Connection, Engine, text

logger = logging.getLogger(__name__)

SCRAM_ITERATIONS = 4096  # PostgreSQL's own default; the passwords are random
ATTRIBUTES = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
# Rights on what is there, and on what later migrations will make.
GRANTS = (
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC",  # granted by releases before PostgreSQL 15
    "GRANT USAGE ON SCHEMA public TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
    "REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {role}",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public"
    " GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO {role}",
)


def may_make_roles(connection: Connection) -> bool:
    """Whether the owner is a superuser; elsewhere the operator of the database makes the role."""
    query = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
    return bool(connection.scalar(text(query)))


def set_up(connection: Connection, url: URL) -> bool:
    """Makes the role that `url` logs in as what it has to be; to be run by the owner.

    Returns whether the password before is not valid any more.
    """
    makes_roles = may_make_roles(connection)
    changed = makes_roles and _set_login(connection, str(url.username), str(url.password))
    for statement in GRANTS:
        _execute(connection, statement, url.username)
    return changed


def end_sessions(engine: Engine, url: URL) -> None:
    """Whoever logged in with the password before would stay in for as long as they like."""
    query = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = :name"
    with engine.connect() as connection:
        ended = connection.scalar(text(query), {"name": url.username})
    logger.info("%s has a new password; sessions ended: %s", url.username, ended)


def scram_verifier(password: str, salt: bytes, iterations: int) -> str:
    """What PostgreSQL stores of a password (RFC 5803), so that the password itself stands in no
    statement, which the server may log."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored, server = (
        base64.b64encode(part).decode() for part in (salt, stored_key, server_key)
    )
    return f"SCRAM-SHA-256${iterations}:{salt_text}${stored}:{server}"


def _set_login(connection: Connection, role: str, password: str) -> bool:
    """Returns whether the password changed."""
    query = "SELECT rolpassword FROM pg_authid WHERE rolname = :role"
    found = connection.execute(text(query), {"role": role}).one_or_none()
    if found is None:
        _execute(connection, "CREATE ROLE {role}", role)
    _execute(connection, f"ALTER ROLE {{role}} {ATTRIBUTES}", role)
    if found is not None and _is_of(found.rolpassword, password):
        return False
    verifier = scram_verifier(password, os.urandom(16), SCRAM_ITERATIONS)
    _execute(connection, "ALTER ROLE {role} PASSWORD {verifier}", role, verifier=verifier)
    return True


def _is_of(verifier: str | None, password: str) -> bool:
    """Whether a stored verifier is that of the password."""
    if not verifier or not verifier.startswith("SCRAM-SHA-256$"):
        return False
    iterations, salt = verifier.split("$")[1].split(":")
    expected = scram_verifier(password, base64.b64decode(salt), int(iterations))
    return hmac.compare_digest(verifier, expected)


def _execute(connection: Connection, statement: str, role: str | None, **literals: str) -> None:
    """Such statements take no parameters: names and values are quoted into them."""
    quoted = {name: sql.Literal(value) for name, value in literals.items()}
    composed = sql.SQL(statement).format(role=sql.Identifier(str(role)), **quoted)
    connection.exec_driver_sql(composed.as_string())
