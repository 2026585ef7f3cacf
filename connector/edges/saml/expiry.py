"""What ends some day, and takes sign-on along: our signing certificates, those of applications, and their metadata.

Some applications go by the dates of certificates, though SAML does not make them; so whoever keeps them wants to know in time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives import hashes

from connector.core.clock import to_text
from connector.core.errors import Invalid
from connector.core.logs import logger
from connector.domain import app_sources, apps, credentials
from connector.domain.events import Action
from connector.domain.unit import SYSTEM, Domain, Unit
from connector.edges.saml import service_provider
from connector.edges.saml.idp import KEYS

AHEAD = timedelta(days=30)

log = logger()


@dataclass(frozen=True)
class Ending:
    """`holder` is an application's name, or ours; `what` is a certificate, by its SHA-256 or our key's id, or `metadata`."""

    kind: str
    id: str
    holder: str
    what: str
    ends: datetime


def endings(domain: Domain, unit: Unit) -> Iterator[Ending]:
    """Everything that has an end, of us and of the applications that are switched on."""
    for purpose in KEYS.values():
        for key in domain.keys.all(purpose):
            if key.certificate is not None:
                yield Ending("key", key.id, purpose, key.id, key.certificate.not_valid_after_utc)
    for app in apps.listing(unit):
        if not app.active:
            continue
        try:
            provider = service_provider.parsed(app.metadata.encode())
        except Invalid as problem:  # kept by an earlier version, and not readable by this one
            log.warning("metadata unreadable", action="expiry", application=app.entity_id, problem=problem.detail)
            continue
        if provider.valid_until is not None and not _renewed(unit, app.entity_id):
            yield Ending("app", app.entity_id, app.name, "metadata", provider.valid_until)
        for one in {one.fingerprint(hashes.SHA256()).hex(): one for one in provider.certificates}.items():
            yield Ending("app", app.entity_id, app.name, one[0], one[1].not_valid_after_utc)


def _renewed(unit: Unit, entity_id: str) -> bool:
    """Whether its metadata is read again well before it ends."""
    source = app_sources.find(unit, entity_id)
    return source is not None and source.problem is None


class Alerts:
    """Says once of each thing that it ends soon: by an event, and a line in the log. The worker's schedule runs it."""

    def __init__(self, domain: Domain) -> None:
        self._domain = domain

    def run(self) -> None:
        now = self._domain.database.clock()
        with self._domain.view() as unit:
            soon = [one for one in endings(self._domain, unit) if one.ends <= now + AHEAD]
        for one in soon:
            self._say(one, now)

    def _say(self, ending: Ending, now: datetime) -> None:
        remembered = to_text(max(now, ending.ends) + 2 * AHEAD)
        with self._domain.change(SYSTEM) as unit:
            if credentials.used_before(
                unit, f"expiry {ending.id}", f"{ending.what} {to_text(ending.ends)}", remembered
            ):
                return
            action = Action.KEY_EXPIRES if ending.kind == "key" else Action.APP_EXPIRES
            ends = to_text(ending.ends)
            unit.record(action, ending.kind, ending.id, name=ending.holder, what=ending.what, notAfter=ends)
        log.warning("ends soon", action="expiry", holder=ending.holder, what=ending.what, ends=ends)
