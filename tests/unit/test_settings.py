"""Settings: every problem is told at once, by the name that the operator used."""

from pathlib import Path

import pytest

from connector.core.errors import Misconfigured
from connector.settings import load


def test_a_misspelt_setting_and_a_bad_value_are_told_together_by_name() -> None:
    with pytest.raises(Misconfigured) as raised:
        load({"CONNECTOR_PROT": "8080", "CONNECTOR_WORKERS": "many", "CONNECTOR_BASE_URL": "ftp://x"})

    text = raised.value.detail
    assert "CONNECTOR_PROT: there is no such setting; did you mean port?" in text
    assert "CONNECTOR_WORKERS" in text
    assert "CONNECTOR_BASE_URL: must begin with https://" in text


@pytest.mark.parametrize("url", ["oracle://u:hunter2@h/db", "hunter2", "postgresql+nix://u:hunter2@h/db"])
def test_a_database_that_we_do_not_know_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(Misconfigured) as raised:
        load({"CONNECTOR_DATABASE_URL": url})

    assert "CONNECTOR_DATABASE_URL: must begin with postgresql:// or sqlite:///" in raised.value.detail
    assert "hunter2" not in raised.value.detail + repr(raised.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_postgresql_url_is_taken_in_each_of_its_spellings_and_shown_in_none(scheme: str) -> None:
    settings = load({"CONNECTOR_DATABASE_URL": f"{scheme}://u:hunter2@h/db"})

    assert settings.database == "postgresql+psycopg://u:hunter2@h/db"
    assert "hunter2" not in repr(settings) + str(settings)


def test_the_environment_wins_over_the_file_and_options_over_both(tmp_path: Path) -> None:
    file = tmp_path / "connector.toml"
    file.write_text('port = 1\nhost = "127.0.0.2"\nworkers = 3\n')
    environ = {"CONNECTOR_CONFIG": str(file), "CONNECTOR_PORT": "2", "CONNECTOR_WORKERS": "4"}

    found = load(environ, workers=5)

    assert (found.host, found.port, found.workers) == ("127.0.0.2", 2, 5)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="CONNECTOR_CONFIG: cannot read"):
        load({"CONNECTOR_CONFIG": str(tmp_path / "absent.toml")})


def test_longest_lives_are_set_by_kind_and_the_others_keep_theirs() -> None:
    days = load({"CONNECTOR_CREDENTIAL_DAYS": "api_key=30, client_secret=180"}).credential_days
    assert (days["api_key"], days["client_secret"], days["public_key"]) == (30, 180, 730)


@pytest.mark.parametrize("given", ["api_key", "api_key=0", "password=3", "api_key=many"])
def test_a_longest_life_that_cannot_be_is_refused_by_name(given: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        load({"CONNECTOR_CREDENTIAL_DAYS": given})
    assert "CONNECTOR_CREDENTIAL_DAYS: must be kind=days" in refused.value.detail
