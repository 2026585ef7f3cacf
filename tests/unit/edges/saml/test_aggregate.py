"""Metadata of many in one document: one of them is taken, or all, and what stands around them counts."""

from datetime import UTC, datetime

import pytest
from lxml import etree

from connector.core.errors import Invalid
from connector.core.http import HttpClient
from connector.core.keys import SigningKey
from connector.domain.unit import SYSTEM
from connector.edges.saml import source, xml
from connector.edges.saml.signature import Signer
from tests.conftest import Clock
from tests.saml_world import World
from tests.servers.pki import self_signed_rsa
from tests.unit.edges.saml.conftest import App
from tests.unit.edges.saml.test_source import FEDERATION, Published, kept, published, refresh, state

__all__ = ["published"]  # a fixture

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
MD = "urn:oasis:names:tc:SAML:2.0:metadata"
KEYS = self_signed_rsa("app")
WIKI, SHOP = App(KEYS, "https://wiki.example/md"), App(KEYS, "https://shop.example/md")
IDP = f'<md:EntityDescriptor xmlns:md="{MD}" entityID="https://idp.example"><md:IDPSSODescriptor/></md:EntityDescriptor>'.encode()
END = 'validUntil="2027-03-08T12:00:00Z"'


def group(*entities: bytes, attributes: str = END) -> bytes:
    inside = b"".join(one.removeprefix(b"<?xml version='1.0' encoding='UTF-8'?>\n") for one in entities)
    return f'<md:EntitiesDescriptor xmlns:md="{MD}" {attributes}>'.encode() + inside + b"</md:EntitiesDescriptor>"


def signed(document: bytes, by: SigningKey | None = None) -> bytes:
    root = etree.fromstring(document)
    root.set("ID", "_all")
    signer = Signer(by or SigningKey("saml", "test", "20270301T120000Z", FEDERATION.key, FEDERATION.certificate))
    return signer.sign(xml.canonical(root).decode()).encode()


def signed_by_itself(app: App) -> bytes:
    other = SigningKey("saml", "test", "20270301T120000Z", KEYS.key, KEYS.certificate)
    root = etree.fromstring(app.metadata)
    root.set("ID", "_" + app.entity_id.rpartition("//")[2].replace("/", "."))
    return Signer(other).sign(xml.canonical(root).decode()).encode()


def test_the_one_that_is_named_is_taken_with_the_end_of_the_whole() -> None:
    nested = group(SHOP.metadata, attributes='validUntil="2027-03-03T12:00:00Z" cacheDuration="PT1H"')
    document = group(IDP, WIKI.metadata, nested)

    wiki = source.check(document, now=NOW, entity_id=WIKI.entity_id)
    shop = source.check(document, now=NOW, entity_id=SHOP.entity_id)

    assert (wiki.provider.entity_id, shop.provider.entity_id) == (WIKI.entity_id, SHOP.entity_id)
    ends = wiki.provider.valid_until, shop.provider.valid_until
    assert ends == (datetime(2027, 3, 8, 12, tzinfo=UTC), datetime(2027, 3, 3, 12, tzinfo=UTC))
    assert (wiki.due, shop.due) == (NOW.replace(hour=18), NOW.replace(hour=13))
    assert etree.fromstring(shop.content).tag == f"{{{MD}}}EntityDescriptor"
    assert SHOP.entity_id.encode() not in wiki.content


def test_the_only_service_provider_needs_no_name() -> None:
    assert source.check(group(IDP, WIKI.metadata), now=NOW).provider.entity_id == WIKI.entity_id


@pytest.mark.parametrize(
    ("document", "entity_id", "problem"),
    [
        (group(WIKI.metadata, SHOP.metadata), None, "has 2 service providers, name one with --entity-id, or take --all: https://shop"),
        (group(WIKI.metadata, SHOP.metadata), "https://idp.example", "has no service provider https://idp.example; it has: https"),
        (group(IDP), None, "the metadata has no service provider"),
        (group(WIKI.metadata, WIKI.metadata), WIKI.entity_id, "has https://wiki.example/md twice"),
        (group(WIKI.metadata, attributes='validUntil="2027-02-01T00:00:00Z"'), None, "has passed"),
        (group(WIKI.metadata, attributes='validUntil="soon"'), None, "validUntil is not a date"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_told(document: bytes, entity_id: str | None, problem: str) -> None:
    with pytest.raises(Invalid, match=problem):
        source.check(document, now=NOW, entity_id=entity_id)


def test_the_whole_must_be_signed_whoever_signed_a_part() -> None:
    certificate = FEDERATION.certificate_pem
    parts = group(signed_by_itself(WIKI), signed_by_itself(SHOP))

    read = source.check(signed(parts), now=NOW, certificate=certificate, entity_id=WIKI.entity_id)
    assert read.provider.entity_id == WIKI.entity_id
    for bad, problem in (
        (parts, "exactly one signature"),
        (signed(parts).replace(b"https://app.example/acs", b"https://evil.example/acs", 1), "changed after"),
        (signed(parts, SigningKey("saml", "x", "20270301T120000Z", KEYS.key, KEYS.certificate)), "does not verify"),
        (signed(group(WIKI.metadata, attributes="")), "has no validUntil"),
        (group(signed(group(WIKI.metadata)), SHOP.metadata), "exactly one signature"),
    ):
        with pytest.raises(Invalid, match=problem):
            source.check(bad, now=NOW, certificate=certificate, entity_id=WIKI.entity_id)


def test_of_all_the_good_ones_are_taken_and_the_others_named() -> None:
    broken = SHOP.metadata.replace(b"https://app.example/acs", b"javascript:alert(1)")

    good, bad = source.check_all(group(IDP, WIKI.metadata, broken), now=NOW)

    assert [one.provider.entity_id for one in good] == [WIKI.entity_id]
    assert list(bad) == [SHOP.entity_id] and "not an http or https address" in bad[SHOP.entity_id]


def test_each_is_read_again_from_the_aggregate_and_one_that_left_keeps_what_it_had(
    world: World, published: Published, clock: Clock
) -> None:
    published.entities["all"] = signed(group(WIKI.metadata, SHOP.metadata))
    url, certificate = published.url("all"), FEDERATION.certificate_pem
    good, _ = source.check_all(source.fetch(HttpClient(), url), now=clock.now, certificate=certificate)
    for read in good:
        title = f"all:{read.provider.entity_id}"
        source.keep(world.domain, SYSTEM, read, name=title, place=url, certificate=certificate)
    moved = WIKI.metadata.replace(b"https://app.example/acs", b"https://app.example/new")
    published.entities["all"] = signed(group(moved))

    clock.move(hours=7)
    refresh(world)

    assert b"https://app.example/new" in kept(world, WIKI)
    assert b"https://app.example/acs" in kept(world, SHOP)
    assert "has no service provider https://shop.example/md" in (state(world, SHOP).problem or "")
