"""What our metadata says, by the schemas of everything in it; what is signed by P-256; and identifiers that tell nothing."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import xmlsec
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from connector.core.keys import KeyRing
from connector.storage.db import Database
from tests.saml_world import World, make_world
from tests.servers.pki import self_signed_rsa
from tests.unit.edges.saml.conftest import BASE, Agent, App
from tests.unit.edges.saml.test_artifact import inside, resolve, resolve_request
from tests.unit.edges.saml.test_direct import assertion_of
from tests.unit.edges.saml.test_sign_on import NAMES, assert_signed, field, response_of, status_of, valid

EXTENSIONS = {
    "mdui": "sstc-saml-metadata-ui-v1.0.xsd",
    "mdattr": "sstc-metadata-attr.xsd",
    "alg": "sstc-saml-metadata-algsupport-v1.0.xsd",
}
NSMAP = {
    **NAMES,
    "md": "urn:oasis:names:tc:SAML:2.0:metadata",
    "mdui": "urn:oasis:names:tc:SAML:metadata:ui",
    "mdattr": "urn:oasis:names:tc:SAML:metadata:attribute",
    "alg": "urn:oasis:names:tc:SAML:metadata:algsupport",
    "shibmd": "urn:mace:shibboleth:metadata:1.0",
}


@pytest.fixture
def world(tmp_path: Path, database: Database, app: App) -> World:
    """With keys of its own: some of these tests make one more."""
    made = make_world(tmp_path, base_url=BASE, database=database, keys=KeyRing(tmp_path / "keys", clock=database.clock))
    made.register("App", app.metadata)
    return made


def metadata(world: World) -> Any:
    return etree.fromstring(world.app.test_client().get("/saml/metadata").data)


def test_metadata_is_valid_by_the_schemas_of_its_extensions_too(world: World) -> None:
    root = metadata(world)

    valid(root, "saml-schema-metadata-2.0.xsd")
    for prefix, schema in EXTENSIONS.items():
        found = root.xpath("//*[namespace-uri()=$name][not(namespace-uri(..)=$name)]", name=NSMAP[prefix])
        assert found, prefix
        for one in found:
            valid(one, schema)
    assert root.findtext(".//shibmd:Scope", namespaces=NSMAP) == "connector.example"


def test_metadata_says_what_we_are_and_what_we_sign_with(world: World) -> None:
    root = metadata(world)

    assert [one.text for one in root.iterfind(".//mdattr:EntityAttributes//saml:AttributeValue", NSMAP)] == [
        "urn:agentidp:entity-category:agents"
    ]
    assert root.findtext(".//mdui:DisplayName", namespaces=NSMAP) == "Agent IdP Connector"
    methods = [one.get("Algorithm").rpartition("#")[2] for one in root.iterfind(".//alg:SigningMethod", NSMAP)]
    assert methods == ["rsa-sha256"]
    ends = datetime.fromisoformat(root.get("validUntil")) - world.domain.database.clock()
    assert (ends.days, root.get("cacheDuration")) == (14, "PT6H")
    [place] = root.iterfind(".//md:ArtifactResolutionService", NSMAP)
    assert (place.get("Location"), place.get("index")) == (f"{BASE}/saml/artifact", "0")


def signed_by_p256(world: World, element: Any) -> None:
    copy, context = etree.fromstring(etree.tostring(element)), xmlsec.SignatureContext()
    certificate = world.domain.keys.active("samlec").certificate
    assert certificate is not None
    context.key = xmlsec.Key.from_memory(certificate.public_bytes(Encoding.PEM), xmlsec.KeyFormat.CERT_PEM)
    xmlsec.tree.add_ids(copy, ["ID"])
    context.verify(copy.find("ds:Signature", NAMES))


def test_application_may_choose_p256_and_others_keep_rsa(world: World, app: App, agent: Agent) -> None:
    other = App(self_signed_rsa("other"), entity_id="https://other.example/metadata")
    world.register("Other", other.metadata)
    world.choose("App", signature="ecdsa-sha256")

    response = response_of(agent.ecp(app.signed(app.request())))
    alone = assertion_of(agent.ask(audience=app.entity_id))

    for element in (response, response.find("saml:Assertion", NAMES), alone):
        signed_by_p256(world, element)
    assert_signed(world, response_of(agent.ecp(other.signed(other.request(ID="_2")))))
    root = metadata(world)
    valid(root, "saml-schema-metadata-2.0.xsd")
    assert_signed(world, root)
    assert len(root.findall(".//md:KeyDescriptor", NSMAP)) == 2 == len(root.findall(".//alg:SigningMethod", NSMAP))


def test_refusals_and_artifact_answers_are_signed_by_p256_too(world: World, app: App) -> None:
    world.choose("App", signature="ecdsa-sha256", binding="artifact")
    late = Agent(world, world.agent("late", active=False))
    page = late.post(app.signed(app.request(Destination=f"{BASE}/saml/sso")))

    answer = resolve(world, app.signed(resolve_request(app, field(page.text, "SAMLart"))))

    assert status_of(inside(answer)) == ["Responder", "RequestDenied"]
    signed_by_p256(world, etree.fromstring(answer.data).find("S:Body/samlp:ArtifactResponse", NAMES))


def test_pairwise_id_is_stable_opaque_and_another_one_elsewhere(world: World, app: App, agent: Agent) -> None:
    other = App(self_signed_rsa("other"), entity_id="https://other.example/metadata")
    world.register("Other", other.metadata)
    for name in ("App", "Other"):
        world.choose(name, name_from="pairwiseId")

    def name_id(application: App, who: Agent) -> str:
        found = assertion_of(who.ask(audience=application.entity_id)).find("saml:Subject/saml:NameID", NAMES)
        assert found.get("Format").endswith(":persistent")
        return str(found.text)

    here, again, there = name_id(app, agent), name_id(app, agent), name_id(other, agent)
    somebody_else = name_id(app, Agent(world, world.agent("somebody-else")))

    # subject identifier attributes 1.0, section 3.4.1: what may stand before and behind the sign
    assert re.fullmatch(r"[a-z0-9][a-z0-9=-]{0,126}@connector\.example", here)
    assert here == again and len({here, there, somebody_else}) == 3
    assert agent.id not in here and "agt-" not in here
