"""TLS to the database, against a PostgreSQL that rejects TCP connections without TLS."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app.database import build_engine
from app.settings import DatabaseSettings, SettingsError, load
from tests.postgres import PASSWORD, SERVER_USER, PostgresCluster
from tests.processes import free_port, start_migration

# an address of this machine that the server's certificate does not name
OTHER_NAME = "127.0.0.2"


def openssl(directory: Path, name: str, *options: str) -> Path:
    """Creates a certificate and its key."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "1", "-subj", f"/CN={name}", "-keyout", f"{name}.key"]
    command += ["-out", f"{name}.crt", *options]
    subprocess.run(command, cwd=directory, check=True, capture_output=True)
    return directory / f"{name}.crt"


class TlsServer:
    """A PostgreSQL whose certificate `ca` has signed, and `other_ca` has not."""

    def __init__(self, cluster: PostgresCluster) -> None:
        directory, self.port = cluster.directory, free_port()
        self.ca, self.other_ca = openssl(directory, "ca"), openssl(directory, "other-ca")
        names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
        signed = openssl(directory, "server", "-CA", "ca.crt", "-CAkey", "ca.key", "-addext", names)
        key = signed.with_suffix(".key")
        if SERVER_USER:
            shutil.chown(key, SERVER_USER)
        (directory / "data" / "pg_hba.conf").write_text("hostssl all all all trust\n")
        cluster.stop()
        listen = f"-p {self.port} -c listen_addresses=127.0.0.1,{OTHER_NAME}"
        cluster.start(f"{listen} -c ssl=on -c ssl_cert_file={signed} -c ssl_key_file={key}")

    def url(self, mode: str, host: str = "127.0.0.1") -> str:
        return f"postgresql://postgres:{PASSWORD}@{host}:{self.port}/todo?sslmode={mode}"


@pytest.fixture(scope="module")
def server() -> Iterator[TlsServer]:
    with PostgresCluster.throw_away() as cluster:
        yield TlsServer(cluster)


def is_encrypted(url: str, ca: Path | None = None) -> bool:
    engine = build_engine(DatabaseSettings(database_url=url, database_ca_file=ca).sqlalchemy_url)
    question = text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    try:
        with engine.connect() as connection:
            return connection.scalar(question)
    finally:
        engine.dispose()


@pytest.mark.parametrize("host", ["127.0.0.1", OTHER_NAME])
def test_require_encrypts_and_checks_no_certificate(server: TlsServer, host: str) -> None:
    assert is_encrypted(server.url("require", host))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_verify_full_accepts_a_certificate_of_the_ca(server: TlsServer, host: str) -> None:
    assert is_encrypted(server.url("verify-full", host), server.ca)


@pytest.mark.parametrize("mode", ["require", "verify-ca"])
def test_other_modes_do_not_check_the_host_name(server: TlsServer, mode: str) -> None:
    assert is_encrypted(server.url(mode, OTHER_NAME), server.ca)


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_a_certificate_of_another_ca_is_refused(server: TlsServer, mode: str) -> None:
    with pytest.raises(OperationalError, match="certificate verify failed"):
        is_encrypted(server.url(mode), server.other_ca)


def test_verify_full_refuses_another_host_name(server: TlsServer) -> None:
    wrong = f'for "localhost" .* does not match host name "{OTHER_NAME}"'
    with pytest.raises(OperationalError, match=wrong):
        is_encrypted(server.url("verify-full", OTHER_NAME), server.ca)


def test_without_a_ca_file_verify_full_uses_those_of_the_system(
    server: TlsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OperationalError, match="certificate verify failed"):
        is_encrypted(server.url("verify-full"))
    monkeypatch.setenv("SSL_CERT_FILE", str(server.ca))
    assert is_encrypted(server.url("verify-full"))


def test_the_server_refuses_connections_without_tls(server: TlsServer) -> None:
    with pytest.raises(OperationalError, match="no encryption"):
        is_encrypted(server.url("disable"))


def test_the_migration_logs_why_it_does_not_trust_a_server(server: TlsServer) -> None:
    run = start_migration(server.url("verify-full"), DATABASE_CA_FILE=str(server.other_ca))
    line = run.stdout.readline()
    run.kill()
    run.communicate()
    assert "waiting for the database" in line
    assert "certificate verify failed" in line
    assert PASSWORD not in line


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("sslmode=prefer", "DATABASE_URL: sslmode must be one of disable, require, verify-ca, "),
        ("sslmode=verify-ca", "DATABASE_CA_FILE: is not set, but DATABASE_URL has sslmode="),
        ("sslmode=require&sslrootcert=/ca", "DATABASE_URL: sslrootcert is not supported; name "),
    ],
)
def test_urls_that_ask_for_less_than_they_seem_to_are_refused(
    monkeypatch: pytest.MonkeyPatch, query: str, problem: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://u:s3cret@db/todo?{query}")
    with pytest.raises(SettingsError, match=f"^{problem}") as caught:
        load(DatabaseSettings)
    assert "s3cret" not in str(caught.value)


def test_a_ca_file_is_read_at_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:s3cret@db/todo?sslmode=verify-full")
    monkeypatch.setenv("DATABASE_CA_FILE", str(tmp_path / "ca.crt"))
    with pytest.raises(SettingsError, match=r"^DATABASE_CA_FILE: .*/ca.crt can't be read: No such"):
        load(DatabaseSettings)
    (tmp_path / "ca.crt").write_text("no certificate")
    with pytest.raises(
        SettingsError, match=r"^DATABASE_CA_FILE: .*/ca.crt contains no certificate"
    ):
        load(DatabaseSettings)
