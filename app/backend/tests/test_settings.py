from pathlib import Path

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
    monkeypatch.setenv("BACKEND_URL", "none of the API's business")
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


@pytest.fixture
def in_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Puts every secret in a file, with the newline that editors add at the end."""
    for name, value in {
        "DATABASE_URL": URL,
        "BETTER_AUTH_SECRET": LONG,
        "BETTER_AUTH_SECRET_PREVIOUS": LONG[::-1],
        "OPENAI_API_KEY": "s3cret key ",
    }.items():
        (tmp_path / name).write_text(f"{value}\n")
        monkeypatch.setenv(f"{name}_FILE", str(tmp_path / name))
    return tmp_path


@pytest.mark.usefixtures("in_files")
def test_secrets_are_read_from_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")  # counts as not set
    settings = load(Settings)
    assert settings.database_url.get_secret_value() == URL
    assert settings.auth_secrets == [LONG, LONG[::-1]]
    assert settings.openai_api_key.get_secret_value() == "s3cret key "


@pytest.mark.parametrize(
    ("content", "value"), [("key", "key"), ("key\n\n", "key\n"), ("key\r\n", "key"), ("\n", None)]
)
def test_one_newline_at_the_end_of_a_file_is_not_part_of_the_value(
    in_files: Path, content: str, value: str | None
) -> None:
    (in_files / "OPENAI_API_KEY").write_bytes(content.encode())
    key = load(Settings).openai_api_key
    assert (key and key.get_secret_value()) == value


def test_a_file_and_a_value_are_an_error(in_files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    assert problems() == ["DATABASE_URL, DATABASE_URL_FILE: both are set; keep one of them"]


def test_every_file_that_gives_no_value_is_named(in_files: Path) -> None:
    (in_files / "DATABASE_URL").write_bytes(b"s3cret \xff")
    (in_files / "BETTER_AUTH_SECRET").unlink()
    (in_files / "BETTER_AUTH_SECRET_PREVIOUS").write_text("s3cret")
    assert problems() == [
        f"DATABASE_URL_FILE: {in_files}/DATABASE_URL can't be read: it is not UTF-8",
        f"BETTER_AUTH_SECRET_FILE: {in_files}/BETTER_AUTH_SECRET can't be read: "
        "No such file or directory",
        "BETTER_AUTH_SECRET_PREVIOUS: must have at least 32 characters",
    ]


@pytest.mark.usefixtures("minimal")
def test_the_settings_do_not_show_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BETTER_AUTH_SECRET_PREVIOUS", LONG)
    monkeypatch.setenv("OPENAI_API_KEY", "s3cret")
    settings = load(Settings)
    assert "s3cret" not in repr(settings) + str(settings.sqlalchemy_url)
