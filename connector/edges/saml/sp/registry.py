"""Trust in workforce IdPs: taken from metadata when one is added, and again as time goes by (IIP-MD03, MD04, MD07)."""

import ipaddress
from collections.abc import Callable
from urllib.parse import urlsplit

from connector.core.errors import ConnectorError, Invalid
from connector.core.http import HttpClient
from connector.core.logs import logger
from connector.domain import workforce
from connector.domain.unit import SYSTEM, Caller, Domain
from connector.domain.workforce import Trust, WorkforceIdp
from connector.edges.saml import aggregate, source, xml
from connector.edges.saml.fetch import WEB, metadata_at
from connector.edges.saml.sp import identity_provider
from connector.edges.saml.sp.identity_provider import IdentityProvider

log = logger()


def add(
    domain: Domain,
    by: Caller,
    *,
    name: str,
    place: str,
    certificate: str | None = None,
    entity_id: str | None = None,
) -> IdentityProvider:
    """Trust the IdP whose metadata is in that file or at that address; with a certificate (PEM), only where it signed them.

    `entity_id` says which, where the metadata are those of many.
    """
    if place.startswith(WEB):
        _safe(place, certificate)
    content = believed(metadata_at(place), certificate, entity_id)
    found = current(content, domain)
    url = place if place.startswith(WEB) else None
    with domain.change(by) as unit:
        workforce.add(unit, name, Trust(found.entity_id, content.decode(), url, certificate))
    return found


def refresh(domain: Domain, by: Caller, idp: WorkforceIdp, http: HttpClient | None = None) -> None:
    """Read its metadata again. Where they cannot be had or believed, what was believed before stays, and the error is raised."""
    if idp.url is None:
        raise Invalid(f"{idp.name} has no address to read metadata from: add it again with new ones", field="metadata")
    try:
        content = believed(metadata_at(idp.url, http), idp.certificate, idp.entity_id)
        found = current(content, domain)
    except ConnectorError as problem:
        with domain.change(by) as unit:
            workforce.not_refreshed(unit, idp.name, problem.detail)
        raise
    before = set(identity_provider.parsed(idp.metadata.encode()).certificates)
    with domain.change(by) as unit:
        new, gone = len(set(found.certificates) - before), len(before - set(found.certificates))
        workforce.refreshed(unit, idp.name, content.decode(), newKeys=new, goneKeys=gone)


def refresher(domain: Domain, *, hours: float, http: HttpClient) -> Callable[[], None]:
    """What the worker does now and then: read again what is due. 0 hours: never."""

    def run() -> None:
        if not hours:
            return
        with domain.view() as unit:
            due = workforce.due(unit, hours)
        for idp in due:
            try:
                refresh(domain, SYSTEM, idp, http)
            except ConnectorError as problem:
                log.warning("metadata not read again", action="idp refresh", idp=idp.name, problem=problem.detail)

    return run


def believed(content: bytes, certificate: str | None, entity_id: str | None = None) -> bytes:
    """The metadata, or where a certificate is given what its key signed of them; of an aggregate, the identity provider of that entityID
    or the only one. Invalid where there is another one, or none.
    """
    root = source.trusted(content, certificate.encode() if certificate else None)
    if aggregate.is_one(root):
        kind = aggregate.IDENTITY_PROVIDER
        alone = aggregate.alone(aggregate.named(aggregate.entities(root, kind), entity_id, kind))
        if certificate and identity_provider.parsed(alone).valid_until is None:
            raise Invalid("the metadata is signed, and has no validUntil", field="validUntil")  # IIP-MD04
        return alone
    if entity_id is not None and root.get("entityID") != entity_id:
        raise Invalid(f"the metadata is that of {root.get('entityID')}, not of {entity_id}", field="entity-id")
    return xml.serialise(root)


def current(content: bytes, domain: Domain) -> IdentityProvider:
    """The IdP in them. Invalid where they have ended."""
    found = identity_provider.parsed(content)
    if found.valid_until is not None and found.valid_until <= domain.database.clock():
        raise Invalid(f"validUntil of the metadata has passed: {xml.instant(found.valid_until)}", field="validUntil")
    return found


def _safe(url: str, certificate: str | None) -> None:
    """Over plain HTTP whoever is in between could name keys of their own; on this machine nobody is."""
    if certificate is None and url.startswith("http://") and not _is_loopback(urlsplit(url).hostname or ""):
        raise Invalid(
            "metadata over http:// need --metadata-certificate, the certificate that they are signed with; or use https://",
            field="metadata",
        )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
