"""Credentials of agents and of inbound clients: issue, register, verify, revoke. A secret is returned once and never kept."""

import base64
import binascii
import hmac
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from connector.core import jose
from connector.core.clock import to_text
from connector.core.errors import Invalid
from connector.core.secret import fingerprint, new_secret
from connector.domain.events import Action
from connector.domain.unit import Unit
from connector.storage import counters, credentials
from connector.storage.credentials import Credential as Credential

_CERTIFICATE = "x509Certificates.value"


@dataclass(frozen=True)
class Issued:
    """A new credential; `secret` is shown to the caller this once."""

    id: str
    secret: str

    def __repr__(self) -> str:
        return f"Issued({self.id})"


def issue(unit: Unit, holder_kind: str, holder_id: str, kind: str, *, not_after: str | None = None) -> Issued:
    """A new `client_secret` or `bearer` for that client or agent."""
    secret = new_secret("acs" if kind == "client_secret" else "acb")
    made = Credential(
        id=unit.tx.new_id("crd"),
        holder_id=holder_id,
        kind=kind,
        origin="issued",
        not_before=unit.tx.now,
        not_after=not_after,
        created=unit.tx.now,
        secret_hash=fingerprint(secret),
    )
    credentials.insert(unit.tx, made)
    unit.record(Action.CREDENTIAL_ISSUED, holder_kind, holder_id, credential=made.id, kind=kind, notAfter=not_after)
    return Issued(made.id, secret)


def register_key(
    unit: Unit,
    holder_kind: str,
    holder_id: str,
    jwk: dict[str, Any],
    *,
    origin: str = "registered",
    not_after: str | None = None,
) -> str:
    """Keep a public key that the holder signs client assertions with; its id. A private part, if any, is dropped."""
    key = jose.import_public(jwk, field="publicKey")
    made = Credential(
        id=unit.tx.new_id("crd"),
        holder_id=holder_id,
        kind="public_key",
        origin=origin,
        not_before=unit.tx.now,
        not_after=not_after,
        created=unit.tx.now,
        public_key=orjson.dumps({**key.as_dict(private=False), "kid": jwk.get("kid", key.thumbprint())}).decode(),
        thumbprint=key.thumbprint(),
    )
    credentials.insert(unit.tx, made)
    unit.record(
        Action.CREDENTIAL_REGISTERED,
        holder_kind,
        holder_id,
        credential=made.id,
        thumbprint=made.thumbprint,
        notAfter=not_after,
    )
    return made.id


def parse_certificates(values: list[str]) -> list[x509.Certificate]:
    """base64 DER certificates (RFC 7643 section 4.1.2). Invalid where one is not, naming the attribute."""
    try:
        return [x509.load_der_x509_certificate(base64.b64decode(value, validate=True)) for value in values]
    except (ValueError, binascii.Error) as problem:
        raise Invalid(f"{_CERTIFICATE} must be one X.509 certificate, DER in base64", field=_CERTIFICATE) from problem


def replace_certificates(unit: Unit, agent_id: str, values: list[str]) -> None:
    """The keys of exactly these certificates are the agent's keys from SCIM; earlier ones are revoked."""
    certificates = parse_certificates(values)
    for revoked in credentials.revoke(unit.tx, agent_id, origin="scim"):
        unit.record(Action.CREDENTIAL_REVOKED, "agent", agent_id, credential=revoked)
    for certificate in certificates:
        spki = certificate.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        jwk = jose.import_public(spki, field=_CERTIFICATE).as_dict(private=False)
        register_key(unit, "agent", agent_id, jwk, origin="scim", not_after=to_text(certificate.not_valid_after_utc))


def secret_matches(unit: Unit, holder_id: str, secret: str) -> bool:
    """Whether this is a live client secret of that holder."""
    given = fingerprint(secret)
    return any(
        hmac.compare_digest(given, c.secret_hash or "") for c in credentials.usable(unit.tx, holder_id, "client_secret")
    )


def public_keys(unit: Unit, holder_id: str) -> list[dict[str, Any]]:
    """The live public keys of that holder, as JWKs."""
    return [orjson.loads(c.public_key or "{}") for c in credentials.usable(unit.tx, holder_id, "public_key")]


def bearer(unit: Unit, token: str) -> Credential | None:
    """The live static bearer with that text."""
    return credentials.by_secret(unit.tx, "bearer", fingerprint(token))


def revoke_all(unit: Unit, holder_kind: str, holder_id: str) -> None:
    for revoked in credentials.revoke(unit.tx, holder_id):
        unit.record(Action.CREDENTIAL_REVOKED, holder_kind, holder_id, credential=revoked)
    if holder_kind == "client":
        counters.advance(unit.tx, counters.CLIENTS)


def used_before(unit: Unit, scope: str, identifier: str, expires: str) -> bool:
    """Remember a one-time identifier; True where it was used already."""
    return credentials.seen_before(unit.tx, scope, identifier, expires)


def listing(unit: Unit, holder_id: str) -> list[Credential]:
    return credentials.of_holder(unit.tx, holder_id)
