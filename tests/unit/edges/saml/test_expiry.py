"""Certificates and metadata that end soon are told of, once, before they do."""

from datetime import timedelta

from connector.edges.saml import expiry
from tests.conftest import Clock
from tests.saml_world import World
from tests.servers.pki import KeyPair, self_signed_rsa
from tests.unit.edges.saml.conftest import App


def ends(keys: KeyPair) -> str:
    return keys.certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def test_certificate_of_an_application_is_told_of_once(world: World, app: App, clock: Clock) -> None:
    keys = self_signed_rsa("lives a month")
    world.register("App", App(keys).metadata)
    clock.now = keys.certificate.not_valid_after_utc - timedelta(days=30, minutes=1)
    alerts = expiry.Alerts(world.domain)
    alerts.run()
    assert world.events("app:expires") == []
    clock.move(minutes=2)

    alerts.run()
    alerts.run()

    [event] = world.events("app:expires")
    detail = event["detail"]
    assert (event["subject"]["id"], detail["name"], detail["notAfter"]) == (app.entity_id, "App", ends(keys))
    assert len(detail["what"]) == 64


def test_metadata_that_ends_is_told_of_and_its_successor_again(world: World, app: App, clock: Clock) -> None:
    for day in ("20", "25"):
        until = f'validUntil="2027-03-{day}T00:00:00Z" entityID='.encode()
        world.register("App", App(self_signed_rsa("x")).metadata.replace(b"entityID=", until))
        expiry.Alerts(world.domain).run()

    told = [one["detail"] for one in world.events("app:expires") if one["detail"]["what"] == "metadata"]
    assert [one["notAfter"] for one in told] == ["2027-03-20T00:00:00.000Z", "2027-03-25T00:00:00.000Z"]


def test_our_own_key_is_told_of(world: World, app: App, clock: Clock) -> None:
    key = world.domain.keys.active("saml")
    assert key.certificate is not None
    clock.now = key.certificate.not_valid_after_utc - timedelta(days=29)

    expiry.Alerts(world.domain).run()

    event = world.events("key:expires")[0]
    assert (event["subject"]["id"], event["detail"]["name"]) == (key.id, "saml")
