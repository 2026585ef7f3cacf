"""What is believed of a workforce IdP: its metadata, signed by whom, from where, until when, and again."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask import Flask, Response

from connector.core.errors import Conflict, ConnectorError, Invalid
from connector.core.http import HttpClient
from connector.domain import workforce
from connector.domain.unit import SYSTEM
from connector.domain.workforce import WorkforceIdp
from connector.edges.saml.sp import identity_provider, registry
from connector.parts import Parts
from connector.storage import audit
from tests.conftest import Clock
from tests.saml_world import served
from tests.servers.pki import KeyPair, self_signed_rsa
from tests.servers.process import free_port
from tests.unit.edges.saml.verifier import forge
from tests.workforce_idp import Idp, new_idp


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'connector.db'}"


@pytest.fixture(scope="module")
def idp() -> Idp:
    return new_idp()


class Site:
    """A web server with metadata."""

    def __init__(self) -> None:
        self.content, self.status, self.port = b"", 200, free_port()
        self.url = f"http://127.0.0.1:{self.port}/metadata"


@pytest.fixture
def site() -> Iterator[Site]:
    made, app = Site(), Flask("idp")
    app.add_url_rule("/metadata", view_func=lambda: Response(made.content, made.status))
    with served(app, made.port):
        yield made


def stored(parts: Parts, name: str = "corp") -> WorkforceIdp:
    with parts.domain.view() as unit:
        return workforce.fetch(unit, name)


def keys_of(parts: Parts) -> int:
    return len(identity_provider.parsed(stored(parts).metadata.encode()).keys)


def add(parts: Parts, tmp_path: Path, content: bytes, certificate: KeyPair | None = None, name: str = "corp") -> None:
    file = tmp_path / "metadata.xml"
    file.write_bytes(content)
    pem = certificate.certificate_pem.decode() if certificate else None
    registry.add(parts.domain, SYSTEM, name=name, place=str(file), certificate=pem)


def events(parts: Parts, action: str) -> list[dict[str, Any]]:
    with parts.domain.view() as unit:
        return [orjson.loads(row.body)["detail"] for row in audit.events(unit.tx) if row.action == action]


def signed(idp: Idp, federation: KeyPair) -> bytes:
    """The metadata, signed with xmlsec: the signature stands first."""
    from onelogin.saml2.metadata import OneLogin_Saml2_Metadata  # type: ignore[import-untyped]

    made: bytes = OneLogin_Saml2_Metadata.sign_metadata(
        idp.metadata().decode(), federation.key_pem.decode(), federation.certificate_pem.decode()
    )
    return made if isinstance(made, bytes) else str(made).encode()


def test_signed_metadata_are_believed_by_the_certificate_that_was_given(parts: Parts, tmp_path: Path, idp: Idp) -> None:
    federation = self_signed_rsa("federation")
    content = signed(idp, federation)

    add(parts, tmp_path, content, federation)

    assert stored(parts).entity_id == idp.entity_id
    with pytest.raises(Invalid, match="does not verify"):
        add(parts, tmp_path, content, idp.keys, "other")
    with pytest.raises(Invalid, match="changed after it was signed"):
        add(parts, tmp_path, content.replace(b"/sso", b"/evil"), federation)
    with pytest.raises(Invalid, match="exactly one signature"):
        add(parts, tmp_path, idp.metadata(), federation)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("IDPSSODescriptor", "SPSSODescriptor"), "no IDPSSODescriptor at all"),
        (("HTTP-Redirect", "SOAP"), "no SingleSignOnService with binding HTTP-Redirect"),
        (('use="signing"', 'use="encryption"'), "no X509Certificate to sign with"),
        (('Location="https:', 'Location="javascript:'), "not an http or https address"),
        (('entityID="https', 'entityId="https'), "no entityID"),
        (("<md:EntityDescriptor", "<!DOCTYPE x><md:EntityDescriptor"), "DOCTYPE"),
        (("md:EntityDescriptor", "md:EntitiesDescriptor"), "no identity provider: no EntityDescriptor"),
    ],
)
def test_metadata_that_cannot_be_used_are_refused(
    parts: Parts, tmp_path: Path, idp: Idp, change: tuple[str, str], sentence: str
) -> None:
    with pytest.raises(Invalid, match=sentence):
        add(parts, tmp_path, idp.metadata().decode().replace(*change).encode())


def test_metadata_that_have_ended_are_refused(parts: Parts, tmp_path: Path, idp: Idp, clock: Clock) -> None:
    with pytest.raises(Invalid, match="validUntil of the metadata has passed"):
        add(parts, tmp_path, idp.metadata(valid_until=clock.now))


def test_comments_in_metadata_do_no_harm(parts: Parts, tmp_path: Path, idp: Idp) -> None:
    add(parts, tmp_path, b"<!-- made by hand -->" + idp.metadata().replace(b"</md:IDP", b"<!-- x --></md:IDP"))

    assert keys_of(parts) == 1


def test_a_name_and_an_entity_id_belong_together(parts: Parts, tmp_path: Path, idp: Idp) -> None:
    add(parts, tmp_path, idp.metadata())
    other = new_idp("other", entity_id="https://other.example/")

    with pytest.raises(Conflict, match="remove it first"):
        add(parts, tmp_path, other.metadata())
    with pytest.raises(Conflict, match="another workforce IdP has that entityID"):
        add(parts, tmp_path, idp.metadata(), name="other")


def test_metadata_over_plain_http_need_a_certificate(parts: Parts) -> None:
    with pytest.raises(Invalid, match="need --metadata-certificate"):
        registry.add(parts.domain, SYSTEM, name="corp", place="http://idp.corp.example/metadata")


def test_keys_roll_over_by_reading_metadata_again(parts: Parts, site: Site, idp: Idp, clock: Clock) -> None:
    following = self_signed_rsa("next")
    site.content = idp.metadata()
    registry.add(parts.domain, SYSTEM, name="corp", place=site.url)
    run = registry.refresher(parts.domain, hours=6, http=HttpClient())

    site.content = Idp(idp.keys, next_keys=following).metadata()
    run()
    assert keys_of(parts) == 1, "not due yet"
    clock.move(hours=6)
    run()
    assert keys_of(parts) == 2
    clock.move(hours=6)
    site.content = Idp(following).metadata()
    run()
    assert keys_of(parts) == 1
    assert events(parts, "idp:refreshed") == [{"newKeys": 1, "goneKeys": 0}, {"newKeys": 0, "goneKeys": 1}]


def test_what_was_believed_stays_where_metadata_cannot_be_read_again(
    parts: Parts, site: Site, idp: Idp, clock: Clock
) -> None:
    site.content = idp.metadata()
    registry.add(parts.domain, SYSTEM, name="corp", place=site.url)

    for content, status in (
        (b"", 500),
        (b"<html/>", 200),
        (new_idp("x", entity_id="https://evil.example/").metadata(), 200),
    ):
        site.content, site.status = content, status
        with pytest.raises(ConnectorError):
            registry.refresh(parts.domain, SYSTEM, stored(parts))
    clock.move(hours=7)
    registry.refresher(parts.domain, hours=6, http=HttpClient())()  # told in the log, and no more

    assert keys_of(parts) == 1
    assert "the metadata is that of https://evil.example/, not of" in (stored(parts).problem or "")
    assert len(events(parts, "idp:not-refreshed")) == 1, "once, when it begins"
    site.content, site.status = idp.metadata(), 200
    registry.refresh(parts.domain, SYSTEM, stored(parts))
    assert stored(parts).problem is None


def test_an_idp_from_a_file_is_never_due(parts: Parts, tmp_path: Path, idp: Idp, clock: Clock) -> None:
    add(parts, tmp_path, idp.metadata())
    clock.now += timedelta(days=30)

    with parts.domain.view() as unit:
        assert workforce.due(unit, 1) == []
    with pytest.raises(Invalid, match="no address to read metadata from"):
        registry.refresh(parts.domain, SYSTEM, stored(parts))


# -- metadata of many


def whole(*documents: bytes, ends: str = ' validUntil="2027-03-02T12:00:00Z"') -> bytes:
    inside = b"".join(one.replace(b' ID="_md"', b"") for one in documents)
    md = "urn:oasis:names:tc:SAML:2.0:metadata"
    return f'<md:EntitiesDescriptor xmlns:md="{md}" ID="_all"{ends}>'.encode() + inside + b"</md:EntitiesDescriptor>"


def add_one(parts: Parts, folder: Path, content: bytes, federation: KeyPair | None, entity_id: str | None) -> None:
    file = folder / "many.xml"
    file.write_bytes(content)
    pem = federation.certificate_pem.decode() if federation else None
    registry.add(parts.domain, SYSTEM, name="corp", place=str(file), certificate=pem, entity_id=entity_id)


def test_one_of_many_is_trusted_by_the_signature_of_the_whole_and_no_longer_than_that(
    parts: Parts, tmp_path: Path, idp: Idp
) -> None:
    federation, other = self_signed_rsa("federation"), new_idp("other", entity_id="https://other.example/")
    content = forge.signed(whole(other.metadata(), idp.metadata()).decode(), federation.key).encode()

    add_one(parts, tmp_path, content, federation, idp.entity_id)

    assert stored(parts).entity_id == idp.entity_id
    described = identity_provider.parsed(stored(parts).metadata.encode())
    assert described.valid_until is not None and described.valid_until.day == 2
    assert described.keys == identity_provider.parsed(idp.metadata()).keys
    for bad, by, name, sentence in (
        (content, federation, None, "has 2 identity providers, name one with --entity-id: https://idp"),
        (content, federation, "https://none.example/", "has no identity provider https://none.example/; it has: https"),
        (content, idp.keys, idp.entity_id, "does not verify"),
        (content.replace(b"/sso", b"/evil"), federation, idp.entity_id, "changed after it was signed"),
        (whole(idp.metadata()), federation, None, "exactly one signature"),
        (forge.signed(whole(idp.metadata(), ends="").decode(), federation.key).encode(), federation, None, "no validUntil"),
        (whole(idp.metadata(), ends=' validUntil="2027-03-01T12:00:00Z"'), None, None, "validUntil of the metadata has passed"),
        (idp.metadata(), None, "https://other.example/", "is that of https://idp.corp.example/saml, not of https://other"),
    ):  # fmt: skip
        with pytest.raises(Invalid, match=sentence):
            add_one(parts, tmp_path, bad, by, name)


def test_one_of_many_is_read_again_by_its_own_name(parts: Parts, site: Site, idp: Idp) -> None:
    other = new_idp("other", entity_id="https://other.example/")
    site.content = whole(other.metadata(), idp.metadata())
    registry.add(parts.domain, SYSTEM, name="corp", place=site.url, entity_id=idp.entity_id)

    site.content = whole(Idp(idp.keys, next_keys=other.keys).metadata(), other.metadata())
    registry.refresh(parts.domain, SYSTEM, stored(parts))
    assert keys_of(parts) == 2

    site.content = whole(other.metadata())
    with pytest.raises(Invalid, match="has no identity provider https://idp.corp.example/saml"):
        registry.refresh(parts.domain, SYSTEM, stored(parts))
    assert keys_of(parts) == 2
