"""Metadata of an application from where it is published: fetched, checked, and taken over where it is good.

In: a URL, or a metadata query service and an entityID (SAML profile for the metadata query protocol), and if wanted the certificate
whose key has signed it there. It may be an aggregate of many. What is refused changes nothing: the application keeps what it had.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from connector.core.errors import ConnectorError, Invalid, Unavailable
from connector.core.http import HttpClient, HttpFailure
from connector.core.logs import logger
from connector.domain import app_sources, apps
from connector.domain.app_sources import Source
from connector.domain.unit import SYSTEM, Caller, Domain
from connector.edges.saml import aggregate, service_provider, signature, xml
from connector.edges.saml.fetch import WEB, metadata_at
from connector.edges.saml.service_provider import ServiceProvider
from connector.edges.saml.signature import PublicKey
from connector.edges.saml.xml import Element

_LEAST, _MOST, _USUAL = timedelta(minutes=5), timedelta(hours=24), timedelta(hours=6)
_AFTER_REFUSAL = timedelta(hours=1)
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?)?")
_SAFE = re.compile(r"https://|http://(127\.0\.0\.\d+|localhost)[:/]")

log = logger()


@dataclass(frozen=True)
class Read:
    """Metadata that is good, as it is kept, and until when it need not be read again."""

    content: bytes
    provider: ServiceProvider
    due: datetime


def mdq_url(base: str, entity_id: str) -> str:
    """Where a metadata query service has the metadata of that entity."""
    return f"{base.rstrip('/')}/entities/{quote(entity_id, safe='')}"


def key_of(certificate: bytes) -> PublicKey:
    """The key that metadata must be signed with; Invalid where that is no certificate, or not of RSA or EC."""
    try:
        key = x509.load_pem_x509_certificate(certificate).public_key()
    except ValueError as problem:
        raise Invalid(
            "metadata-certificate must be one X.509 certificate in PEM", field="metadata-certificate"
        ) from problem
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise Invalid("metadata-certificate has a key that is neither RSA nor EC", field="metadata-certificate")
    return key


def fetch(http: HttpClient, url: str) -> bytes:
    """What is there. Unavailable where nobody answers, Invalid where the answer is another one."""
    try:
        return metadata_at(url, http)
    except HttpFailure as problem:
        raise Unavailable(f"the metadata cannot be fetched: {problem.detail}") from problem


def check(content: bytes, *, now: datetime, certificate: bytes | None = None, entity_id: str | None = None) -> Read:
    """The metadata, if it is signed as it must be, current, and of that entity. Invalid says what it is not.

    Of an aggregate, the service provider of that name, or the only one.
    """
    root = _trusted(content, certificate)
    if aggregate.is_one(root):
        root = aggregate.named(aggregate.service_providers(root), entity_id)
    return _read(root, now=now, signed=certificate is not None, entity_id=entity_id)


def check_all(content: bytes, *, now: datetime, certificate: bytes | None = None) -> tuple[list[Read], dict[str, str]]:
    """The service providers of an aggregate that are good; and by entityID, why the others are not."""
    root = _trusted(content, certificate)
    entities = aggregate.service_providers(root) if aggregate.is_one(root) else {root.get("entityID", ""): root}
    good, bad = [], {}
    for entity_id, entity in entities.items():
        try:
            good.append(_read(entity, now=now, signed=certificate is not None, entity_id=entity_id))
        except Invalid as problem:
            bad[entity_id] = problem.detail
    return good, bad


def _trusted(content: bytes, certificate: bytes | None) -> Element:
    """What of it is signed, and so may be read; all of it where nothing needs to be signed."""
    if certificate is None:
        return xml.parse(xml.without_comments(content, what="metadata"), what="metadata")
    root = xml.parse(content, what="metadata")
    # those who are in an aggregate may have signed their part as well
    return signature.verified(root, [key_of(certificate)], nested=aggregate.is_one(root))


def _read(entity: Element, *, now: datetime, signed: bool, entity_id: str | None) -> Read:
    """Signed metadata must say until when it is good: else an old one could come again for ever (IIP-MD04)."""
    content = aggregate.alone(entity)
    provider = service_provider.read(content, now=now)
    if signed and provider.valid_until is None:
        raise Invalid("the metadata is signed, and has no validUntil", field="validUntil")
    if entity_id is not None and provider.entity_id != entity_id:
        raise Invalid(f"the metadata is that of {provider.entity_id}, not of {entity_id}", field="entityID")
    return Read(
        content, provider, now + _pause(xml.parse(content, what="metadata").get("cacheDuration"), provider, now)
    )


def register(
    domain: Domain,
    by: Caller,
    http: HttpClient,
    *,
    name: str,
    url: str,
    certificate: bytes | None,
    entity_id: str | None,
) -> ServiceProvider:
    """Register what is published there, and read it again from now on; without a signature, only by https."""
    read = check(fetch(http, url), now=domain.database.clock(), certificate=certificate, entity_id=entity_id)
    return keep(domain, by, read, name=name, place=url, certificate=certificate)


def keep(
    domain: Domain, by: Caller, read: Read, *, name: str, place: str, certificate: bytes | None
) -> ServiceProvider:
    """Register what was read. `place` is where: an address that can be trusted is read again from now on."""
    found = service_provider.register(domain, by, name=name, metadata=read.content)
    if place.startswith(WEB) and (certificate is not None or _SAFE.match(place)):
        with domain.change(by) as unit:
            app_sources.follow(unit, found.entity_id, place, certificate, due=read.due)
    return found


class Refresher:
    """Reads again what is due; the worker's schedule runs it."""

    def __init__(self, domain: Domain, http: Callable[[], HttpClient]) -> None:
        self._domain = domain
        self._http = http

    def run(self) -> None:
        """One after the other; one that fails holds up no other."""
        with self._domain.view() as unit:
            due = app_sources.due(unit)
        for source in due:
            with self._domain.change(SYSTEM) as unit:
                mine = app_sources.take(unit, source, until=unit.tx.moment + _AFTER_REFUSAL)
            if mine:
                self._refresh(source)

    def _refresh(self, source: Source) -> None:
        now = self._domain.database.clock()
        certificate = source.certificate.encode() if source.certificate else None
        try:
            content = fetch(self._http(), source.url)
            read = check(content, now=now, certificate=certificate, entity_id=source.entity_id)
            self._take_over(source, read)
        except ConnectorError as problem:
            log.warning("metadata refused", action="refresh", application=source.entity_id, problem=problem.detail)
            with self._domain.change(SYSTEM) as unit:
                app_sources.refused(unit, source, problem.detail, due=now + _AFTER_REFUSAL)

    def _take_over(self, source: Source, read: Read) -> None:
        with self._domain.change(SYSTEM) as unit:
            app = apps.find(unit, source.entity_id)
            if app is None:
                return
            service_provider.fit(read.provider, apps.settings(app))
            changes = differences(service_provider.parsed(app.metadata.encode()), read.provider)
            app_sources.refreshed(unit, source, app, read.content.decode(), changes, due=read.due)


def differences(before: ServiceProvider, after: ServiceProvider) -> dict[str, list[str]]:
    """What an operator wants to know of a change: keys by their fingerprints, endpoints by their addresses."""
    found = {}
    for what, old, new in (
        ("keys", before.fingerprints, after.fingerprints),
        ("endpoints", before.addresses, after.addresses),
    ):
        if gone := sorted(old - new):
            found[f"{what}Gone"] = gone
        if fresh := sorted(new - old):
            found[f"{what}New"] = fresh
    return found


def _pause(duration: str | None, provider: ServiceProvider, now: datetime) -> timedelta:
    """How long it may be kept: its cacheDuration, within reason, and well before its validUntil (metadata section 2.3.2)."""
    wanted = _USUAL if duration is None else _parsed(duration)
    if provider.valid_until is not None:
        wanted = min(wanted, (provider.valid_until - now) / 2)
    return max(_LEAST, min(wanted, _MOST))


def _parsed(duration: str) -> timedelta:
    found = _DURATION.fullmatch(duration.strip())
    if found is None or not any(found.groups()):
        raise Invalid("cacheDuration is not a duration of days, hours, minutes and seconds", field="cacheDuration")
    days, hours, minutes, seconds = (min(int(one or 0), 10**6) for one in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
