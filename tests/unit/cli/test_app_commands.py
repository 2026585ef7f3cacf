"""Applications by command: added, set, shown, listed, removed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask
import orjson
import pytest
from click.testing import CliRunner, Result

from connector.cli.main import main
from connector.domain.unit import SYSTEM
from connector.parts import assemble
from connector.settings import Settings
from connector.storage import resources
from connector.storage.resources import Record
from tests.saml_world import served
from tests.servers.pki import self_signed_rsa
from tests.servers.process import free_port
from tests.servers.sp_metadata import POST, Endpoint, service_provider_metadata

ENTITY_ID = "https://wiki.example/metadata"
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, keys_dir: Path) -> Run:
    """Run a command where the application wiki is registered and a group of bots exists."""
    environment = {"CONNECTOR_DATA_DIR": str(tmp_path), "CONNECTOR_KEYS_DIR": str(keys_dir)}

    def command(*words: str, exit: int = 0) -> Result:
        done = CliRunner().invoke(main, list(words), env=environment, catch_exceptions=False)
        assert done.exit_code == exit, done.output
        return done

    command("db", "upgrade")
    parts = assemble(Settings(data_dir=tmp_path, keys_dir=keys_dir))
    with parts.domain.change(SYSTEM) as unit:
        group = Record(unit.tx.new_id("grp"), "group", "wiki-bots", "{}", True, 1, unit.tx.now, unit.tx.now)
        resources.insert(unit.tx, group)
    parts.domain.database.close()
    consumers = [Endpoint(POST, "https://wiki.example/acs")]
    file = tmp_path / "wiki.xml"
    file.write_bytes(service_provider_metadata(ENTITY_ID, self_signed_rsa("wiki"), consumers=consumers, logouts=[]))
    command("app", "add", "wiki", "--metadata", str(file))
    return command


def chosen(run: Run) -> Any:
    return orjson.loads(run("app", "show", "wiki", "--json").output)["settings"]


def test_new_application_has_the_defaults(run: Run) -> None:
    assert chosen(run) == {
        "sign": "both",
        "encrypt": "off",
        "name_id": "persistent",
        "name_from": "agentId",
        "session_minutes": 60,
        "groups": [],
        "attributes": "plain",
        "relay": [],
        "delegation": "none",
        "confirmation": "bearer",
        "binding": "post",
        "signature": "rsa-sha256",
    }


def test_set_changes_what_is_named_and_nothing_else(run: Run) -> None:
    run("app", "set", "wiki", "--encrypt", "required", "--group", "wiki-bots", "--attributes", "entra")
    before = chosen(run)
    run("app", "set", "wiki", "--session-minutes", "5", "--name-id", "emailAddress")

    assert (before["encrypt"], before["groups"], before["attributes"]) == ("required", ["wiki-bots"], "entra")
    assert chosen(run) == {**before, "session_minutes": 5, "name_id": "emailAddress", "name_from": "email"}


def test_groups_and_addresses_are_taken_back_by_their_flags(run: Run) -> None:
    run("app", "set", "wiki", "--group", "wiki-bots", "--relay", "https://wiki.example/start")
    assert chosen(run)["relay"] == ["https://wiki.example/start"]

    run("app", "set", "wiki", "--everybody", "--no-relay")

    assert (chosen(run)["groups"], chosen(run)["relay"]) == ([], [])


def test_show_says_it_in_lines(run: Run) -> None:
    shown = run("app", "set", "wiki", "--relay", "https://wiki.example/start").output

    assert shown.splitlines()[0] == f"wiki  {ENTITY_ID}"
    lines = [line.split(maxsplit=1) for line in shown.splitlines()[1:]]
    assert ["groups", "any"] in lines and ["relay", "https://wiki.example/start"] in lines


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("set", "wiki"), "nothing to change was given"),
        (("set", "wiki", "--group", "nobody"), "there is no group 'nobody'"),
        (("set", "wiki", "--everybody", "--group", "wiki-bots"), "do not go together"),
        (("set", "wiki", "--attributes", "nothing"), "there are: eduperson, entra, okta, plain"),
        (("set", "wiki", "--sign", "response"), "WantAssertionsSigned"),
        (("set", "other", "--sign", "both"), "there is no application named 'other'"),
        (("show", "other"), "there is no application named 'other'"),
        (("add", "more", "--metadata", "/nowhere.xml"), "/nowhere.xml: No such file"),
        (("add", "more"), "exactly one of --metadata and --mdq"),
        (
            ("add", "more", "--metadata", "x", "--mdq", "https://mdq.example", "y"),
            "exactly one of --metadata and --mdq",
        ),
    ],
)
def test_what_cannot_be_is_one_sentence(run: Run, words: tuple[str, ...], sentence: str) -> None:
    assert sentence in run("app", *words, exit=1).output


def test_list_and_remove(run: Run) -> None:
    assert ENTITY_ID in run("app", "list").output

    run("app", "remove", "wiki")

    assert ENTITY_ID not in run("app", "list").output


def test_metadata_of_a_file_must_be_signed_where_a_certificate_is_given(run: Run, tmp_path: Path) -> None:
    certificate, key = self_signed_rsa("federation"), self_signed_rsa("wiki")
    (tmp_path / "federation.pem").write_bytes(certificate.certificate_pem)
    consumers = [Endpoint(POST, "https://wiki.example/acs")]
    plain = service_provider_metadata(ENTITY_ID, key, consumers=consumers, logouts=[])
    (tmp_path / "plain.xml").write_bytes(plain)
    words = ("app", "add", "wiki", "--metadata-certificate", str(tmp_path / "federation.pem"), "--metadata")

    assert "exactly one signature" in run(*words, str(tmp_path / "plain.xml"), exit=1).output


def test_of_an_aggregate_one_is_added_or_all_that_are_good(run: Run, tmp_path: Path) -> None:
    key = self_signed_rsa("shop")

    def entity(name: str, consumer: str) -> bytes:
        consumers = [Endpoint(POST, consumer)]
        return service_provider_metadata(f"https://{name}.example", key, consumers=consumers, logouts=[])

    parts = [entity("shop", "https://shop.example/acs"), entity("bad", "ftp://bad.example/acs")]
    inside = b"".join(one.partition(b"?>")[2] for one in parts)
    start = b'<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">'
    (tmp_path / "all.xml").write_bytes(start + inside + b"</md:EntitiesDescriptor>")
    words = ("app", "add", "fed", "--metadata", str(tmp_path / "all.xml"))

    assert "name one with --entity-id, or take --all" in run(*words, exit=1).output
    assert "do not go together" in run(*words, "--all", "--entity-id", "https://shop.example", exit=1).output
    assert "fed: https://shop.example" in run(*words, "--entity-id", "https://shop.example").output
    run("app", "remove", "fed")
    told = orjson.loads(run(*words, "--all", "--json", exit=1).output)
    assert told["added"] == [{"name": "fed:https://shop.example", "entityId": "https://shop.example"}]
    assert "not an http or https address" in told["leftOut"]["https://bad.example"]
    assert "fed:https://shop.example" in run("app", "list").output


def test_metadata_of_a_url_is_read_again_and_shown(run: Run) -> None:
    made, port = flask.Flask("published"), free_port()
    keys = self_signed_rsa("other")
    consumers = [Endpoint(POST, "https://other.example/acs")]
    content = service_provider_metadata("https://other.example/md", keys, consumers=consumers, logouts=[])
    made.add_url_rule("/entities/<path:_rest>", view_func=lambda _rest: content)
    base = f"http://127.0.0.1:{port}"

    with served(made, port):
        run("app", "add", "other", "--mdq", base, "https://other.example/md")
        assert (
            "not of https://another.example"
            in run("app", "add", "another", "--mdq", base, "https://another.example", exit=1).output
        )

    read = orjson.loads(run("app", "show", "other", "--json").output)["metadata"]
    assert read["url"] == f"{base}/entities/https%3A%2F%2Fother.example%2Fmd" and read["problem"] is None
    assert f"metadata url     {base}" in run("app", "show", "other").output
