"""An application tells us that it has ended an agent's session there."""

from typing import Any

import pytest
from lxml import etree

from tests.saml_world import World
from tests.servers.pki import self_signed_rsa
from tests.unit.edges.saml.conftest import Agent, App, soap
from tests.unit.edges.saml.test_sign_on import assert_signed, status_of, valid


@pytest.fixture
def index(world: World, app: App, agent: Agent) -> str:
    """The index of a session that the agent has at the application."""
    assert agent.ecp(app.signed(app.request())).status_code == 200
    return world.sessions(agent.id)[0].session_index


def logout(app: App, name_id: str, index: str, *, issued: str = "2027-03-01T12:00:00Z") -> str:
    return (
        '<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" '
        f'xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_out" Version="2.0" IssueInstant="{issued}">'
        f"<saml:Issuer>{app.entity_id}</saml:Issuer><saml:NameID>{name_id}</saml:NameID>"
        f"<samlp:SessionIndex>{index}</samlp:SessionIndex></samlp:LogoutRequest>"
    )


def send(world: World, message: str) -> Any:
    return world.app.test_client().post("/saml/slo", data=soap(message), content_type="text/xml")


def test_session_is_ended_and_the_answer_signed(world: World, app: App, agent: Agent, index: str) -> None:
    answer = send(world, app.signed(logout(app, agent.id, index)))

    response = etree.fromstring(answer.data)[0][0]
    assert status_of(response) == ["Success"] and response.get("InResponseTo") == "_out"
    assert_signed(world, response)
    valid(response, "saml-schema-protocol-2.0.xsd")
    [session] = world.sessions(agent.id)
    assert session.ended and session.told
    [event] = world.events("session:ended")
    assert event["subject"]["id"] == agent.id and event["detail"]["by"] == "application"


def test_session_of_another_agent_stays(world: World, app: App, agent: Agent, index: str) -> None:
    answer = send(world, app.signed(logout(app, "agt-somebody-else", index)))

    assert status_of(etree.fromstring(answer.data)) == ["Requester", "UnknownPrincipal"]
    assert world.sessions(agent.id)[0].ended is None


def test_logout_that_the_application_did_not_sign_changes_nothing(
    world: World, app: App, agent: Agent, index: str
) -> None:
    forger = App(self_signed_rsa("forger"), entity_id=app.entity_id)

    answers = [
        send(world, logout(app, agent.id, index)),
        send(world, forger.signed(logout(app, agent.id, index))),
        send(world, app.signed(logout(app, agent.id, index, issued="2027-03-01T11:00:00Z"))),
    ]

    assert [one.status_code for one in answers] == [500, 500, 500]
    assert world.sessions(agent.id)[0].ended is None
