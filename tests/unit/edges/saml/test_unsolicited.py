"""An agent signs in to an application that sent no request: what it gets, and where it cannot be brought."""

from typing import Any

import pytest
from onelogin.saml2.response import OneLogin_Saml2_Response  # type: ignore[import-untyped]

from connector.domain import apps
from connector.domain.unit import SYSTEM
from tests.conftest import Clock
from tests.saml_world import World
from tests.unit.edges.saml.conftest import ACS, PAOS_ACS, Agent, App
from tests.unit.edges.saml.test_sign_on import NAMES, field, response_of, settings_of, valid

WIKI = "https://app.example/wiki"


def test_response_answers_no_request_and_is_valid(world: World, app: App, agent: Agent) -> None:
    response = response_of(agent.start(providerId=app.entity_id))

    valid(response, "saml-schema-protocol-2.0.xsd")
    data = response.find(".//saml:SubjectConfirmationData", NAMES)
    assert data.get("Recipient") == ACS == response.get("Destination")
    assert [one for one in response.iter() if one.get("InResponseTo")] == []
    [event] = world.events("sign-on:granted")
    assert event["detail"]["way"] == "init" and event["detail"]["application"] == app.entity_id
    assert len(world.sessions(agent.id)) == 1


def test_python3_saml_accepts_it(world: World, app: App, agent: Agent, clock: Clock, time_machine: Any) -> None:
    time_machine.move_to(clock.now)

    page = agent.start(providerId=app.entity_id, shire=ACS)

    found = OneLogin_Saml2_Response(settings_of(world, app), field(page.text, "SAMLResponse"))
    here = {"https": "on", "http_host": "app.example", "script_name": "/acs", "get_data": {}, "post_data": {}}
    assert found.is_valid(here, raise_exceptions=True)
    assert found.get_nameid() == agent.id


@pytest.mark.parametrize("target", [WIKI, WIKI + "/page?a=b", WIKI + "?a=/../b"])
def test_target_below_an_agreed_address_becomes_relay_state(world: World, app: App, agent: Agent, target: str) -> None:
    world.choose("App", relay=(WIKI,))

    page = agent.start(providerId=app.entity_id, target=target)

    assert field(page.text, "RelayState") == target


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        WIKI + ".evil.example/",
        WIKI + "s",
        "https://app.example/wiki@evil.example/",
        "//app.example/wiki",
        "javascript:alert(1)",
        WIKI + "/../admin",
        WIKI + "/%2e%2e/admin",
        WIKI + "/a b",
        WIKI + "/\\evil.example",
        WIKI + "/" + "a" * 4096,
        "",
    ],
)
def test_target_elsewhere_is_refused_with_an_event(world: World, app: App, agent: Agent, target: str) -> None:
    world.choose("App", relay=(WIKI,))

    answer = agent.start(providerId=app.entity_id, target=target)

    assert answer.status_code == 400 and "SAMLResponse" not in answer.text
    assert len(world.events("sign-on:refused")) == 1
    assert world.sessions(agent.id) == []


def test_no_target_is_allowed_where_none_was_agreed_on(app: App, agent: Agent) -> None:
    assert agent.start(providerId=app.entity_id, target=WIKI).status_code == 400


@pytest.mark.parametrize("shire", ["https://evil.example/acs", PAOS_ACS, ACS + "/"])
def test_answer_goes_to_an_address_of_the_metadata_only(world: World, app: App, agent: Agent, shire: str) -> None:
    answer = agent.start(providerId=app.entity_id, shire=shire)

    assert answer.status_code == 400 and "SAMLResponse" not in answer.text
    [event] = world.events("sign-on:refused")
    assert event["detail"]["way"] == "init"


def test_application_that_is_not_known_is_refused(world: World, app: App, agent: Agent) -> None:
    with world.domain.change(SYSTEM) as unit:
        apps.remove(unit, "App")

    assert agent.start(providerId=app.entity_id).status_code == 400
    assert agent.start().status_code == 400
    assert len(world.events("sign-on:refused")) == 1


def test_metadata_that_has_expired_is_not_answered(world: World, app: App, agent: Agent, clock: Clock) -> None:
    world.register("App", app.metadata.replace(b"entityID=", b'validUntil="2027-03-01T12:30:00Z" entityID='))
    assert agent.start(providerId=app.entity_id).status_code == 200
    clock.move(hours=1)

    assert agent.start(providerId=app.entity_id).status_code == 400


@pytest.mark.parametrize(
    ("active", "chosen", "sentence", "reason"),
    [
        (False, (), "the agent may not sign on now", "the agent is suspended"),
        (
            True,
            ("readers of other",),
            "the agent is not among those that may use this application",
            "the agent is in none of the groups that may use the application",
        ),
    ],
)
def test_agent_that_may_not_is_told_so_and_the_application_is_not(
    world: World, app: App, active: bool, chosen: tuple[str, ...], sentence: str, reason: str
) -> None:
    world.agent("other")
    world.choose("App", groups=chosen)
    agent = Agent(world, world.agent("unfit", active=active))

    answer = agent.start(providerId=app.entity_id)

    assert answer.status_code == 403 and sentence in answer.text and "SAMLResponse" not in answer.text
    [event] = world.events("sign-on:refused")
    assert event["detail"]["reasons"] == [reason]


def test_caller_must_be_an_agent(world: World, app: App) -> None:
    assert Agent(world, "cli-1").start(providerId=app.entity_id).status_code == 403
    assert world.app.test_client().post("/saml/sso/init").status_code == 401
