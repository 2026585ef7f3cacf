"""Workforce IdPs by command: added, set, shown, listed, read again, removed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from connector.cli.main import main
from connector.domain.unit import SYSTEM
from connector.parts import assemble
from connector.settings import Settings
from connector.storage import resources
from connector.storage.resources import Record
from tests.workforce_idp import Idp, new_idp

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def idp() -> Idp:
    return new_idp()


@pytest.fixture
def run(tmp_path: Path, keys_dir: Path, idp: Idp) -> Run:
    """Run a command where the IdP corp is trusted and there is a group of ours."""
    environment = {"CONNECTOR_DATA_DIR": str(tmp_path), "CONNECTOR_KEYS_DIR": str(keys_dir)}

    def command(*words: str, exit: int = 0) -> Result:
        done = CliRunner().invoke(main, list(words), env=environment, catch_exceptions=False)
        assert done.exit_code == exit, done.output
        return done

    command("db", "upgrade")
    parts = assemble(Settings(data_dir=tmp_path, keys_dir=keys_dir))
    with parts.domain.change(SYSTEM) as unit:
        group = Record(unit.tx.new_id("grp"), "group", "Approvers", "{}", True, 1, unit.tx.now, unit.tx.now)
        resources.insert(unit.tx, group)
    parts.domain.database.close()
    file = tmp_path / "corp.xml"
    file.write_bytes(idp.metadata())
    command("idp", "add", "corp", "--metadata", str(file))
    return command


def shown(run: Run) -> Any:
    return orjson.loads(run("idp", "show", "corp", "--json").output)


def test_a_new_idp_has_the_defaults_and_is_told_our_addresses(run: Run, idp: Idp) -> None:
    found = shown(run)

    assert (found["entityId"], found["active"], found["signingKeys"], found["problem"]) == (
        idp.entity_id,
        True,
        1,
        None,
    )
    assert found["settings"] == {
        "title": "",
        "match": "userName",
        "source": "NameID",
        "suffixes": [],
        "groups_attribute": "",
        "roles": [],
        "role_groups": [],
        "create_people": False,
        "unsolicited": False,
        "contexts": [],
        "comparison": "exact",
    }
    assert found["ours"]["acs"] == "http://127.0.0.1:8080/saml/acs"
    assert "http://127.0.0.1:8080/saml/sp/metadata" in run("idp", "show", "corp").output


def test_what_is_chosen_is_kept_and_what_is_not_named_stays(run: Run) -> None:
    run("idp", "set", "corp", "--match", "email", "--suffix", "@corp.example", "--create-people")
    run(
        "idp",
        "set",
        "corp",
        "--groups-attribute",
        "groups",
        "--role",
        "admin=a=b",
        "--role-group",
        "approver=Approvers",
    )
    run("idp", "set", "corp", "--context", "urn:mfa", "--comparison", "minimum")

    settings = shown(run)["settings"]
    assert (settings["match"], settings["suffixes"], settings["create_people"]) == ("email", ["@corp.example"], True)
    assert (settings["roles"], settings["role_groups"]) == ([["admin", "a=b"]], [["approver", "Approvers"]])
    assert (settings["contexts"], settings["comparison"]) == (["urn:mfa"], "minimum")
    run("idp", "set", "corp", "--no-roles", "--any-suffix", "--any-context", "--off")
    settings = shown(run)["settings"]
    assert settings["contexts"] == []
    assert (settings["roles"], settings["role_groups"], settings["suffixes"]) == ([], [], [])
    assert "off" in run("idp", "list").output


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "nothing to change was given"),
        (["--role", "owner=x"], "ROLE one of admin, approver, auditor"),
        (["--role", "admin"], "a role is given as ROLE=GROUP"),
        (["--role", "admin=x"], "need the attribute that has them"),
        (["--role-group", "admin=Nobody"], "there is no group 'Nobody'"),
        (["--match", "externalId", "--create-people"], "cannot be made"),
        (["--no-roles", "--role", "admin=x"], "do not go together"),
        (["--any-context", "--context", "urn:mfa"], "do not go together"),
        (["--context", "two factors"], "a context must be the URI"),
    ],
)
def test_what_cannot_be_is_refused(run: Run, options: list[str], sentence: str) -> None:
    before = shown(run)

    assert sentence in run("idp", "set", "corp", *options, exit=1).output
    assert shown(run) == before


def test_an_idp_that_is_not_there_is_told_of(run: Run, tmp_path: Path) -> None:
    assert "no workforce IdP named 'other'" in run("idp", "show", "other", exit=1).output
    assert "No such file" in run("idp", "add", "x", "--metadata", str(tmp_path / "none"), exit=1).output
    assert "no address to read metadata from" in run("idp", "refresh", "corp", exit=1).output
    run("idp", "refresh")


def test_an_idp_is_removed(run: Run) -> None:
    run("idp", "remove", "corp")

    assert orjson.loads(run("idp", "list", "--json").output) == []
