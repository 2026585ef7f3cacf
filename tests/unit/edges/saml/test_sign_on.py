"""What an agent gets: a signed Response that others can read, or a refusal with its reasons in the audit log."""

import base64
import html
import re
from pathlib import Path
from typing import Any

import onelogin.saml2  # type: ignore[import-untyped]
import pytest
import xmlsec
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from onelogin.saml2.response import OneLogin_Saml2_Response  # type: ignore[import-untyped]
from onelogin.saml2.settings import OneLogin_Saml2_Settings  # type: ignore[import-untyped]

from tests.conftest import Clock
from tests.saml_world import IDP, World
from tests.unit.edges.saml.conftest import ACS, BASE, PAOS_ACS, Agent, App

SCHEMAS = Path(onelogin.saml2.__file__).parent / "schemas"
DELEGATION_SCHEMA = Path("/usr/share/xml/opensaml/sstc-saml-delegation.xsd")  # of Debian's opensaml-schemas
NAMES = {
    "S": "http://schemas.xmlsoap.org/soap/envelope/",
    "ecp": "urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp",
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}


def valid(element: Any, schema: str) -> None:
    etree.XMLSchema(etree.parse(SCHEMAS / schema)).assertValid(etree.fromstring(etree.tostring(element)))


def response_of(answer: Any) -> Any:
    """The Response in an ECP answer or in the form of a page."""
    assert answer.status_code == 200, answer.text
    if answer.content_type.startswith("text/xml"):
        return etree.fromstring(answer.data).find("S:Body/samlp:Response", NAMES)
    return etree.fromstring(base64.b64decode(field(answer.text, "SAMLResponse")))


def field(page: str, name: str) -> str:
    found = re.search(f'name="{name}" value="([^"]*)"', page)
    assert found is not None, page
    return html.unescape(found[1])


def status_of(response: Any) -> list[str]:
    return [one.get("Value").rpartition(":")[2] for one in response.iter("{*}StatusCode")]


def assert_signed(world: World, element: Any) -> None:
    """By xmlsec, with our certificate."""
    copy = etree.fromstring(etree.tostring(element))
    context = xmlsec.SignatureContext()
    certificate = world.domain.keys.active("saml").certificate
    assert certificate is not None
    context.key = xmlsec.Key.from_memory(certificate.public_bytes(Encoding.PEM), xmlsec.KeyFormat.CERT_PEM)
    xmlsec.tree.add_ids(copy, ["ID"])
    context.verify(copy.find("ds:Signature", NAMES))


def test_ecp_answers_with_a_response_for_the_address_in_the_metadata(world: World, app: App, agent: Agent) -> None:
    answer = agent.ecp(app.signed(app.request()))

    envelope = etree.fromstring(answer.data)
    response = response_of(answer)
    header = envelope.find("S:Header/ecp:Response", NAMES)
    assert header.get("AssertionConsumerServiceURL") == PAOS_ACS == response.get("Destination")
    assert envelope.find("S:Header/ecp:RequestAuthenticated", NAMES) is not None
    assert status_of(response) == ["Success"]
    assert answer.headers["Cache-Control"] == "no-cache, no-store"


def test_everything_emitted_is_valid_by_the_schemas(world: World, app: App, agent: Agent) -> None:
    granted = response_of(agent.ecp(app.signed(app.request())))
    refused = response_of(Agent(world, world.agent("late", active=False)).ecp(app.signed(app.request(ID="_2"))))
    metadata = etree.fromstring(world.app.test_client().get("/saml/metadata").data)

    valid(granted, "saml-schema-protocol-2.0.xsd")
    valid(granted.find("saml:Assertion", NAMES), "saml-schema-assertion-2.0.xsd")
    valid(refused, "saml-schema-protocol-2.0.xsd")
    valid(metadata, "saml-schema-metadata-2.0.xsd")


def test_xmlsec_verifies_response_assertion_and_metadata(world: World, app: App, agent: Agent) -> None:
    response = response_of(agent.ecp(app.signed(app.request())))
    metadata = etree.fromstring(world.app.test_client().get("/saml/metadata").data)

    assert_signed(world, response)
    assert_signed(world, response.find("saml:Assertion", NAMES))
    assert_signed(world, metadata)


def test_assertion_is_bound_to_audience_recipient_request_and_five_minutes(app: App, agent: Agent) -> None:
    assertion = response_of(agent.ecp(app.signed(app.request()))).find("saml:Assertion", NAMES)

    data = assertion.find(".//saml:SubjectConfirmationData", NAMES)
    conditions = assertion.find("saml:Conditions", NAMES)
    assert dict(data.attrib) == {
        "InResponseTo": "_request-1",
        "NotOnOrAfter": "2027-03-01T12:05:00Z",
        "Recipient": PAOS_ACS,
    }
    assert conditions.get("NotOnOrAfter") == "2027-03-01T12:05:00Z"
    assert [one.text for one in conditions.iter("{*}Audience")] == [app.entity_id]
    assert assertion.find("saml:Subject/saml:NameID", NAMES).text == agent.id
    assert re.fullmatch("_[0-9a-f]{40}", assertion.get("ID"))


def test_assertion_tells_owner_sponsor_groups_and_type(app: App, agent: Agent) -> None:
    response = response_of(agent.ecp(app.signed(app.request())))

    told = {one.get("FriendlyName"): [v.text for v in one] for one in response.iter("{*}Attribute")}
    assert told == {
        "uid": ["matcher"],
        "displayName": ["Invoice matcher"],
        "owner": ["owner-of-matcher"],
        "isMemberOf": ["finance & <bots> of matcher", "readers of matcher"],
        "agentId": [agent.id],
        "agentType": ["Assistant"],
        "sponsor": ["sponsor-of-matcher"],
        "subject-id": [f"{agent.id}@connector.example"],
    }


@pytest.mark.parametrize("way", ["redirect", "post"])
def test_python3_saml_accepts_the_response_in_the_form(
    world: World, app: App, clock: Clock, way: str, time_machine: Any
) -> None:
    time_machine.move_to(clock.now)  # python3-saml has no clock to be given
    agent = Agent(world, world.agent("matcher", display_name='"><script>alert(1)</script>'))
    request = app.request(Destination=f"{BASE}/saml/sso", AssertionConsumerServiceURL=ACS)

    relay = "/back?a=1&b='\"<"
    page = agent.redirect(app.query(request, relay)) if way == "redirect" else agent.post(app.signed(request), relay)

    assert page.status_code == 200, page.text
    assert f'action="{ACS}"' in page.text and field(page.text, "RelayState") == relay
    assert page.headers["Cache-Control"] == "no-cache, no-store"
    found = OneLogin_Saml2_Response(settings_of(world, app), field(page.text, "SAMLResponse"))
    here = {"https": "on", "http_host": "app.example", "script_name": "/acs", "get_data": {}, "post_data": {}}
    assert found.is_valid(here, "_request-1", raise_exceptions=True)
    assert found.get_nameid() == agent.id
    assert found.get_friendlyname_attributes()["displayName"] == ['"><script>alert(1)</script>']


def settings_of(world: World, app: App, **security: bool) -> Any:
    """Of python3-saml, as our application would have them."""
    metadata = etree.fromstring(world.app.test_client().get("/saml/metadata").data)
    certificate = metadata.findtext(".//ds:X509Certificate", namespaces=NAMES)
    return OneLogin_Saml2_Settings(
        {
            "strict": True,
            "sp": {
                "entityId": app.entity_id,
                "assertionConsumerService": {"url": ACS},
                "x509cert": app.keys.certificate_pem.decode(),
                "privateKey": app.keys.key_pem.decode(),
            },
            "idp": {"entityId": IDP, "singleSignOnService": {"url": f"{BASE}/saml/sso"}, "x509cert": certificate},
            "security": {
                "wantAssertionsSigned": True,
                "wantMessagesSigned": True,
                "rejectDeprecatedAlgorithm": True,
                "requestedAuthnContext": False,
                **security,
            },
        }
    )


def test_granted_sign_on_leaves_an_event_and_a_session(world: World, app: App, agent: Agent) -> None:
    response = response_of(agent.ecp(app.signed(app.request())))

    [event] = world.events("sign-on:granted")
    [session] = world.sessions(agent.id)
    statement = response.find(".//saml:AuthnStatement", NAMES)
    assert event["detail"]["identifier"] == response.find("saml:Assertion", NAMES).get("ID")
    assert event["detail"]["application"] == app.entity_id and event["detail"]["way"] == "ecp"
    assert session.session_index == statement.get("SessionIndex")
    assert etree.fromstring(session.name_id).text == agent.id


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"active": False}, "the agent is suspended"),
        ({"validUntil": "2027-02-01T00:00:00.000Z"}, "the agent expired on 2027-02-01T00:00:00.000Z"),
        ({"owned": False}, "nobody owns the agent"),
        ({"owner_active": False}, "no owner of the agent is active"),
    ],
)
def test_agent_that_may_not_sign_on_is_refused_by_status(
    world: World, app: App, state: dict[str, Any], reason: str
) -> None:
    agent = Agent(world, world.agent("unfit", **state))

    response = response_of(agent.ecp(app.signed(app.request())))

    assert status_of(response) == ["Responder", "RequestDenied"]
    assert response.find("saml:Assertion", NAMES) is None
    assert_signed(world, response)
    [event] = world.events("sign-on:refused")
    assert event["detail"]["reasons"] == [reason]
    assert world.sessions(agent.id) == []
    assert reason not in etree.tostring(response).decode()


def test_request_is_good_once(world: World, app: App, agent: Agent) -> None:
    request = app.signed(app.request())
    assert agent.ecp(request).status_code == 200

    answer = agent.ecp(request)

    assert answer.status_code == 500 and "used before" in answer.text and "Assertion " not in answer.text
    assert len(world.sessions(agent.id)) == 1


def test_session_does_not_outlive_the_agent(world: World, app: App) -> None:
    agent = Agent(world, world.agent("short", validUntil="2027-03-01T12:20:00.000Z"))

    response = response_of(agent.ecp(app.signed(app.request())))

    assert response.find(".//saml:AuthnStatement", NAMES).get("SessionNotOnOrAfter") == "2027-03-01T12:20:00Z"


def test_transient_name_ids_differ_each_time(app: App, agent: Agent) -> None:
    policy = '<samlp:NameIDPolicy Format="urn:oasis:names:tc:SAML:2.0:nameid-format:transient"/>'

    names = [
        response_of(agent.ecp(app.signed(app.request(ID=f"_{n}", inside=policy)))).findtext(
            ".//saml:NameID", None, NAMES
        )
        for n in range(2)
    ]

    assert agent.id not in names and names[0] != names[1]


@pytest.mark.parametrize(
    ("inside", "second_level"),
    [
        (
            '<samlp:NameIDPolicy Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"/>',
            "InvalidNameIDPolicy",
        ),
        ('<samlp:NameIDPolicy SPNameQualifier="https://other.example/"/>', "InvalidNameIDPolicy"),
        ("<saml:Subject><saml:NameID>somebody</saml:NameID></saml:Subject>", "RequestUnsupported"),
        (
            (
                "<samlp:RequestedAuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:X509"
                "</saml:AuthnContextClassRef></samlp:RequestedAuthnContext>"
            ),
            "NoAuthnContext",
        ),
    ],
)
def test_wish_that_cannot_be_met_is_declined_by_status(
    world: World, app: App, agent: Agent, inside: str, second_level: str
) -> None:
    response = response_of(agent.ecp(app.signed(app.request(inside=inside))))

    assert status_of(response)[1] == second_level
    assert len(world.events("sign-on:refused")) == 1


def test_caller_without_credentials_is_challenged_for_both_schemes(world: World) -> None:
    answer = world.app.test_client().post("/saml/ecp", data=b"<x/>")

    assert answer.status_code == 401
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith("Bearer ") and 'realm="agents", Basic realm="agents"' in challenge


def test_client_that_is_not_an_agent_is_refused(world: World, app: App) -> None:
    answer = Agent(world, "cli-1").ecp(app.signed(app.request()))

    assert answer.status_code == 403 and b"Fault" in answer.data


def test_metadata_is_signed_once_an_hour_at_most_and_answers_conditionally(world: World, clock: Clock) -> None:
    client = world.app.test_client()

    first = client.get("/saml/metadata")
    again = client.get("/saml/metadata", headers={"If-None-Match": first.headers["ETag"]})
    clock.move(hours=2)
    later = client.get("/saml/metadata")

    assert again.status_code == 304
    assert later.data != first.data
