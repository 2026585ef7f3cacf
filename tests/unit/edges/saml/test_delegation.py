"""An agent signs in for a person: who the assertion is about, how it names the agent, and what ends it."""

import base64
from datetime import timedelta
from typing import Any

import pytest
from lxml import etree
from onelogin.saml2.response import OneLogin_Saml2_Response  # type: ignore[import-untyped]

from connector.core.clock import to_text
from connector.domain import delegations, people, scopes
from connector.domain.unit import SYSTEM
from connector.storage import resources
from tests.conftest import Clock
from tests.saml_world import IDP, World
from tests.servers.availability import require
from tests.servers.pki import self_signed
from tests.unit.edges.saml.conftest import Agent, App
from tests.unit.edges.saml.test_direct import assertion_of
from tests.unit.edges.saml.test_sign_on import DELEGATION_SCHEMA, NAMES, SCHEMAS, assert_signed, settings_of, valid

DEL = "urn:oasis:names:tc:SAML:2.0:conditions:delegation"


@pytest.fixture
def person(world: World) -> str:
    with world.domain.change(SYSTEM) as unit:
        return people.add(unit, {"userName": "ada@example.com", "displayName": "Ada"}, None).id


@pytest.fixture
def standing(world: World, app: App, agent: Agent, person: str, clock: Clock) -> str:
    """A delegation of that person to the agent, for that application."""
    with world.domain.change(SYSTEM) as unit:
        scopes.add_resource(unit, app.entity_id, "App")
        scopes.add(unit, "app.use", app.entity_id)
        ends = to_text(clock.now + timedelta(minutes=40))
        return delegations.add(unit, person, agent.id, frozenset({"app.use"}), not_after=ends).id


def test_condition_names_the_agent(world: World, app: App, agent: Agent, person: str, standing: str) -> None:
    world.choose("App", delegation="condition")

    assertion = assertion_of(agent.ask(audience=app.entity_id, onBehalfOf=person))

    assert assertion.findtext("saml:Subject/saml:NameID", namespaces=NAMES) == person
    [condition] = assertion.iterfind("saml:Conditions/saml:Condition", NAMES)
    assert condition.get("{http://www.w3.org/2001/XMLSchema-instance}type") == "del:DelegationRestrictionType"
    [delegate] = condition.iterfind(f"{{{DEL}}}Delegate")
    assert delegate.get("DelegationInstant") == "2027-03-01T12:00:00Z"
    assert delegate.get("ConfirmationMethod") == "urn:oasis:names:tc:SAML:2.0:cm:bearer"
    name = delegate.find("saml:NameID", NAMES)
    assert (name.text, name.get("NameQualifier")) == (agent.id, IDP)
    assert_signed(world, assertion)
    [event] = world.events("sign-on:granted")
    detail = event["detail"]
    assert (event["subject"]["id"], detail["onBehalfOf"], detail["actors"]) == (agent.id, person, [agent.id])


def test_condition_is_valid_by_its_schema_in_what_was_signed_too(
    world: World, app: App, agent: Agent, person: str, standing: str
) -> None:
    require("opensaml-schemas")
    world.choose("App", delegation="condition")
    text = DELEGATION_SCHEMA.read_bytes().replace(
        b"saml-schema-assertion-2.0.xsd", (SCHEMAS / "saml-schema-assertion-2.0.xsd").as_uri().encode()
    )
    schema = etree.XMLSchema(etree.fromstring(text))

    told = agent.ask(audience=app.entity_id, onBehalfOf=person, form="response").get_json()
    response = etree.fromstring(base64.b64decode(told["fields"]["SAMLResponse"]))
    assertion = response.find("saml:Assertion", NAMES)

    assert_signed(world, response)
    assert_signed(world, assertion)
    canonical = etree.tostring(assertion, method="c14n", exclusive=True, inclusive_ns_prefixes=["del"])
    for content in (etree.tostring(assertion), canonical):  # the prefix that only the type has is still there
        schema.assertValid(etree.fromstring(content))


def test_attribute_names_the_agent_where_the_condition_would_not_be_understood(
    world: World, app: App, agent: Agent, person: str, standing: str
) -> None:
    world.choose("App", delegation="attribute")

    assertion = assertion_of(agent.ask(audience=app.entity_id, onBehalfOf=person))

    valid(assertion, "saml-schema-assertion-2.0.xsd")
    assert assertion.find(".//saml:Condition", NAMES) is None
    told = {one.get("FriendlyName"): [value.text for value in one] for one in assertion.iter("{*}Attribute")}
    assert told["delegate"] == [agent.id]
    assert (told["uid"], told["displayName"]) == (["ada@example.com"], ["Ada"])
    assert "agentId" not in told and "owner" not in told, "what is of agents only is not told of a person"


def test_application_takes_no_delegation_unless_that_was_chosen(
    world: World, app: App, agent: Agent, person: str, standing: str
) -> None:
    answer = agent.ask(audience=app.entity_id, onBehalfOf=person)

    assert answer.status_code == 403 and "takes no agents that act for others" in answer.text
    [event] = world.events("sign-on:refused")
    assert event["detail"]["reasons"] == ["the application takes no delegation"]
    assert world.sessions(agent.id) == []


def test_holder_of_key_is_told_in_the_chain(world: World, app: App, agent: Agent, person: str, standing: str) -> None:
    world.choose("App", delegation="condition")

    assertion = assertion_of(
        agent.ask(self_signed("mine"), audience=app.entity_id, onBehalfOf=person, holderOfKey=True)
    )

    delegate = assertion.find(f".//{{{DEL}}}Delegate")
    assert delegate.get("ConfirmationMethod") == "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"


@pytest.mark.parametrize("ending", ["delegation", "person disabled", "person deleted", "agent"])
def test_session_ends_with_whoever_stands_behind_it(
    world: World, app: App, agent: Agent, person: str, standing: str, ending: str
) -> None:
    world.choose("App", delegation="condition")
    assert agent.ask(audience=app.entity_id, onBehalfOf=person).status_code == 200
    assert agent.ask(audience=app.entity_id).status_code == 200

    with world.domain.change(SYSTEM) as unit:
        record = resources.by_id(unit.tx, "person", person)
        assert record is not None
        if ending == "delegation":
            delegations.revoke(unit, standing)
        elif ending == "person disabled":
            people.amend(unit, record, {"userName": "ada@example.com", "active": False}, None)
        elif ending == "person deleted":
            people.delete(unit, record)
    if ending == "agent":
        world.deactivate(agent.id)

    for_person, own = sorted(world.sessions(agent.id), key=lambda one: person not in one.name_id)
    assert for_person.ended is not None
    assert (own.ended is not None) == (ending == "agent")


def test_session_does_not_outlive_the_delegation(
    world: World, app: App, agent: Agent, person: str, standing: str
) -> None:
    world.choose("App", delegation="condition", session_minutes=600)

    assert agent.ask(audience=app.entity_id, onBehalfOf=person).status_code == 200
    assert world.sessions(agent.id)[0].expires == "2027-03-01T12:40:00.000Z"


def test_nobody_acts_for_whom_it_may_not(world: World, app: App, agent: Agent, person: str) -> None:
    world.choose("App", delegation="condition")

    for somebody in (person, "usr-nobody"):
        answer: Any = agent.ask(audience=app.entity_id, onBehalfOf=somebody)
        assert answer.status_code == 403
    assert world.sessions(agent.id) == [] and len(world.events("sign-on:refused")) == 2


def test_python3_saml_refuses_the_condition_and_takes_the_attribute(
    world: World, app: App, agent: Agent, person: str, standing: str, clock: Clock, time_machine: Any
) -> None:
    time_machine.move_to(clock.now)
    here = {"https": "on", "http_host": "app.example", "script_name": "/acs", "get_data": {}, "post_data": {}}

    def taken(form: str) -> bool:
        world.choose("App", delegation=form)
        told = agent.ask(audience=app.entity_id, onBehalfOf=person, form="response").get_json()
        found = OneLogin_Saml2_Response(settings_of(world, app), told["fields"]["SAMLResponse"])
        return bool(found.is_valid(here))

    assert [taken("condition"), taken("attribute")] == [False, True]
