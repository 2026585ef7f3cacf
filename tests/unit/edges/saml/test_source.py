"""Metadata from where it is published: signed by whom it must be, current, of the right entity; read again; refused otherwise."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import flask
import pytest
from lxml import etree

from connector.core.errors import ConnectorError, Invalid, Unavailable
from connector.core.http import HttpClient
from connector.core.keys import SigningKey
from connector.domain import app_sources
from connector.domain.unit import SYSTEM
from connector.edges.saml import service_provider, source, xml
from connector.edges.saml.signature import Signer
from tests.conftest import Clock
from tests.saml_world import World, served
from tests.servers.pki import self_signed_rsa
from tests.servers.process import free_port
from tests.unit.edges.saml.conftest import App

UNTIL = b'validUntil="2027-03-15T12:00:00Z"'
FEDERATION = self_signed_rsa("federation")


@dataclass
class Published:
    """A metadata query service."""

    base: str
    entities: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def url(self, entity_id: str) -> str:
        return source.mdq_url(self.base, entity_id)


@pytest.fixture
def published() -> Iterator[Published]:
    port = free_port()
    made, app = Published(f"http://127.0.0.1:{port}/mdq"), flask.Flask("mdq")

    @app.get("/mdq/entities/<path:_rest>")
    def entity(_rest: str) -> Any:
        wanted = unquote(flask.request.environ["RAW_URI"].partition("/entities/")[2])
        made.asked.append(flask.request.headers["Accept"])
        found = made.entities.get(wanted)
        return (found, 200) if found is not None else ("unknown", 404)

    with served(app, port):
        yield made


def signed(metadata: bytes, *, by: Any = FEDERATION, attributes: bytes = UNTIL) -> bytes:
    root = etree.fromstring(metadata.replace(b"entityID=", attributes + b' ID="_md" entityID=', 1))
    signer = Signer(SigningKey("saml", "test", "20270301T120000Z", by.key, by.certificate))
    return signer.sign(xml.canonical(root).decode()).encode()


def add(world: World, published: Published, app: App, **how: Any) -> service_provider.ServiceProvider:
    options = {"certificate": FEDERATION.certificate_pem, "entity_id": app.entity_id, "name": "App", **how}
    url = published.url(app.entity_id)
    return source.register(world.domain, SYSTEM, HttpClient(read_timeout=2), url=url, **options)


def refresh(world: World) -> None:
    source.Refresher(world.domain, lambda: HttpClient(read_timeout=2)).run()


def state(world: World, app: App) -> app_sources.Source:
    with world.domain.view() as unit:
        found = app_sources.find(unit, app.entity_id)
    assert found is not None
    return found


def kept(world: World, app: App) -> bytes:
    with world.domain.view() as unit:
        from connector.domain import apps

        found = apps.find(unit, app.entity_id)
    assert found is not None
    return found.metadata.encode()


def test_a_query_service_is_asked_for_the_entity_and_the_answer_is_kept(
    world: World, published: Published, app: App
) -> None:
    published.entities[app.entity_id] = signed(app.metadata)

    found = add(world, published, app)

    assert found.entity_id == app.entity_id and published.asked[0].startswith("application/samlmetadata+xml")
    assert (
        source.mdq_url("https://mdq.example/", "https://a/b c")
        == "https://mdq.example/entities/https%3A%2F%2Fa%2Fb%20c"
    )
    assert state(world, app).due == "2027-03-01T18:00:00.000Z"


@pytest.mark.parametrize(
    ("attributes", "due"),
    [
        (UNTIL + b' cacheDuration="PT1H"', "2027-03-01T13:00:00.000Z"),
        (UNTIL + b' cacheDuration="PT1S"', "2027-03-01T12:05:00.000Z"),
        (UNTIL + b' cacheDuration="P30D"', "2027-03-02T12:00:00.000Z"),
        (b'validUntil="2027-03-01T14:00:00Z" cacheDuration="PT6H"', "2027-03-01T13:00:00.000Z"),
    ],
)
def test_it_is_read_again_as_it_says_and_before_it_ends(
    world: World, published: Published, app: App, attributes: bytes, due: str
) -> None:
    published.entities[app.entity_id] = signed(app.metadata, attributes=attributes)

    add(world, published, app)

    assert state(world, app).due == due


def wrapped(app: App, evil: bytes) -> bytes:
    """The signed document moved into one that nobody signed, which says something else."""
    outer = etree.fromstring(evil)
    extensions = etree.Element("{urn:oasis:names:tc:SAML:2.0:metadata}Extensions")
    extensions.append(etree.fromstring(signed(app.metadata)))
    outer.insert(0, extensions)
    return etree.tostring(outer)


def bad(app: App) -> dict[str, tuple[bytes, str]]:
    evil = app.metadata.replace(b"https://app.example/acs", b"https://evil.example/acs")
    good = signed(app.metadata)
    return {
        "unsigned": (app.metadata.replace(b"entityID=", UNTIL + b" entityID="), "exactly one signature"),
        "another signer": (signed(app.metadata, by=self_signed_rsa("federation")), "does not verify with any key"),
        "changed": (
            good.replace(b"https://app.example/acs", b"https://evil.example/acs"),
            "changed after it was signed",
        ),
        "wrapped": (wrapped(app, evil), "exactly one signature"),
        "doctype": (b"<!DOCTYPE a>" + good, "DOCTYPE"),
        "two roles of one id": (
            wrapped(app, evil.replace(b"entityID=", b'ID="_md" entityID=', 1)),
            "same ID twice",
        ),
        "expired": (signed(app.metadata, attributes=b'validUntil="2027-02-28T12:00:00Z"'), "has passed"),
        "endless": (signed(app.metadata, attributes=b""), "no validUntil"),
        "another entity": (signed(App(app.keys, "https://other.example/md").metadata), "not of https://app.example"),
        "aggregate": (b"<EntitiesDescriptor/>", "exactly one signature"),
        "nonsense": (b"<html>", "not well-formed"),
        "cache for ever": (signed(app.metadata, attributes=UNTIL + b' cacheDuration="soon"'), "cacheDuration"),
    }


NAMES = tuple(bad(App(self_signed_rsa("names"))))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_good_is_refused_and_changes_nothing(
    world: World, published: Published, app: App, clock: Clock, name: str
) -> None:
    published.entities[app.entity_id] = signed(app.metadata)
    add(world, published, app)
    before, (content, naming) = kept(world, app), bad(app)[name]
    published.entities[app.entity_id] = content
    with pytest.raises(Invalid, match=naming):
        add(world, published, app)
    clock.move(hours=7)

    refresh(world)
    clock.move(hours=2)
    refresh(world)

    assert kept(world, app) == before
    problem = state(world, app).problem
    assert problem is not None and naming in problem
    [event] = world.events("app:metadata-refused")
    assert event["detail"]["reason"] == problem, "said once, though it was tried twice"


def test_new_keys_and_endpoints_are_taken_over_and_told(
    world: World, published: Published, app: App, clock: Clock
) -> None:
    published.entities[app.entity_id] = signed(app.metadata)
    add(world, published, app)
    after = App(self_signed_rsa("after")).metadata.replace(b"https://app.example/acs", b"https://app.example/new")
    published.entities[app.entity_id] = signed(after)
    refresh(world)
    assert world.events("app:metadata-changed") == [], "not due yet"
    clock.move(hours=6)

    refresh(world)

    [event] = world.events("app:metadata-changed")
    detail = event["detail"]
    assert detail["endpointsGone"] == ["HTTP-POST https://app.example/acs"]
    assert detail["endpointsNew"] == ["HTTP-POST https://app.example/new"]
    assert len(detail["keysGone"]) == len(detail["keysNew"]) == 1 and detail["keysGone"] != detail["keysNew"]
    assert b"https://app.example/new" in kept(world, app)
    assert (state(world, app).due, state(world, app).problem) == ("2027-03-02T00:00:00.000Z", None)


def test_service_that_is_down_is_asked_again_and_forgiven(
    world: World, published: Published, app: App, clock: Clock
) -> None:
    published.entities[app.entity_id] = good = signed(app.metadata)
    add(world, published, app)
    del published.entities[app.entity_id]
    clock.move(hours=6)
    refresh(world)
    assert "answered 404" in (state(world, app).problem or "")
    published.entities[app.entity_id] = good
    clock.move(hours=1)

    refresh(world)

    assert state(world, app).problem is None and world.events("app:metadata-changed") == []


def test_what_was_chosen_still_has_to_fit(world: World, published: Published, app: App, clock: Clock) -> None:
    published.entities[app.entity_id] = signed(app.metadata)
    add(world, published, app)
    world.choose("App", encrypt="required")
    without = app.metadata.replace(b'use="encryption"', b'use="signing"')
    published.entities[app.entity_id] = signed(without)
    clock.move(hours=6)

    refresh(world)

    assert "encryption is required" in (state(world, app).problem or "")


def test_metadata_by_hand_is_not_replaced_afterwards(
    world: World, published: Published, app: App, clock: Clock
) -> None:
    published.entities[app.entity_id] = signed(app.metadata)
    add(world, published, app)
    world.register("App", app.metadata)
    clock.move(hours=30)

    refresh(world)

    assert len(published.asked) == 1


def test_two_workers_do_not_read_the_same(world: World, published: Published, app: App, clock: Clock) -> None:
    published.entities[app.entity_id] = signed(app.metadata)
    add(world, published, app)
    clock.move(hours=6)
    found = state(world, app)
    with world.domain.change(SYSTEM) as unit:
        assert app_sources.take(unit, found, until=unit.tx.moment.replace(hour=20))
    with world.domain.change(SYSTEM) as unit:
        assert not app_sources.take(unit, found, until=unit.tx.moment.replace(hour=20))


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n"])
def test_certificate_that_is_none_is_refused(app: App, clock: Clock, pem: bytes) -> None:
    with pytest.raises(ConnectorError, match="metadata-certificate must be one X.509 certificate in PEM"):
        source.check(signed(app.metadata), now=clock.now, certificate=pem)


def test_nobody_there_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="cannot be fetched"):
        source.fetch(HttpClient(connect_timeout=1), f"http://127.0.0.1:{free_port()}/")
