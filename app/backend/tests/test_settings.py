import pytest

from app.settings import DatabaseSettings, Settings, SettingsError, load

URL = "postgresql://todo:s3cret@db:5432/todo"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_any_spelling_of_the_url_uses_the_installed_driver(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"{scheme}://todo:p%40ss@db:5432/todo?sslmode=require")
    url = load(DatabaseSettings).sqlalchemy_url
    assert url.drivername == "postgresql+psycopg"
    assert (url.password, url.query["sslmode"]) == ("p@ss", "require")


def test_what_is_not_the_apis_own_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("BETTER_AUTH_SECRET", "x")
    assert load(Settings).environment == "dev"


def test_every_problem_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "LOUD")
    monkeypatch.setenv("ENVIRONMENT", "the moon")
    with pytest.raises(SettingsError) as caught:
        load(Settings)
    assert str(caught.value).splitlines() == [
        "DATABASE_URL: is not set",
        "LOG_LEVEL: Input should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'",
        r"ENVIRONMENT: String should match pattern '^[\w.-]+$'",
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


def test_the_settings_do_not_show_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    settings = load(Settings)
    assert "s3cret" not in repr(settings) + str(settings.sqlalchemy_url)
