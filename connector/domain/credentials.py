"""Credentials of agents and of inbound clients: issue, register, verify, revoke. A secret is returned once and never kept.

Each kind has a longest life, so that none gets old. Rotation is domain.rotation's business.
"""

import base64
import binascii
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from connector.core import jose
from connector.core.clock import to_text
from connector.core.errors import Invalid
from connector.core.secret import fingerprint, new_secret
from connector.domain.events import Action
from connector.domain.unit import Unit
from connector.storage import counters, credentials
from connector.storage.credentials import Credential as Credential

_CERTIFICATE = "x509Certificates.value"
PREFIX = {"client_secret": "acs", "bearer": "acb", "api_key": "ack"}


@dataclass(frozen=True)
class Issued:
    """A new credential; `secret` is shown to the caller this once."""

    id: str
    secret: str

    def __repr__(self) -> str:
        return f"Issued({self.id})"


def issue(
    unit: Unit,
    holder_kind: str,
    holder_id: str,
    kind: str,
    *,
    not_after: str | None = None,
    scopes: frozenset[str] | None = None,
    replaces: str | None = None,
) -> Issued:
    """A new `client_secret`, `bearer` or `api_key` for that client or agent; it ends when its kind must, unless before."""
    secret = new_secret(PREFIX[kind])
    made = add(
        unit,
        holder_kind,
        holder_id,
        kind,
        origin="issued",
        not_after=not_after,
        secret_hash=fingerprint(secret),
        scopes=None if scopes is None else " ".join(sorted(scopes)),
        replaces=replaces,
    )
    return Issued(made.id, secret)


def add(
    unit: Unit,
    holder_kind: str,
    holder_id: str,
    kind: str,
    *,
    origin: str,
    not_after: str | None = None,
    **what: str | None,
) -> Credential:
    """Keep a credential of any kind, within the longest life of its kind; what it is made of comes in as columns."""
    latest = to_text(unit.tx.moment + timedelta(days=unit.longest_days[kind]))
    if origin == "scim" and not_after is not None:
        not_after = min(
            not_after, latest
        )  # a certificate's dates are its issuer's business: the longest life cuts them short
    elif holder_kind == "agent" and not_after is not None and not unit.tx.now < not_after <= latest:
        raise Invalid(
            f"expires: a {kind} of an agent ends within {unit.longest_days[kind]} days, not at {not_after}",
            field="expires",
        )
    made = Credential(
        id=unit.tx.new_id("crd"),
        holder_id=holder_id,
        kind=kind,
        origin=origin,
        not_before=unit.tx.now,
        not_after=not_after or latest,
        created=unit.tx.now,
        **what,
    )
    credentials.insert(unit.tx, made)
    action = Action.CREDENTIAL_ISSUED if made.secret_hash else Action.CREDENTIAL_REGISTERED
    told = {"thumbprint": made.thumbprint, "name": made.name, "scopes": made.scopes, "replaces": made.replaces}
    unit.record(action, holder_kind, holder_id, credential=made.id, kind=kind, notAfter=made.not_after, **told)
    return made


def register_key(
    unit: Unit,
    holder_kind: str,
    holder_id: str,
    jwk: dict[str, Any],
    *,
    origin: str = "registered",
    not_after: str | None = None,
    replaces: str | None = None,
) -> str:
    """Keep a public key that the holder signs client assertions with; its id. A private part, if any, is dropped."""
    key = jose.import_public(jwk, field="publicKey")
    public = orjson.dumps({**key.as_dict(private=False), "kid": jwk.get("kid", key.thumbprint())}).decode()
    made = add(
        unit,
        holder_kind,
        holder_id,
        "public_key",
        origin=origin,
        not_after=not_after,
        public_key=public,
        thumbprint=key.thumbprint(),
        replaces=replaces,
    )
    return made.id


def register_certificate(
    unit: Unit, holder_kind: str, holder_id: str, pem: bytes, *, origin: str = "registered"
) -> str:
    """Keep a certificate that the holder shows in TLS (RFC 8705 section 2.2), by its thumbprint; its id."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError as problem:
        raise Invalid("certificate must be one X.509 certificate in PEM", field="certificate") from problem
    ends = to_text(certificate.not_valid_after_utc)
    if ends <= unit.tx.now:
        raise Invalid(f"certificate: it ended at {ends}", field="certificate")
    latest = to_text(unit.tx.moment + timedelta(days=unit.longest_days["certificate"]))
    made = add(
        unit,
        holder_kind,
        holder_id,
        "certificate",
        origin=origin,
        not_after=min(ends, latest),
        thumbprint=thumbprint(certificate),
    )
    return made.id


def register_tls_name(unit: Unit, holder_kind: str, holder_id: str, name: str) -> str:
    """Let certificates of a trusted CA with that name stand for the holder (RFC 8705 section 2.1.2): `san_uri:spiffe://…`."""
    form, _, value = name.partition(":")
    if form not in TLS_NAMES or not value:
        raise Invalid(f"name must be one of {', '.join(f'{one}:…' for one in TLS_NAMES)}, not {name!r}", field="name")
    return add(unit, holder_kind, holder_id, "tls_name", origin="registered", name=name).id


TLS_NAMES = ("subject_dn", "san_dns", "san_uri", "san_ip", "san_email")


def thumbprint(certificate: x509.Certificate) -> str:
    """x5t#S256: base64url of the SHA-256 of the DER (RFC 8705 section 3.1)."""
    return base64.urlsafe_b64encode(certificate.fingerprint(hashes.SHA256())).rstrip(b"=").decode()


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


def with_secret(unit: Unit, holder_id: str, secret: str) -> Credential | None:
    """The live client secret of that holder that this is."""
    given, found = fingerprint(secret), None
    for one in credentials.usable(unit.tx, holder_id, "client_secret"):
        if hmac.compare_digest(given, one.secret_hash or ""):
            found = one
    return found


def usable(unit: Unit, holder_id: str, kind: str) -> list[Credential]:
    """The holder's credentials of that kind that are valid now."""
    return credentials.usable(unit.tx, holder_id, kind)


def static(unit: Unit, token: str) -> Credential | None:
    """The live static bearer or API key with that text."""
    kind = "api_key" if token.startswith(PREFIX["api_key"]) else "bearer"
    return credentials.by_secret(unit.tx, kind, fingerprint(token))


def used(unit: Unit, holder_kind: str, credential: Credential) -> None:
    """Note that it was used. The first use of one that replaces another confirms the rotation: the other may end soon."""
    if not unnoted(credential, unit.tx.moment):
        return
    if not credentials.mark_used(unit.tx, credential.id) or credential.replaces is None:
        return
    ends = to_text(unit.tx.moment + AFTER_CONFIRMED)
    credentials.end_one_by(unit.tx, credential.replaces, ends)
    unit.record(
        Action.CREDENTIAL_CONFIRMED,
        holder_kind,
        credential.holder_id,
        credential=credential.id,
        replaces=credential.replaces,
        notAfter=ends,
    )


def unnoted(credential: Credential, now: datetime) -> bool:
    """Whether a use now is to be noted: last_used is kept to the minute."""
    return credential.last_used is None or credential.last_used <= to_text(now - timedelta(minutes=1))


AFTER_CONFIRMED = timedelta(hours=1)  # the old one serves what is still running with it


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


def status(one: Credential, now: str) -> str:
    """pending, active, expired or revoked."""
    if one.revoked:
        return "revoked"
    if one.not_after and one.not_after <= now:
        return "expired"
    return "pending" if one.not_before > now else "active"
