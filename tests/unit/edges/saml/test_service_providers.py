"""Registering applications by their metadata, and what keeps one from being registered."""

import pytest

from connector.core.errors import Conflict, Invalid
from connector.domain import apps
from connector.domain.unit import SYSTEM
from connector.edges.saml import service_provider
from connector.edges.saml.names import BINDING_PAOS, BINDING_POST, BINDING_SOAP
from tests.conftest import Clock
from tests.saml_world import World
from tests.unit.edges.saml.conftest import ACS, PAOS_ACS, SLO, Agent, App

POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"


def test_metadata_gives_endpoints_keys_and_wishes(app: App, clock: Clock) -> None:
    found = service_provider.read(app.metadata, now=clock())

    assert found.entity_id == app.entity_id
    for binding, location in ((BINDING_POST, ACS), (BINDING_PAOS, PAOS_ACS)):
        ranked = found.ranked([one for one in found.consumers if one.binding == binding])
        assert ranked[0].location == location
    logout = found.logout(BINDING_SOAP)
    assert logout is not None and logout.location == SLO
    assert found.signing_keys == (app.keys.certificate.public_key(),)
    assert found.signs_requests and found.wants_signed_assertions


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        (b"<md:EntityDescriptor", b"<!DOCTYPE a><md:EntityDescriptor", "DOCTYPE"),
        (b"SPSSODescriptor", b"IDPSSODescriptor", "no SPSSODescriptor"),
        (b":2.0:protocol", b":1.1:protocol", "no SPSSODescriptor for SAML 2.0"),
        (b"AssertionConsumerService", b"ManageNameIDService", "no AssertionConsumerService"),
        (b"https://app.example/acs", b"javascript:alert(1)", "not an http or https address"),
        (b"https://app.example/slo", b"file:///etc/passwd", "not an http or https address"),
        (b"entityID=", b'validUntil="2027-02-28T00:00:00Z" entityID=', "validUntil"),
        (b"https://app.example/metadata", b"", "no entityID"),
        (b"EntityDescriptor", b"EntitiesDescriptor", "EntityDescriptor expected"),
        (b"<ds:X509Certificate>", b"<ds:X509Certificate>AAAA", "X509Certificate that cannot be read"),
        (b'index="1"', b'index="first"', "index"),
        (b"</md:EntityDescriptor>", b"", "not well-formed"),
    ],
)
def test_metadata_that_cannot_be_used_is_refused(
    world: World, app: App, before: bytes, after: bytes, sentence: str
) -> None:
    metadata = app.metadata.replace(b"<?xml version='1.0' encoding='UTF-8'?>\n", b"")
    assert before in metadata

    with pytest.raises(Invalid, match=sentence):
        world.register("Broken", metadata.replace(before, after))


def test_registering_and_removing_leave_events(world: World, app: App) -> None:
    world.register("Renamed", app.metadata)
    with world.domain.change(SYSTEM) as unit:
        apps.remove(unit, "Renamed")

    assert [one["detail"].get("replaced") for one in world.events("app:registered")] == [None, True]
    assert [one["subject"]["id"] for one in world.events("app:removed")] == [app.entity_id]


def test_name_of_another_application_is_a_conflict(world: World, app: App) -> None:
    with pytest.raises(Conflict, match="already"):
        world.register("App", App(app.keys, entity_id="https://other.example/").metadata)


def test_application_whose_metadata_has_expired_gets_no_assertion(world: World, app: App, clock: Clock) -> None:
    dated = app.metadata.replace(b"entityID=", b'validUntil="2027-03-01T13:00:00Z" entityID=')
    world.register("App", dated)
    clock.move(hours=2)
    agent = Agent(world, world.agent("matcher"))

    answer = agent.ecp(app.signed(app.request(IssueInstant="2027-03-01T14:00:00Z")))

    assert "metadata has expired" in answer.text


def test_removed_application_gets_no_assertion(world: World, app: App, agent: Agent) -> None:
    with world.domain.change(SYSTEM) as unit:
        apps.remove(unit, "App")

    assert "not an application that is registered" in agent.ecp(app.signed(app.request())).text
