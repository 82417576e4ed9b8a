"""What the environment has to say, checked as a whole before anything starts."""

from typing import Annotated, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
)
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

EXAMPLE_URL = "postgresql://user:password@host:5432/database"
MIN_SECRET_LENGTH = 32


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


def _long_enough(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < MIN_SECRET_LENGTH:
        raise ValueError(f"must have at least {MIN_SECRET_LENGTH} characters")
    return secret


def _needed_by_openai(value: object, info: ValidationInfo) -> object:
    if value is None and info.data.get("llm_provider") == "openai":
        raise ValueError("is not set, but LLM_PROVIDER is openai")
    return value


LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
Port = Annotated[int, Field(ge=1, le=65535)]
HttpUrl = Annotated[str, Field(pattern=r"^https?://\S+$")]
AuthSecret = Annotated[SecretStr, AfterValidator(_long_enough)]
NeededByOpenai = AfterValidator(_needed_by_openai)


class DatabaseSettings(BaseSettings):
    """What every process of this image needs; the migration needs nothing else."""

    # an empty variable is one that was left out
    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True, env_ignore_empty=True)

    database_url: Annotated[SecretStr, AfterValidator(_checked_database_url)]
    log_level: Annotated[LogLevel, BeforeValidator(str.upper)] = "INFO"

    @property
    def sqlalchemy_url(self) -> URL:
        return parse_database_url(self.database_url.get_secret_value())


class Settings(DatabaseSettings):
    """What the API needs on top."""

    environment: Annotated[str, Field(pattern=r"^[\w.-]+$")] = "dev"  # any stage's name
    port: Port = 8000
    metrics_port: Port = 9464
    better_auth_secret: AuthSecret
    # what was signed with the secret before the last rotation stays valid
    better_auth_secret_previous: AuthSecret | None = None
    llm_provider: Literal["builtin", "openai"] = "builtin"
    llm_model: Annotated[str | None, NeededByOpenai] = None
    openai_api_key: Annotated[SecretStr | None, NeededByOpenai] = None
    openai_base_url: HttpUrl = "https://api.openai.com/v1"
    # the one OpenTelemetry variable that decides whether there are traces; its SDK reads the others
    otel_exporter_otlp_endpoint: HttpUrl | None = None

    @property
    def auth_secrets(self) -> list[str]:
        """The current one first."""
        secrets = (self.better_auth_secret, self.better_auth_secret_previous)
        return [secret.get_secret_value() for secret in secrets if secret is not None]


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
