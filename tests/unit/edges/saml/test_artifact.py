"""The HTTP-Artifact binding: what travels through the agent is a number that only its application can use, once, soon."""

import base64
import hashlib
from typing import Any

import pytest
from lxml import etree

from tests.conftest import Clock
from tests.saml_world import IDP, World
from tests.servers.pki import KeyPair, self_signed_rsa
from tests.unit.edges.saml.conftest import ART_ACS, Agent, App, soap
from tests.unit.edges.saml.test_sign_on import NAMES, assert_signed, field, status_of, valid

ARTIFACT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact"


def resolve_request(app: App, artifact: str, *, issued: str = "2027-03-01T12:00:00Z", destination: str = "") -> str:
    to = f' Destination="{destination}"' if destination else ""
    return (
        '<samlp:ArtifactResolve xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" '
        f'xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_resolve" Version="2.0" IssueInstant="{issued}"{to}>'
        f"<saml:Issuer>{app.entity_id}</saml:Issuer><samlp:Artifact>{artifact}</samlp:Artifact></samlp:ArtifactResolve>"
    )


def resolve(world: World, message: str, certificate: KeyPair | None = None) -> Any:
    environ = {"SSL_CLIENT_CERT": certificate.certificate_pem.decode()} if certificate else {}
    client = world.app.test_client()
    return client.post("/saml/artifact", data=soap(message), content_type="text/xml", environ_base=environ)


def inside(answer: Any) -> Any:
    """The Response in an ArtifactResponse; None where it is empty."""
    assert answer.status_code == 200, answer.text
    response = etree.fromstring(answer.data).find("S:Body/samlp:ArtifactResponse", NAMES)
    assert status_of(response)[0] == "Success" and response.get("InResponseTo") == "_resolve"
    return response.find("samlp:Response", NAMES)


@pytest.fixture
def artifact(app: App, agent: Agent) -> str:
    page = agent.post(
        app.signed(app.request(ProtocolBinding=ARTIFACT, Destination="https://connector.example/saml/sso"))
    )
    assert page.status_code == 200 and "SAMLResponse" not in page.text and f'action="{ART_ACS}"' in page.text
    return field(page.text, "SAMLart")


def test_artifact_has_the_form_of_the_binding(artifact: str) -> None:
    octets = base64.b64decode(artifact)

    assert len(octets) == 44 and octets[:4] == b"\0\x04\0\0"
    assert octets[4:24] == hashlib.sha1(IDP.encode()).digest()


def test_application_fetches_the_response_that_waits(world: World, app: App, agent: Agent, artifact: str) -> None:
    answer = resolve(world, app.signed(resolve_request(app, artifact)))

    outer = etree.fromstring(answer.data).find("S:Body/samlp:ArtifactResponse", NAMES)
    valid(outer, "saml-schema-protocol-2.0.xsd")
    response = inside(answer)
    assert_signed(world, response)
    assert response.get("Destination") == ART_ACS and response.get("InResponseTo") == "_request-1"
    assert response.findtext(".//saml:NameID", namespaces=NAMES) == agent.id
    assert_signed(world, outer)


def test_it_can_be_fetched_once(world: World, app: App, artifact: str) -> None:
    request = app.signed(resolve_request(app, artifact))
    assert inside(resolve(world, request)) is not None

    assert inside(resolve(world, request)) is None

    [event] = world.events("artifact:refused")
    assert event["detail"]["reason"] == "fetched before, or too old"


def test_it_can_be_fetched_soon_only(world: World, app: App, artifact: str, clock: Clock) -> None:
    clock.move(minutes=2, seconds=1)

    assert inside(resolve(world, app.signed(resolve_request(app, artifact, issued="2027-03-01T12:02:00Z")))) is None


def test_another_application_gets_nothing_and_the_right_one_still_does(world: World, app: App, artifact: str) -> None:
    thief = App(self_signed_rsa("thief"), entity_id="https://thief.example/metadata")
    world.register("Thief", thief.metadata)

    assert inside(resolve(world, thief.signed(resolve_request(thief, artifact)))) is None
    [event] = world.events("artifact:refused")
    assert (event["subject"]["id"], event["detail"]["reason"]) == (
        thief.entity_id,
        "it was issued for another application",
    )
    assert inside(resolve(world, app.signed(resolve_request(app, artifact)))) is not None


def test_request_must_be_the_applications_own(world: World, app: App, artifact: str, clock: Clock) -> None:
    forger = App(self_signed_rsa("forger"), entity_id=app.entity_id)
    good = app.signed(resolve_request(app, artifact))
    for request in (
        resolve_request(app, artifact),
        forger.signed(resolve_request(app, artifact)),
        good.replace("_resolve", "_resolved"),
        app.signed(resolve_request(app, artifact, issued="2027-03-01T11:50:00Z")),
        app.signed(resolve_request(app, artifact, destination="https://connector.example/saml/slo")),
        app.signed(app.request()),
    ):
        answer = resolve(world, request)
        assert answer.status_code == 500 and b"faultcode" in answer.data, request
    assert inside(resolve(world, good)) is not None


def test_certificate_of_the_connection_stands_for_the_signature(world: World, app: App, artifact: str) -> None:
    request = resolve_request(app, artifact)

    assert resolve(world, request, self_signed_rsa("stranger")).status_code == 500
    assert inside(resolve(world, request, app.keys)) is not None


@pytest.mark.parametrize(
    "forged",
    [
        lambda octets: octets[:24] + b"\0" * 20,
        lambda octets: octets[:4] + b"\0" * 20 + octets[24:],
    ],
    ids=["handle", "source"],
)
def test_forged_artifact_gives_nothing(world: World, app: App, artifact: str, forged: Any) -> None:
    false = base64.b64encode(forged(base64.b64decode(artifact))).decode()

    assert inside(resolve(world, app.signed(resolve_request(app, false)))) is None
    assert world.events("artifact:refused")[0]["detail"]["reason"] == "not known, or too old"


@pytest.mark.parametrize("nonsense", ["", "AAQ=", "not base64", base64.b64encode(b"\0\1" + b"\0" * 42).decode()])
def test_what_is_no_artifact_is_refused(world: World, app: App, nonsense: str) -> None:
    assert resolve(world, app.signed(resolve_request(app, nonsense))).status_code == 500


def test_operator_may_choose_it_for_requests_that_say_nothing(world: World, app: App, agent: Agent) -> None:
    world.choose("App", binding="artifact")

    page = agent.start(providerId=app.entity_id)
    told = agent.ask(audience=app.entity_id, form="response").get_json()

    for artifact in (field(page.text, "SAMLart"), told["fields"]["SAMLart"]):
        response = inside(resolve(world, app.signed(resolve_request(app, artifact))))
        assert response.get("Destination") == ART_ACS == told["recipient"]


def test_refusal_travels_by_artifact_too(world: World, app: App) -> None:
    late = Agent(world, world.agent("late", active=False))
    page = late.post(
        app.signed(app.request(ProtocolBinding=ARTIFACT, Destination="https://connector.example/saml/sso"))
    )

    response = inside(resolve(world, app.signed(resolve_request(app, field(page.text, "SAMLart")))))

    assert status_of(response) == ["Responder", "RequestDenied"]
