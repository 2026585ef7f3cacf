"""An agent asks for an assertion by JSON, and brings it to the application by itself."""

import base64
from typing import Any

import pytest
from lxml import etree
from onelogin.saml2.response import OneLogin_Saml2_Response  # type: ignore[import-untyped]

from tests.conftest import Clock
from tests.saml_world import World
from tests.servers.pki import self_signed
from tests.unit.edges.saml.conftest import ACS, PAOS_ACS, Agent, App
from tests.unit.edges.saml.test_sign_on import NAMES, assert_signed, settings_of, valid


def assertion_of(answer: Any) -> Any:
    assert answer.status_code == 200, answer.text
    text = answer.get_json()["assertion"]
    assert "=" not in text  # RFC 7522 section 2.1: no padding
    return etree.fromstring(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def test_assertion_is_valid_signed_and_for_that_application_alone(world: World, app: App, agent: Agent) -> None:
    answer = agent.ask(audience=app.entity_id)

    assertion = assertion_of(answer)
    valid(assertion, "saml-schema-assertion-2.0.xsd")
    assert_signed(world, assertion)
    told, [session] = answer.get_json(), world.sessions(agent.id)
    assert (told["audience"], told["recipient"]) == (app.entity_id, ACS)
    assert assertion.findtext(".//saml:Audience", namespaces=NAMES) == app.entity_id
    data = assertion.find(".//saml:SubjectConfirmationData", NAMES)
    assert data.get("Recipient") == ACS and data.get("InResponseTo") is None
    assert told["sessionIndex"] == session.session_index
    [event] = world.events("sign-on:granted")
    assert event["detail"]["way"] == "direct" and event["detail"]["identifier"] == assertion.get("ID")


def test_response_is_ready_for_the_application(
    world: World, app: App, agent: Agent, clock: Clock, time_machine: Any
) -> None:
    time_machine.move_to(clock.now)
    world.choose("App", relay=("https://app.example/wiki",))

    told = agent.ask(audience=app.entity_id, form="response", relayState="https://app.example/wiki/a").get_json()

    assert told["fields"]["RelayState"] == "https://app.example/wiki/a"
    found = OneLogin_Saml2_Response(settings_of(world, app), told["fields"]["SAMLResponse"])
    here = {"https": "on", "http_host": "app.example", "script_name": "/acs", "get_data": {}, "post_data": {}}
    assert found.is_valid(here, raise_exceptions=True)


def test_assertion_alone_is_signed_even_where_the_response_would_be(world: World, app: App, agent: Agent) -> None:
    world.register("App", app.metadata.replace(b'WantAssertionsSigned="true"', b""))
    world.choose("App", sign="response")

    assert_signed(world, assertion_of(agent.ask(audience=app.entity_id)))


def test_encrypted_where_only_the_application_may_read_it(world: World, app: App, agent: Agent) -> None:
    world.choose("App", encrypt="required")

    found = assertion_of(agent.ask(audience=app.entity_id))

    assert etree.QName(found).localname == "EncryptedAssertion" and agent.id not in etree.tostring(found).decode()


@pytest.mark.parametrize(
    ("body", "naming"),
    [
        ({}, "audience is missing"),
        ({"audience": 7}, "audience must be a text"),
        ({"audience": "https://nobody.example"}, "not an application that is registered"),
        ({"audience": "https://app.example/metadata", "recipient": "https://evil.example/acs"}, "no such Assertion"),
        ({"audience": "https://app.example/metadata", "recipient": PAOS_ACS}, "no such AssertionConsumerService"),
        ({"audience": "https://app.example/metadata", "form": "cookie"}, "form must be one of assertion, response"),
        ({"audience": "https://app.example/metadata", "holderOfKey": "yes"}, "holderOfKey must be true or false"),
        ({"audience": "https://app.example/metadata", "relayState": "https://evil.example"}, "relayState is not at"),
        ({"audience": "https://app.example/metadata", "onBehalfof": "usr-1"}, "'onBehalfof' is not known"),
    ],
)
def test_what_cannot_be_asked_for_is_named(world: World, agent: Agent, body: dict[str, Any], naming: str) -> None:
    answer = agent.ask(**body)

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")
    assert naming in answer.get_json()["error_description"]
    assert world.sessions(agent.id) == []


def test_body_that_is_no_object_is_refused(world: World, agent: Agent) -> None:
    headers = {"Authorization": f"Bearer {agent.id}"}
    for content in (b"", b"[]", b"{", b"7"):
        answer = world.app.test_client().post("/saml/assertions", data=content, headers=headers)
        assert (answer.status_code, answer.get_json()["error_description"]) == (400, "the body must be a JSON object")


def test_agent_that_may_not_gets_nothing_and_an_event(world: World, app: App) -> None:
    world.agent("other")
    world.choose("App", groups=("readers of other",))

    answer = Agent(world, world.agent("unfit")).ask(audience=app.entity_id)

    assert (answer.status_code, answer.get_json()["error"]) == (403, "access_denied")
    [event] = world.events("sign-on:refused")
    assert event["detail"]["reasons"] == ["the agent is in none of the groups that may use the application"]


def test_caller_must_be_an_agent(world: World, app: App) -> None:
    assert Agent(world, "cli-1").ask(audience=app.entity_id).status_code == 403
    refused = world.app.test_client().post("/saml/assertions", json={"audience": app.entity_id})
    assert refused.status_code == 401 and refused.headers["WWW-Authenticate"].startswith("Bearer")


def test_metadata_that_has_expired_is_not_answered(world: World, app: App, agent: Agent, clock: Clock) -> None:
    world.register("App", app.metadata.replace(b"entityID=", b'validUntil="2027-03-01T12:30:00Z" entityID='))
    clock.move(hours=1)

    assert agent.ask(audience=app.entity_id).status_code == 400


# -- holder of key ----------------------------------------------------------------------------------------------------


def test_holder_of_key_names_the_certificate_that_was_shown(world: World, app: App, agent: Agent) -> None:
    mine = self_signed("mine")

    assertion = assertion_of(agent.ask(mine, audience=app.entity_id, holderOfKey=True))

    valid(assertion, "saml-schema-assertion-2.0.xsd")
    assert_signed(world, assertion)
    [confirmation] = assertion.iterfind(".//saml:SubjectConfirmation", NAMES)
    assert confirmation.get("Method") == "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"
    named = confirmation.findtext(".//ds:X509Certificate", namespaces=NAMES)
    assert base64.b64decode(named) == mine.certificate_der


def test_application_that_wants_it_gets_no_bearer_assertion_by_any_way(world: World, app: App, agent: Agent) -> None:
    world.choose("App", confirmation="holder-of-key")

    refused = agent.ask(audience=app.entity_id)
    form = agent.start(providerId=app.entity_id)
    by_ecp = agent.ecp(app.signed(app.request()))

    assert refused.status_code == 403 and "certificate" in refused.get_json()["error_description"]
    assert form.status_code == 403 and b"RequestDenied" in by_ecp.data and world.sessions(agent.id) == []
    assert len(world.events("sign-on:refused")) == 3
    assert (
        assertion_of(agent.ask(self_signed("mine"), audience=app.entity_id)).find(".//ds:X509Data", NAMES) is not None
    )


def test_holder_of_key_needs_a_certificate(app: App, agent: Agent) -> None:
    assert agent.ask(audience=app.entity_id, holderOfKey=True).status_code == 403
