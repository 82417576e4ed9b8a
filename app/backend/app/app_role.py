"""The database role of the services: it can read and write rows, but it cannot change the schema.

The role's name and password are part of the services' database URL. There are two such roles, and
each new version of the password uses the other one: during a rotation, pods of the previous version
keep their role and its password.
"""

import base64
import hashlib
import hmac
import logging
import os

from psycopg import sql
from sqlalchemy import URL, Connection, Engine, text

logger = logging.getLogger(__name__)

SCRAM_ITERATIONS = 4096  # PostgreSQL's default, which is enough because the passwords are random
ATTRIBUTES = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
# Rights on the existing tables, and default rights on tables that later migrations create.
GRANTS = (
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC",  # PostgreSQL 14 and older grant it to everybody
    "GRANT USAGE ON SCHEMA public TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
    "REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {role}",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public"
    " GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO {role}",
)


def may_make_roles(connection: Connection) -> bool:
    """Whether the owner is a superuser; if not, a database operator has to create the role."""
    query = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
    return bool(connection.scalar(text(query)))


def set_up(connection: Connection, url: URL) -> bool:
    """Creates or updates the role that `url` names; the connection must be the owner's.

    Returns whether the role's password changed, so that its previous password is no longer valid.
    """
    makes_roles = may_make_roles(connection)
    changed = makes_roles and _set_login(connection, str(url.username), str(url.password))
    for statement in GRANTS:
        _execute(connection, statement, url.username)
    return changed


def end_sessions(engine: Engine, url: URL) -> None:
    """Ends the role's sessions: sessions opened with the old password would stay open otherwise."""
    query = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = :name"
    with engine.connect() as connection:
        ended = connection.scalar(text(query), {"name": url.username})
    logger.info("%s has a new password; sessions ended: %s", url.username, ended)


def scram_verifier(password: str, salt: bytes, iterations: int) -> str:
    """The form in which PostgreSQL stores a password (RFC 5803).

    The server may log statements, so statements contain this verifier and never the password.
    """
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored, server = (
        base64.b64encode(part).decode() for part in (salt, stored_key, server_key)
    )
    return f"SCRAM-SHA-256${iterations}:{salt_text}${stored}:{server}"


def _set_login(connection: Connection, role: str, password: str) -> bool:
    """Creates the role if it is missing; returns whether its password changed."""
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
    """Whether the stored verifier belongs to the password."""
    if not verifier or not verifier.startswith("SCRAM-SHA-256$"):
        return False
    iterations, salt = verifier.split("$")[1].split(":")
    expected = scram_verifier(password, base64.b64decode(salt), int(iterations))
    return hmac.compare_digest(verifier, expected)


def _execute(connection: Connection, statement: str, role: str | None, **literals: str) -> None:
    """Quotes names and values into the statement: such statements accept no parameters."""
    quoted = {name: sql.Literal(value) for name, value in literals.items()}
    composed = sql.SQL(statement).format(role=sql.Identifier(str(role)), **quoted)
    connection.exec_driver_sql(composed.as_string())
