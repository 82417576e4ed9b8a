"""The settings, read from environment variables and checked before anything starts."""

import ssl
from pathlib import Path
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

from app import secret_files

EXAMPLE_URL = "postgresql://user:password@host:5432/database"
OPENAI_URL = "https://api.openai.com/v1"
MIN_SECRET_LENGTH = 32
# libpq's other modes leave it open whether the connection is encrypted
SSL_MODES = ("disable", "require", "verify-ca", "verify-full")


class SettingsError(Exception):
    """Has one line for each variable that is missing or wrong; never quotes a secret."""


def parse_database_url(text: str) -> URL:
    """Parses a database URL; errors never quote it, because it contains a password."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError(f"is not a URL like {EXAMPLE_URL}") from None
    if url.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise ValueError(f"must start with postgresql://, like {EXAMPLE_URL}")
    if not url.database:
        raise ValueError(f"names no database; expected something like {EXAMPLE_URL}")
    if url.query.get("sslmode", "disable") not in SSL_MODES:
        raise ValueError(f"sslmode must be one of {', '.join(SSL_MODES)}")
    if "sslrootcert" in url.query:
        raise ValueError("sslrootcert is not supported; name the file in DATABASE_CA_FILE")
    return url.set(drivername="postgresql+psycopg")


def _checked_database_url(secret: SecretStr) -> SecretStr:
    parse_database_url(secret.get_secret_value())
    return secret


def _checked_app_url(secret: SecretStr) -> SecretStr:
    url = parse_database_url(secret.get_secret_value())
    if not url.username or not url.password:
        raise ValueError(f"names no role or no password; expected something like {EXAMPLE_URL}")
    return secret


def _checked_ca_file(path: Path | None, info: ValidationInfo) -> Path | None:
    if path is None:
        secret = info.data.get("database_url")
        url = secret and parse_database_url(secret.get_secret_value())
        if url and url.query.get("sslmode") == "verify-ca":
            raise ValueError("is not set, but DATABASE_URL has sslmode=verify-ca")
        return None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        raise ValueError(f"{path} contains no certificate in PEM format") from None
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}") from None
    return path


def _system_ca_file() -> str:
    """The system's CA certificates: the driver's own OpenSSL does not look where they are."""
    return ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"


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
    """The settings of every process of this image."""

    # an empty variable counts as not set
    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True, env_ignore_empty=True)

    database_url: Annotated[SecretStr, AfterValidator(_checked_database_url)]
    # the CA that must have signed the database server's certificate
    database_ca_file: Annotated[Path | None, AfterValidator(_checked_ca_file)] = None
    log_level: Annotated[LogLevel, BeforeValidator(str.upper)] = "INFO"

    @property
    def sqlalchemy_url(self) -> URL:
        return self._with_ca(self.database_url)

    def _with_ca(self, secret: SecretStr) -> URL:
        url = parse_database_url(secret.get_secret_value())
        ca_file = self.database_ca_file
        if ca_file is None and url.query.get("sslmode") == "verify-full":
            ca_file = _system_ca_file()
        return url.update_query_dict({"sslrootcert": str(ca_file)}) if ca_file else url


class MigrationSettings(DatabaseSettings):
    """The settings of the migration."""

    # set if the services log in as another role than DATABASE_URL, which names the owner
    app_database_url: Annotated[SecretStr, AfterValidator(_checked_app_url)] | None = None

    @property
    def app_url(self) -> URL | None:
        return self._with_ca(self.app_database_url) if self.app_database_url else None


class Settings(DatabaseSettings):
    """The settings of the API."""

    environment: Annotated[str, Field(pattern=r"^[\w.-]+$")] = "dev"  # the stage's name
    port: Port = 8000
    metrics_port: Port = 9464
    # the public address; with https, plain HTTP requests are redirected to it
    frontend_url: Annotated[str, Field(pattern=r"^https?://[^/]+$")] = "http://localhost:3000"
    # to be turned off if TLS ends in front of a proxy that reports every request as HTTP
    https_redirect: bool = True
    hsts_max_age: Annotated[int, Field(ge=0)] | None = None
    better_auth_secret: AuthSecret
    # tokens signed with the secret before the last rotation stay valid
    better_auth_secret_previous: AuthSecret | None = None
    # how many tasks a user may keep
    tasks_per_user: Annotated[int, Field(ge=1)] = 10_000
    llm_provider: Literal["builtin", "openai"] = "builtin"
    llm_model: Annotated[str | None, NeededByOpenai] = None
    openai_api_key: Annotated[SecretStr | None, NeededByOpenai] = None
    openai_base_url: HttpUrl = OPENAI_URL
    # how many tokens of the language model a user may spend in a day
    chat_daily_tokens: Annotated[int, Field(ge=1)] = 500_000
    # turns tracing on; the OpenTelemetry SDK itself reads the other OTEL_* variables
    otel_exporter_otlp_endpoint: HttpUrl | None = None

    @property
    def auth_secrets(self) -> list[str]:
        """The known secrets, the current one first."""
        secrets = (self.better_auth_secret, self.better_auth_secret_previous)
        return [secret.get_secret_value() for secret in secrets if secret is not None]


T = TypeVar("T", bound=DatabaseSettings)

IN_FILES = (
    "database_url",
    "app_database_url",
    "better_auth_secret",
    "better_auth_secret_previous",
    "openai_api_key",
)


def load(kind: type[T]) -> T:
    """Reads the environment and reports every problem at once, each naming its variable."""
    names = [name for name in IN_FILES if name in kind.model_fields]
    values, problems = secret_files.read(name.upper() for name in names)
    try:
        settings = kind(**{variable.lower(): value for variable, value in values.items()})
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            variable = str(problem["loc"][0]).upper()
            reason = _reason(problem["type"], problem["msg"])
            problems.setdefault(variable, f"{variable}: {reason}")
    if problems:
        raise SettingsError("\n".join(problems.values())) from None
    return settings


def _reason(kind: str, message: str) -> str:
    if kind == "missing":
        return "is not set"
    return message.removeprefix("Value error, ")
