"""What an operator chose for an application is what the application gets, and what does not fit is refused."""

from pathlib import Path
from typing import Any

import pytest
import xmlsec
from lxml import etree
from onelogin.saml2.response import OneLogin_Saml2_Response  # type: ignore[import-untyped]

from connector.core.errors import Invalid, Misconfigured
from connector.edges.saml.bundles import Bundles
from tests.conftest import Clock
from tests.saml_world import World
from tests.unit.edges.saml.conftest import ACS, BASE, Agent, App
from tests.unit.edges.saml.test_sign_on import (
    NAMES,
    assert_signed,
    field,
    response_of,
    settings_of,
    status_of,
    valid,
)

FORMAT = "urn:oasis:names:tc:SAML:1.1:nameid-format:"
SIGN_ASSERTION = (b'WantAssertionsSigned="true"', b'WantAssertionsSigned="false"')


def signed_parts(response: Any) -> list[str]:
    return [etree.QName(one.getparent()).localname for one in response.iter("{*}Signature")]


def decrypted(app: App, response: Any) -> Any:
    """The assertion in an encrypted Response, by xmlsec with the application's key."""
    data = response.find("saml:EncryptedAssertion/{http://www.w3.org/2001/04/xmlenc#}EncryptedData", NAMES)
    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec.Key.from_memory(app.keys.key_pem, xmlsec.KeyFormat.PEM))
    return xmlsec.EncryptionContext(manager).decrypt(data)


@pytest.mark.parametrize(
    ("sign", "parts"), [("assertion", ["Assertion"]), ("response", ["Response"]), ("both", ["Response", "Assertion"])]
)
def test_what_was_chosen_is_signed_and_nothing_else(
    world: World, app: App, agent: Agent, sign: str, parts: list[str]
) -> None:
    world.register("App", app.metadata.replace(*SIGN_ASSERTION))
    world.choose("App", sign=sign)

    response = response_of(agent.ecp(app.signed(app.request())))

    assert signed_parts(response) == parts
    for part in (response, response.find("saml:Assertion", NAMES)):
        if etree.QName(part).localname in parts:
            assert_signed(world, part)
    valid(response, "saml-schema-protocol-2.0.xsd")


def test_refusal_is_signed_even_where_only_assertions_are(world: World, app: App) -> None:
    world.choose("App", sign="assertion")

    response = response_of(Agent(world, world.agent("late", active=False)).ecp(app.signed(app.request())))

    assert_signed(world, response)


def test_encrypted_assertion_is_decrypted_by_xmlsec_and_valid_inside(world: World, app: App, agent: Agent) -> None:
    world.choose("App", encrypt="required")

    response = response_of(agent.ecp(app.signed(app.request())))

    assert agent.id not in etree.tostring(response).decode()
    valid(response, "saml-schema-protocol-2.0.xsd")
    assert_signed(world, response)
    assertion = decrypted(app, response)
    assert assertion.findtext("saml:Subject/saml:NameID", None, NAMES) == agent.id
    assert_signed(world, assertion)
    valid(assertion, "saml-schema-assertion-2.0.xsd")


@pytest.mark.parametrize("sign", ["assertion", "both"])
def test_python3_saml_accepts_an_encrypted_assertion(
    world: World, app: App, agent: Agent, clock: Clock, time_machine: Any, sign: str
) -> None:
    time_machine.move_to(clock.now)
    world.choose("App", encrypt="required", sign=sign)
    page = agent.redirect(app.query(app.request(Destination=f"{BASE}/saml/sso", AssertionConsumerServiceURL=ACS)))

    settings = settings_of(world, app, wantMessagesSigned=sign == "both", wantAssertionsEncrypted=True)
    found = OneLogin_Saml2_Response(settings, field(page.text, "SAMLResponse"))

    here = {"https": "on", "http_host": "app.example", "script_name": "/acs", "get_data": {}, "post_data": {}}
    assert found.is_valid(here, "_request-1", raise_exceptions=True)
    assert found.get_nameid() == agent.id


@pytest.mark.parametrize(
    ("changes", "format", "value"),
    [
        ({"name_id": "emailAddress"}, FORMAT + "emailAddress", "matcher@connector.example"),
        ({"name_id": "emailAddress", "name_from": "subjectId"}, FORMAT + "emailAddress", "{id}@connector.example"),
        ({"name_id": "unspecified", "name_from": "agentUserName"}, FORMAT + "unspecified", "matcher"),
    ],
)
def test_name_id_is_of_the_chosen_format_and_kept_for_logout(
    world: World, app: App, agent: Agent, changes: dict[str, str], format: str, value: str
) -> None:
    world.choose("App", **changes)

    name_id = response_of(agent.ecp(app.signed(app.request()))).find(".//saml:NameID", NAMES)

    assert (name_id.get("Format"), name_id.text) == (format, value.format(id=agent.id))
    [session] = world.sessions(agent.id)
    assert etree.fromstring(session.name_id).text == name_id.text


def test_request_may_still_ask_for_a_persistent_name_id(world: World, app: App, agent: Agent) -> None:
    world.choose("App", name_id="emailAddress")
    policy = '<samlp:NameIDPolicy Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"/>'

    response = response_of(agent.ecp(app.signed(app.request(inside=policy))))

    assert response.findtext(".//saml:NameID", None, NAMES) == agent.id


def test_session_lasts_as_long_as_was_chosen(world: World, app: App, agent: Agent) -> None:
    world.choose("App", session_minutes=15)

    response = response_of(agent.ecp(app.signed(app.request())))

    assert response.find(".//saml:AuthnStatement", NAMES).get("SessionNotOnOrAfter") == "2027-03-01T12:15:00Z"


def test_only_agents_in_the_chosen_groups_sign_in(world: World, app: App, agent: Agent) -> None:
    other = Agent(world, world.agent("other"))
    world.choose("App", groups=("readers of other",))

    admitted = response_of(other.ecp(app.signed(app.request(ID="_1"))))
    barred = response_of(agent.ecp(app.signed(app.request(ID="_2"))))

    assert status_of(admitted) == ["Success"]
    assert status_of(barred) == ["Responder", "RequestDenied"]
    message = barred.findtext(".//samlp:StatusMessage", None, NAMES)
    assert message == "the agent is not among those that may use this application"
    [event] = world.events("sign-on:refused")
    assert event["subject"]["id"] == agent.id
    assert event["detail"]["reasons"] == ["the agent is in none of the groups that may use the application"]
    assert world.sessions(agent.id) == []


def test_agent_is_admitted_by_a_group_that_its_own_group_is_in(world: World, app: App, agent: Agent) -> None:
    world.group("all readers", inside=["readers of matcher"])
    world.choose("App", groups=("all readers",))

    assert status_of(response_of(agent.ecp(app.signed(app.request())))) == ["Success"]


def test_deleted_group_opens_the_application_to_nobody(world: World, app: App, agent: Agent) -> None:
    world.group("closed", inside=[])
    world.choose("App", groups=("closed",))
    world.forget_group("closed")

    assert status_of(response_of(agent.ecp(app.signed(app.request())))) == ["Responder", "RequestDenied"]


@pytest.mark.parametrize(
    ("bundle", "expected"),
    [
        (
            "entra",
            {
                "http://schemas.microsoft.com/identity/claims/objectidentifier": ["{id}"],
                "http://schemas.microsoft.com/identity/claims/displayname": ["Invoice matcher"],
                "http://schemas.microsoft.com/identity/claims/identityprovider": ["https://idp.example/saml"],
                "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name": ["matcher@connector.example"],
                "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": ["matcher@connector.example"],
                "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress": ["matcher@connector.example"],
                "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups": [
                    "finance & <bots> of matcher",
                    "readers of matcher",
                ],
            },
        ),
        (
            "okta",
            {
                "login": ["matcher"],
                "email": ["matcher@connector.example"],
                "displayName": ["Invoice matcher"],
                "groups": ["finance & <bots> of matcher", "readers of matcher"],
                "owner": ["owner-of-matcher"],
                "agentId": ["{id}"],
                "agentType": ["Assistant"],
            },
        ),
        (
            "eduperson",
            {
                "urn:oasis:names:tc:SAML:attribute:subject-id": ["{id}@connector.example"],
                "urn:oid:1.3.6.1.4.1.5923.1.1.1.6": ["matcher@connector.example"],
                "urn:oid:1.3.6.1.4.1.5923.1.1.1.13": ["{id}@connector.example"],
                "urn:oid:1.3.6.1.4.1.5923.1.5.1.1": ["finance & <bots> of matcher", "readers of matcher"],
                "urn:oid:2.16.840.1.113730.3.1.241": ["Invoice matcher"],
                "urn:oid:0.9.2342.19200300.100.1.3": ["matcher@connector.example"],
            },
        ),
    ],
)
def test_bundle_decides_which_attributes_are_released(
    world: World, app: App, agent: Agent, bundle: str, expected: dict[str, list[str]]
) -> None:
    world.choose("App", attributes=bundle)

    response = response_of(agent.ecp(app.signed(app.request())))

    told = {one.get("Name"): [value.text for value in one] for one in response.iter("{*}Attribute")}
    assert told == {name: [value.format(id=agent.id) for value in values] for name, values in expected.items()}
    valid(response, "saml-schema-protocol-2.0.xsd")


def test_roles_and_entitlements_are_released_by_their_values(world: World, app: App) -> None:
    roles, rights = [{"value": "approver"}], [{"value": "urn:x:read"}, {"display": "without a value"}]
    agent = Agent(world, world.agent("holder", more={"roles": roles, "entitlements": rights}))
    told = {}
    for bundle in ("okta", "eduperson"):
        world.choose("App", attributes=bundle)
        response = response_of(agent.ecp(app.signed(app.request(ID=f"_{bundle}"))))
        told |= {one.get("Name"): [value.text for value in one] for one in response.iter("{*}Attribute")}

    assert told["roles"] == ["approver"]
    assert told["urn:oid:1.3.6.1.4.1.5923.1.1.1.7"] == ["urn:x:read"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"sign": "nothing"}, "sign is 'nothing'; it must be one of both, assertion, response"),
        ({"name_id": "emailAddress", "name_from": "agentId"}, "emailAddress is made from email, subjectId"),
        ({"session_minutes": 0}, "session_minutes must be from 1 to 1440"),
        ({"groups": ("nobody",)}, "there is no group 'nobody'"),
        ({"relay": ("javascript:alert(1)",)}, "not an http or https address"),
        ({"sign": "response"}, "WantAssertionsSigned"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    world: World, app: App, agent: Agent, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(Invalid, match=sentence):
        world.choose("App", **changes)

    assert world.events("app:changed") == []
    assert signed_parts(response_of(agent.ecp(app.signed(app.request())))) == ["Response", "Assertion"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'use="encryption"', b'use="signing"'),
        (
            b"</md:KeyDescriptor><md:SingleLogout",
            b'<md:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/></md:KeyDescriptor>'
            b"<md:SingleLogout",
        ),
    ],
)
def test_encryption_needs_a_key_that_takes_it_also_when_metadata_are_replaced(
    world: World, app: App, before: bytes, after: bytes
) -> None:
    assert before in app.metadata
    without = app.metadata.replace(before, after)
    world.choose("App", encrypt="required")

    with pytest.raises(Invalid, match="encryption is required"):
        world.register("App", without)

    world.choose("App", encrypt="off")
    world.register("App", without)
    with pytest.raises(Invalid, match="encryption is required"):
        world.choose("App", encrypt="required")


def test_change_leaves_an_event_with_the_new_values_and_survives_new_metadata(world: World, app: App) -> None:
    world.choose("App", session_minutes=5, sign="both")
    world.choose("App", session_minutes=5)
    world.register("App", app.metadata)

    assert [one["detail"]["changed"] for one in world.events("app:changed")] == [{"session_minutes": 5}]
    assert world.settings("App").session_minutes == 5


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("attributes: []", "a table with one key, attributes"),
        ("attributes: [{name: a, from: password}]", "from 'password' is not one of"),
        ("attributes: [{name: a, from: agentId, nam: b}]", r"attributes\[0\] has an unknown key 'nam'"),
        ("attributes: [{name: a, from: agentId}, {name: a, from: groups}]", "the name 'a' is there twice"),
        ("attributes: [{name: a, from: agentId, format: uuid}]", "format 'uuid' is not one of"),
        ("attributes: [{from: agentId}]", "has no 'name'"),
        ("attributes: [{name: 1, from: agentId}]", "must be a table of texts"),
        ("attributes: {", "saml/mine.yaml: "),
    ],
)
def test_bundle_that_cannot_be_used_is_refused_with_its_problems(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "saml").mkdir()
    (tmp_path / "saml" / "mine.yaml").write_text(text)

    with pytest.raises(Misconfigured, match=sentence):
        Bundles([tmp_path]).get("mine")


@pytest.mark.parametrize("name", ["nothing", "../okta"])
def test_bundle_that_is_not_there_is_refused_when_it_is_chosen(world: World, name: str) -> None:
    with pytest.raises(Misconfigured, match="there are: eduperson, entra, okta, plain"):
        world.choose("App", attributes=name)
