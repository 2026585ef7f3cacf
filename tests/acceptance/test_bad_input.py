"""What an operator gets wrong: each is told by its name, in one place, and nothing is half-done."""

import http.client
from pathlib import Path

import pytest

from tests.acceptance.road import Connector
from tests.servers.pki import make_pki
from tests.servers.process import free_port
from tests.unit.targets.small_server import Reply, listed, serve

SCIM_CONFIG = {"patch": {"supported": True}, "filter": {"supported": True}}
TYPO = """\
target: scim
account:
  userName: {from: agentUserName}
  displayName: {form: displayName}
"""


@pytest.fixture
def connector(tmp_path: Path, database_url: str) -> Connector:
    """A database that is up to date; nothing runs."""
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "typo.yaml").write_text(TYPO)
    url = database_url if database_url.startswith("postgresql") else ""
    secrets = {"IDP_TOKEN": "very-secret-token", "CONNECTOR_MAPPINGS_DIR": str(tmp_path / "mappings")}
    road = Connector(tmp_path, database_url=url, secrets=secrets)
    assert road.call("db", "upgrade").returncode == 0
    return road


def refused(connector: Connector, *arguments: str) -> str:
    """What the command says where it refuses: on the error stream, exit 1, without a traceback."""
    done = connector.call(*arguments)
    assert (done.returncode, done.stdout) == (1, ""), done.stdout + done.stderr
    assert "Traceback" not in done.stderr and "very-secret-token" not in done.stderr
    return done.stderr


def add_target(connector: Connector, *, mapping: str = "scim", **options: str) -> str:
    given = [word for name, value in options.items() for word in ("--option", f"{name}={value}")]
    return refused(connector, "target", "add", "idp", "--mapping", mapping, *given)


def test_a_target_that_cannot_be_right_is_refused_by_name_and_not_kept(connector: Connector, tmp_path: Path) -> None:
    typo = add_target(connector, mapping="typo", url="http://127.0.0.1:1", token="env:IDP_TOKEN")
    assert "typo.yaml:4:" in typo and "form" in typo and "from" in typo

    assert 'urll: no such option; did you mean "url"?' in add_target(connector, urll="x", token="env:IDP_TOKEN")
    unset = add_target(connector, url="http://127.0.0.1:1", token="env:NOT_SET")
    assert "token: the environment variable NOT_SET is not set" in unset
    assert "token must be a reference" in add_target(connector, url="http://127.0.0.1:1", token="very-secret-token")

    down = add_target(connector, url=f"http://127.0.0.1:{free_port()}", token="env:IDP_TOKEN")
    assert "refused the connection" in down

    assert connector.run("target", "list") == []
    assert "target:added" not in [one["action"] for one in connector.events()]


def test_a_server_under_another_ca_than_the_one_that_was_given_is_refused_by_name(
    connector: Connector, tmp_path: Path
) -> None:
    ours, other = make_pki(tmp_path / "ours"), make_pki(tmp_path / "other")
    certificate = ours.server_certificate_file, ours.server_key_file
    routes = {"GET /ServiceProviderConfig": Reply(body=SCIM_CONFIG), "GET /Users": Reply(body=listed([]))}
    with serve(routes, certificate=certificate) as idp:
        url = idp.url
        wrong = add_target(connector, url=url, token="env:IDP_TOKEN", ca_file=str(other.ca_file))
        none = add_target(connector, url=url, token="env:IDP_TOKEN")
        absent = add_target(connector, url=url, token="env:IDP_TOKEN", ca_file="/nowhere/ca.pem")
        asked = list(idp.requests)
        options = ["--option", f"url={url}", "--option", "token=env:IDP_TOKEN", "--option", f"ca_file={ours.ca_file}"]
        right = connector.call("target", "add", "idp", "--mapping", "scim", *options)

    for told in (wrong, none):
        assert "its certificate is not trusted" in told and "127.0.0.1" in told
    assert "ca_file" in absent and "/nowhere/ca.pem" in absent
    assert asked == []  # the token was shown to nobody
    assert right.returncode == 0, right.stderr


def test_a_misspelt_setting_stops_the_service_before_it_makes_anything(tmp_path: Path) -> None:
    road = Connector(tmp_path, secrets={"CONNECTOR_PROT": "8080", "CONNECTOR_WORKERS": "many"})

    for command in (["serve"], ["worker"], ["target", "list"]):
        told = refused(road, *command)
        assert "CONNECTOR_PROT: there is no such setting; did you mean port?" in told
        assert "CONNECTOR_WORKERS" in told and "'many'" in told
    assert not (tmp_path / "var").exists()


def test_a_large_body_that_is_refused_unread_leaves_the_connection_usable(tmp_path: Path) -> None:
    """As an IdP's connection that is kept alive goes on after a 401."""
    road = Connector(tmp_path, with_worker=False)
    road.start()
    try:
        kept = http.client.HTTPConnection("127.0.0.1", road.port, timeout=10)
        headers = {"Authorization": "Bearer nobody", "Content-Type": "application/scim+json"}
        for _ in range(4):
            kept.request("POST", "/scim/v2/Users", "x" * 300_000, headers)
            answer = kept.getresponse()
            assert (answer.status, bool(answer.read())) == (401, True)
        kept.close()
    finally:
        road.stop()
