"""A throw-away PostgreSQL cluster on a Unix socket."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

INSTALL_HINT = (
    "these tests need PostgreSQL's server programs: apt-get install postgresql (any version >= 15)"
)
# PostgreSQL refuses to run as root.
SERVER_USER = "postgres" if os.geteuid() == 0 else None
PASSWORD = "canary-password"  # must never show up in any output


class PostgresCluster:
    def __init__(self, directory: Path, programs: Path) -> None:
        self.directory = directory
        self.programs = programs
        # with `trust`, the server accepts any password
        self.url = f"postgresql://postgres:{PASSWORD}@/todo?host={directory}"

    @classmethod
    @contextmanager
    def throw_away(cls) -> Iterator[Self]:
        directory = Path(tempfile.mkdtemp(prefix="todo-pg-"))
        if SERVER_USER:
            shutil.chown(directory, SERVER_USER)
        cluster = cls(directory, find_programs())
        try:
            cluster.create()
            yield cluster
        finally:
            if (directory / "data" / "postmaster.pid").exists():
                cluster.stop()
            shutil.rmtree(directory)

    def run(self, program: str, *arguments: str) -> None:
        command = [self.programs / program, *arguments]
        # a file, not a pipe: the started server would inherit the pipe and keep it open
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                command, user=SERVER_USER, cwd="/", stdout=output, stderr=output, check=False
            )
            if done.returncode:
                output.seek(0)
                pytest.exit(f"{program} failed: {output.read().decode()}", returncode=1)

    def execute(self, statement: str, database: str = "todo") -> object:
        """Runs a statement as the superuser; returns the first value of the result, if any."""
        url = make_url(self.url).set(drivername="postgresql+psycopg", database=database)
        engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            result = connection.execute(text(statement))
            return result.scalar() if result.returns_rows else None

    def ask_for_passwords(self) -> None:
        """Lets only the superuser in without a password, as the server in Kubernetes does."""
        rules = "local all postgres trust\nlocal all all scram-sha-256\n"
        (self.directory / "data" / "pg_hba.conf").write_text(rules)
        self.run("pg_ctl", "-D", str(self.directory / "data"), "reload")

    def create(self) -> None:
        data = str(self.directory / "data")
        self.run("initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync")
        self.start()
        self.run("createdb", "-h", str(self.directory), "-U", "postgres", "todo")

    def start(self, more: str = "") -> None:
        options = f"-c listen_addresses= -c fsync=off -k {self.directory} {more}"
        log = str(self.directory / "log")
        self.run("pg_ctl", "-D", str(self.directory / "data"), "-o", options, "-l", log, "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-D", str(self.directory / "data"), "-m", "immediate", "stop")


def find_programs() -> Path:
    on_path = shutil.which("pg_ctl")
    # Debian does not put these programs on PATH
    candidates = [Path(on_path).parent] if on_path else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for directory in candidates:
        if all((directory / name).exists() for name in ("initdb", "pg_ctl", "createdb")):
            return directory
    pytest.exit(INSTALL_HINT, returncode=1)
