import pytest

from app.settings import DatabaseSettings, Settings, SettingsError, load

URL = "postgresql://todo:s3cret@db:5432/todo"
LONG = "s3cret-" * 6


@pytest.fixture
def minimal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("BETTER_AUTH_SECRET", LONG)


def problems() -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(Settings)
    assert "s3cret" not in str(caught.value)
    return str(caught.value).splitlines()


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_any_spelling_of_the_url_uses_the_installed_driver(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"{scheme}://todo:p%40ss@db:5432/todo?sslmode=require")
    url = load(DatabaseSettings).sqlalchemy_url
    assert url.drivername == "postgresql+psycopg"
    assert (url.password, url.query["sslmode"]) == ("p@ss", "require")


@pytest.mark.usefixtures("minimal")
def test_what_is_not_needed_has_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTEND_URL", "none of the API's business")
    monkeypatch.setenv("BETTER_AUTH_SECRET_PREVIOUS", "")
    settings = load(Settings)
    assert (settings.environment, settings.port, settings.metrics_port) == ("dev", 8000, 9464)
    assert settings.llm_provider == "builtin"
    assert settings.auth_secrets == [LONG]


@pytest.mark.usefixtures("minimal")
def test_the_log_level_may_be_written_in_small_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "warning")
    assert load(Settings).log_level == "WARNING"


def test_every_problem_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "LOUD")
    monkeypatch.setenv("ENVIRONMENT", "the moon")
    monkeypatch.setenv("BETTER_AUTH_SECRET", "s3cret")
    monkeypatch.setenv("LLM_PROVIDER", "openai")
    monkeypatch.setenv("OPENAI_BASE_URL", "api.openai.com")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318")
    assert problems() == [
        "DATABASE_URL: is not set",
        "LOG_LEVEL: Input should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'",
        r"ENVIRONMENT: String should match pattern '^[\w.-]+$'",
        "BETTER_AUTH_SECRET: must have at least 32 characters",
        "LLM_MODEL: is not set, but LLM_PROVIDER is openai",
        "OPENAI_API_KEY: is not set, but LLM_PROVIDER is openai",
        r"OPENAI_BASE_URL: String should match pattern '^https?://\S+$'",
        r"OTEL_EXPORTER_OTLP_ENDPOINT: String should match pattern '^https?://\S+$'",
    ]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "s3cret",
        "mysql://u:s3cret@db/todo",
        "postgresql://u:s3cret@db",
        "postgresql://u:s3cret@db:x/t",
    ],
)
def test_a_wrong_url_is_refused_without_quoting_it(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", value)
    with pytest.raises(SettingsError) as caught:
        load(DatabaseSettings)
    assert str(caught.value).startswith("DATABASE_URL: ")
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(caught.value.__context__)


@pytest.mark.usefixtures("minimal")
def test_the_settings_do_not_show_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BETTER_AUTH_SECRET_PREVIOUS", LONG)
    monkeypatch.setenv("OPENAI_API_KEY", "s3cret")
    settings = load(Settings)
    assert "s3cret" not in repr(settings) + str(settings.sqlalchemy_url)
