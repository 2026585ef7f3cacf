"""Libraries of other makers judge what we issue: node-saml and pysaml2, beside python3-saml, which the unit tests use."""

import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from connector.core.clock import to_text
from connector.domain import delegations, people, scopes
from connector.domain.unit import SYSTEM
from tests.saml_world import IDP, World, make_world
from tests.servers import foreign
from tests.servers.availability import require, unavailable
from tests.servers.pki import KeyPair, self_signed_rsa
from tests.servers.process import ServerError
from tests.servers.sp_metadata import POST, Endpoint, service_provider_metadata
from tests.servers.system_packages import program

ENTITY_ID, ACS = "https://app.example/metadata", "https://app.example/acs"
_SERVERS = Path(foreign.__file__).parent
_NODE_SAML = {"@node-saml/node-saml": "5.1.0"}
_PYSAML2 = ("pysaml2==7.5.5", "setuptools<81")
Judge = Callable[[str], dict[str, Any]]


@pytest.fixture
def keys() -> KeyPair:
    return self_signed_rsa("app")


@pytest.fixture
def world(tmp_path: Path, keys: KeyPair) -> World:
    """At the time of day: the other makers' programs have no other clock."""
    made = make_world(tmp_path, base_url="https://connector.example")
    consumers = [Endpoint(POST, ACS)]
    made.register("app", service_provider_metadata(ENTITY_ID, keys, consumers=consumers, logouts=[]))
    return made


def response_for(world: World, agent: str, **body: Any) -> str:
    answer = world.app.test_client().post(
        "/saml/assertions",
        json={"audience": ENTITY_ID, "form": "response", **body},
        headers={"Authorization": f"Bearer {agent}"},
    )
    assert answer.status_code == 200, answer.text
    return str(answer.get_json()["fields"]["SAMLResponse"])


def metadata(world: World) -> bytes:
    return world.app.test_client().get("/saml/metadata").data


def ask(command: list[str | Path], asked: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture
def node_saml(world: World, keys: KeyPair) -> Judge:
    require("node-saml")
    try:
        place = foreign.node_folder("node-saml", _NODE_SAML, _SERVERS / "node_saml.mjs")
    except ServerError as problem:
        unavailable("node-saml", str(problem))
    certificate = etree.fromstring(metadata(world)).findtext(".//{*}X509Certificate")
    options = {
        "idpCert": certificate,
        "issuer": ENTITY_ID,
        "audience": ENTITY_ID,
        "callbackUrl": ACS,
        "idpIssuer": IDP,
        "wantAuthnResponseSigned": True,
        "wantAssertionsSigned": True,
        "validateInResponseTo": "never",
        "decryptionPvk": keys.key_pem.decode(),
    }
    return lambda response: ask([program("node"), place / "node_saml.mjs"], {"options": options, "response": response})


@pytest.fixture
def pysaml2(world: World, keys: KeyPair, tmp_path: Path) -> Judge:
    require("pysaml2")
    try:
        interpreter = foreign.venv("pysaml2", _PYSAML2)
    except ServerError as problem:
        unavailable("pysaml2", str(problem))
    certificate_file, key_file = keys.write(tmp_path, "app")
    asked = {
        "entity_id": ENTITY_ID,
        "acs": ACS,
        "xmlsec1": str(program("xmlsec1")),
        "metadata": metadata(world).decode(),
        "key_file": str(key_file),
        "cert_file": str(certificate_file),
    }
    return lambda response: ask([interpreter, "-I", _SERVERS / "pysaml2_sp.py"], {**asked, "response": response})


@pytest.mark.parametrize("encrypt", ["off", "required"])
def test_node_saml_takes_what_we_issue(world: World, node_saml: Judge, encrypt: str) -> None:
    agent = world.agent("matcher")
    world.choose("app", encrypt=encrypt)

    profile = node_saml(response_for(world, agent))["profile"]

    assert (profile["nameID"], profile["issuer"]) == (agent, IDP)
    assert profile["attributes"]["urn:agentidp:attributes:agentId"] == agent
    assert profile["sessionIndex"] == world.sessions(agent)[0].session_index


@pytest.mark.parametrize("encrypt", ["off", "required"])
def test_pysaml2_takes_what_we_issue(world: World, pysaml2: Judge, encrypt: str) -> None:
    agent = world.agent("matcher")
    world.choose("app", encrypt=encrypt)

    found = pysaml2(response_for(world, agent))

    assert found.get("name_id") == agent, found
    assert agent in str(found["attributes"])


def changed(response: str, agent: str) -> str:
    return base64.b64encode(base64.b64decode(response).replace(agent.encode(), b"agt-somebody-else")).decode()


def test_both_refuse_what_was_changed(world: World, node_saml: Judge, pysaml2: Judge) -> None:
    agent = world.agent("matcher")

    for judge in (node_saml, pysaml2):
        assert "error" in judge(changed(response_for(world, agent), agent))


def test_what_each_makes_of_delegation_is_what_our_docs_say(world: World, node_saml: Judge, pysaml2: Judge) -> None:
    """The condition: node-saml ignores it, pysaml2 refuses. The attribute: both take it."""
    agent = world.agent("acts")
    with world.domain.change(SYSTEM) as unit:
        person = people.add(unit, {"userName": "ada"}, None).id
        scopes.add_resource(unit, ENTITY_ID, "App")
        scopes.add(unit, "app.use", ENTITY_ID)
        ends = to_text(unit.tx.moment.replace(year=unit.tx.moment.year + 1, day=1))
        delegations.add(unit, person, agent, frozenset({"app.use"}), not_after=ends)

    world.choose("app", delegation="condition")
    condition = response_for(world, agent, onBehalfOf=person)
    world.choose("app", delegation="attribute")
    attribute = response_for(world, agent, onBehalfOf=person)

    assert node_saml(condition)["profile"]["nameID"] == person
    assert "error" in pysaml2(condition)
    assert node_saml(attribute)["profile"]["attributes"]["urn:agentidp:attributes:delegate"] == agent
    assert pysaml2(attribute)["name_id"] == person
