"""A service provider as its metadata describes it (SAML metadata sections 2.3.2 and 2.4.4)."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from connector.core.errors import Invalid
from connector.domain import app_sources, apps
from connector.domain.app_settings import AppSettings
from connector.domain.unit import Caller, Domain
from connector.edges.saml import xml
from connector.edges.saml.bundles import Bundles
from connector.edges.saml.encryption import AES_256_GCM, RSA_OAEP
from connector.edges.saml.names import BINDING_ARTIFACT, BINDING_PAOS, BINDING_POST, DS, MD, SAMLP
from connector.edges.saml.signature import MIN_RSA_BITS, PublicKey
from connector.edges.saml.xml import Element

KEY_OF_ECDSA = "samlec"  # of the key ring
_USABLE = (BINDING_POST, BINDING_PAOS, BINDING_ARTIFACT)


@dataclass(frozen=True)
class Endpoint:
    """An AssertionConsumerService or SingleLogoutService; `response` is where answers go, if elsewhere."""

    binding: str
    location: str
    index: int = 0
    default: bool | None = None
    response: str | None = None


@dataclass(frozen=True)
class ServiceProvider:
    """What we need to know to answer it. `signing_keys` are all of them: each may have signed (IIP-MD07).

    `encryption_key` is the first that takes what we encrypt with.
    """

    entity_id: str
    consumers: tuple[Endpoint, ...]
    logouts: tuple[Endpoint, ...]
    signing_keys: tuple[PublicKey, ...]
    encryption_key: rsa.RSAPublicKey | None
    signs_requests: bool
    wants_signed_assertions: bool
    name_id_formats: tuple[str, ...]
    valid_until: datetime | None
    certificates: tuple[x509.Certificate, ...] = ()

    @property
    def fingerprints(self) -> set[str]:
        """SHA-256 of its certificates."""
        return {one.fingerprint(hashes.SHA256()).hex() for one in self.certificates}

    @property
    def addresses(self) -> set[str]:
        return {f"{one.binding.rpartition(':')[2]} {one.location}" for one in (*self.consumers, *self.logouts)}

    @staticmethod
    def ranked(fitting: Sequence[Endpoint], *, artifact: bool = False) -> list[Endpoint]:
        """Those of the preferred binding first, and among them the default: marked so, else the first unmarked, else the first
        (metadata section 2.2.3). HTTP-Artifact is preferred where that was chosen."""

        def rank(one: Endpoint) -> tuple[bool, int]:
            return (one.binding == BINDING_ARTIFACT) != artifact, {True: 0, None: 1, False: 2}[one.default]

        return sorted(fitting, key=rank)

    def logout(self, binding: str) -> Endpoint | None:
        return next((one for one in self.logouts if one.binding == binding), None)


def register(domain: Domain, by: Caller, *, name: str, metadata: bytes) -> ServiceProvider:
    """Register the application whose metadata that is, under a name; or replace the metadata that it had."""
    found = read(metadata, now=domain.database.clock())
    with domain.change(by) as unit:
        app = apps.register(unit, name=name, entity_id=found.entity_id, metadata=metadata.decode("utf-8-sig"))
        app_sources.forget(unit, found.entity_id)
        fit(found, apps.settings(app))
    return found


def configure(domain: Domain, by: Caller, *, name: str, changes: Mapping[str, Any], bundles: Bundles) -> None:
    """Change the settings of the application of that name; Invalid where they, its metadata and we do not fit together."""
    if "attributes" in changes:
        bundles.get(changes["attributes"])
    if changes.get("signature") == "ecdsa-sha256" and not domain.keys.all(KEY_OF_ECDSA):
        domain.keys.make(KEY_OF_ECDSA)  # our metadata has it from now on
    with domain.change(by) as unit:
        app = apps.configure(unit, apps.by_name(unit, name), changes)
        fit(parsed(app.metadata.encode()), apps.settings(app))


def fit(provider: ServiceProvider, settings: AppSettings) -> None:
    """Invalid where what was chosen cannot be done with that metadata."""
    if settings.encrypt == "required" and provider.encryption_key is None:
        raise Invalid(
            "encryption is required, but the metadata has no RSA key of 2048 bits or more for it that takes"
            " AES-256-GCM and RSA-OAEP",
            field="encrypt",
        )
    if settings.sign == "response" and provider.wants_signed_assertions:
        raise Invalid("the metadata has WantAssertionsSigned: sign the assertion, or both", field="sign")


def read(metadata: bytes, *, now: datetime) -> ServiceProvider:
    """The service provider in an EntityDescriptor. Invalid names the element that keeps it from being used."""
    found = parsed(metadata)
    if found.valid_until is not None and found.valid_until <= now:
        raise Invalid(f"validUntil of the metadata has passed: {xml.instant(found.valid_until)}", field="validUntil")
    return found


@lru_cache(maxsize=1024)
def parsed(metadata: bytes) -> ServiceProvider:
    """The same, whatever the time: whoever uses it looks at `valid_until`. Remembered, as each request needs it."""
    root = xml.parse(metadata, what="metadata")
    role = role_of(root, "SPSSODescriptor", "a service provider's")
    consumers = tuple(endpoint(one) for one in role.findall(xml.name(MD, "AssertionConsumerService")))
    if not any(one.binding in _USABLE for one in consumers):
        raise Invalid(
            "SPSSODescriptor has no AssertionConsumerService with binding HTTP-POST, HTTP-Artifact or PAOS",
            field="AssertionConsumerService",
        )
    return ServiceProvider(
        entity_id=root.get("entityID", ""),
        consumers=consumers,
        logouts=tuple(endpoint(one) for one in role.findall(xml.name(MD, "SingleLogoutService"))),
        signing_keys=tuple(key for one in role.findall(xml.name(MD, "KeyDescriptor")) for key in _keys(one, "signing")),
        encryption_key=next(
            (key for one in role.findall(xml.name(MD, "KeyDescriptor")) for key in _sealing(one)), None
        ),
        signs_requests=xml.flag(role, "AuthnRequestsSigned"),
        wants_signed_assertions=xml.flag(role, "WantAssertionsSigned"),
        name_id_formats=tuple(xml.text_of(one) for one in role.findall(xml.name(MD, "NameIDFormat"))),
        valid_until=valid_until(root, role),
        certificates=tuple(_certificate(one) for one in role.iter(xml.name(DS, "X509Certificate"))),
    )


def role_of(root: Element, local: str, whose: str) -> Element:
    """The one role of that name for SAML 2.0 in an EntityDescriptor that has an entityID; Invalid says what is missing."""
    if root.tag != xml.name(MD, "EntityDescriptor"):
        raise Invalid(f"EntityDescriptor expected, not {xml.local_name(root)}", field="EntityDescriptor")
    entity_id = root.get("entityID", "")
    if not entity_id or entity_id != entity_id.strip():
        raise Invalid("EntityDescriptor has no entityID", field="entityID")
    roles = root.findall(xml.name(MD, local))
    fitting = [one for one in roles if SAMLP in one.get("protocolSupportEnumeration", "").split()]
    if not fitting:
        what = "for SAML 2.0" if roles else "at all"
        raise Invalid(f"the metadata has no {local} {what}: it is not {whose}", field=local)
    if len(fitting) > 1:
        raise Invalid(f"the metadata has more than one {local}", field=local)
    return fitting[0]


def endpoint(element: Element) -> Endpoint:
    """An address of a role; Invalid where it is none that a browser or we could be sent to."""
    where = xml.local_name(element)
    location, response = element.get("Location", ""), element.get("ResponseLocation")
    for place in (location, response or location):
        # an auto-posting form or a redirect to javascript: or data: would run in our origin
        if not place.startswith(("https://", "http://")) or any(sign in place for sign in " \t\r\n\"'<>\\"):
            raise Invalid(f"{where} has a Location that is not an http or https address", field=where)
    index = element.get("index", "0")
    if not (index.isascii() and index.isdigit()):
        raise Invalid(f"{where} has an index that is not a number", field=where)
    default = xml.flag(element, "isDefault") if element.get("isDefault") is not None else None
    return Endpoint(element.get("Binding", ""), location, int(index[:6]), default, response)


def _sealing(descriptor: Element) -> list[rsa.RSAPublicKey]:
    """Its keys that we can encrypt to. Without EncryptionMethods the choice is ours (2.4.1.1); else it is theirs."""
    methods = {one.get("Algorithm") for one in descriptor.findall(xml.name(MD, "EncryptionMethod"))}
    for ours, rivals in ((AES_256_GCM, "aes"), (RSA_OAEP, "rsa-")):
        if ours not in methods and any(rivals in (one or "") for one in methods):
            return []
    keys = _keys(descriptor, "encryption")
    return [one for one in keys if isinstance(one, rsa.RSAPublicKey) and one.key_size >= MIN_RSA_BITS]


def _keys(descriptor: Element, use: str) -> list[PublicKey]:
    return [key for _, key in certificates(descriptor, use)]


def certificates(descriptor: Element, use: str) -> list[tuple[bytes, PublicKey]]:
    """Certificates (DER) with their keys that serve that `use`; without one they serve both (2.4.1.1).

    Certificate dates do not matter (IIP-MD12).
    """
    if descriptor.get("use") not in (None, use):
        return []
    found: list[tuple[bytes, PublicKey]] = []
    for one in descriptor.iter(xml.name(DS, "X509Certificate")):
        certificate = _certificate(one)
        key = certificate.public_key()
        if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
            found.append((certificate.public_bytes(serialization.Encoding.DER), key))
    return found


def _certificate(element: Element) -> x509.Certificate:
    try:
        der = base64.b64decode("".join((element.text or "").split()), validate=True)
        return x509.load_der_x509_certificate(der)
    except (binascii.Error, ValueError) as problem:
        raise Invalid("KeyDescriptor has an X509Certificate that cannot be read", field="KeyDescriptor") from problem


def valid_until(root: Element, role: Element) -> datetime | None:
    """When the metadata end: the earlier of what the entity and the role say."""
    ends = [xml.moment(one, "validUntil") for one in (root, role)]
    return min(filter(None, ends), default=None)
