"""What the environment has to say, checked as a whole before anything starts."""

from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

EXAMPLE_URL = "postgresql://user:password@host:5432/database"


class SettingsError(Exception):
    """One line per variable that is missing or wrong; never holds a value."""


def parse_database_url(text: str) -> URL:
    """Reads a URL as providers hand it out; errors never quote it, it holds a password."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError(f"is not a URL like {EXAMPLE_URL}") from None
    if url.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise ValueError(f"must start with postgresql://, like {EXAMPLE_URL}")
    if not url.database:
        raise ValueError(f"names no database; expected something like {EXAMPLE_URL}")
    return url.set(drivername="postgresql+psycopg")


def _checked_database_url(secret: SecretStr) -> SecretStr:
    parse_database_url(secret.get_secret_value())
    return secret


class DatabaseSettings(BaseSettings):
    """What every process of this image needs; the migration needs nothing else."""

    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True)

    database_url: Annotated[SecretStr, AfterValidator(_checked_database_url)]
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @property
    def sqlalchemy_url(self) -> URL:
        return parse_database_url(self.database_url.get_secret_value())


class Settings(DatabaseSettings):
    """What the API needs on top."""

    environment: Annotated[str, Field(pattern=r"^[\w.-]+$")] = "dev"  # any stage's name
    port: Annotated[int, Field(ge=1, le=65535)] = 8000


T = TypeVar("T", bound=DatabaseSettings)


def load(kind: type[T]) -> T:
    """Reads the environment and reports every problem at once, each naming its variable."""
    try:
        return kind()
    except ValidationError as error:
        problems = [
            f"{str(problem['loc'][0]).upper()}: {_reason(problem['type'], problem['msg'])}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
        raise SettingsError("\n".join(problems)) from None


def _reason(kind: str, message: str) -> str:
    if kind == "missing":
        return "is not set"
    return message.removeprefix("Value error, ")
