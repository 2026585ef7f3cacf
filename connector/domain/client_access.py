"""What an inbound client proves itself with: secrets that live side by side, a static bearer, issuers it trusts.

Each change counts CLIENTS up, so that every process looks at its cached callers again.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from connector.core.clock import to_text
from connector.core.errors import Conflict, Denied, Invalid, NotFound
from connector.domain import credentials, delegations
from connector.domain.clients import named
from connector.domain.credentials import Issued as Issued
from connector.domain.events import Action
from connector.domain.unit import Unit
from connector.storage import clients, counters
from connector.storage import credentials as store
from connector.storage.clients import Trust as Trust

DEFAULT_DAYS, MAX_DAYS = 365, 3 * 365 + 1  # what Entra's gallery asks of a client secret: it ends within three years


@dataclass(frozen=True)
class Held:
    """A credential or a trust of a client, without anything secret; `about` tells a trust's issuer and subject."""

    id: str
    kind: str
    status: str
    not_before: str
    not_after: str | None
    about: str = ""


def issue_secret(unit: Unit, name: str, *, expires: str | None = None) -> Issued:
    """One more secret; those that there are stay. Invalid where `expires` is not days or a date within three years."""
    return _issue(unit, named(unit, name).id, "client_secret", expires)


def issue_bearer(unit: Unit, name: str, *, expires: str | None = None) -> Issued:
    """A static bearer for an IdP that knows nothing else. Denied where the client was not created to have one."""
    found = named(unit, name)
    if not found.static_bearer:
        raise Denied(
            f"{name} may have no static bearer, the weakest way to authenticate. Where the IdP knows nothing else, create "
            "the client with --static-bearer; otherwise use its secret at /oauth/token, or connector client trust"
        )
    return _issue(unit, found.id, "bearer", expires)


def rotate(unit: Unit, name: str, *, overlap: int, expires: str | None = None) -> Issued:
    """A new secret; the old ones end after `overlap` days, or when they would have ended before. 0: at once, tokens too."""
    holder = named(unit, name).id
    end = to_text(unit.tx.moment + timedelta(days=overlap))
    for id in store.end_by(unit.tx, holder, "client_secret", end):
        unit.record(Action.CREDENTIAL_SHORTENED, "client", holder, credential=id, notAfter=end)
    if overlap == 0:
        store.set_cutoff(unit.tx, holder)
    return _issue(unit, holder, "client_secret", expires)


def revoke(unit: Unit, name: str, id: str) -> None:
    """End one credential or trust now. Access tokens do not tell which one got them: all of the client's end.

    NotFound where the client has no live one with that id.
    """
    holder = named(unit, name).id
    if store.revoke_one(unit.tx, holder, id):
        unit.record(Action.CREDENTIAL_REVOKED, "client", holder, credential=id)
    elif clients.remove_trust(unit.tx, holder, id):
        unit.record(Action.TRUST_REMOVED, "client", holder, trust=id)
    else:
        raise NotFound(f"{name} has no live credential {id!r}; see connector client credentials {name}")
    store.set_cutoff(unit.tx, holder)
    counters.advance(unit.tx, counters.CLIENTS)


def held(unit: Unit, name: str) -> list[Held]:
    """What the client has, oldest first, trusts last."""
    holder, now = named(unit, name).id, unit.tx.now
    listed = [
        Held(one.id, one.kind, _status(one, now), one.not_before, one.not_after)
        for one in credentials.listing(unit, holder)
    ]
    return listed + [
        Held(one.id, "trust", "live", one.created, None, f"{one.issuer} {one.subject}{' direct' if one.direct else ''}")
        for one in clients.trusts(unit.tx, holder)
    ]


def trust(unit: Unit, name: str, *, issuer: str, subject: str, audience: str, **how: Any) -> str:
    """Let the issuer's assertions about the subject stand for the client (RFC 7523); the id of the trust. See `add_trust`."""
    made = add_trust(unit, "client", named(unit, name).id, issuer=issuer, subject=subject, audience=audience, **how)
    counters.advance(unit.tx, counters.CLIENTS)
    return made


def add_trust(
    unit: Unit,
    holder_kind: str,
    holder: str,
    *,
    issuer: str,
    subject: str,
    audience: str,
    jwks_url: str | None,
    jwks: str | None,
    reusable: bool = False,
    direct: bool = False,
) -> str:
    """The same for a client or an agent. `reusable`: the same assertion may come again until it ends. `direct`: of a client, the
    issuer's access tokens open SCIM as they are, and nothing else.

    Invalid where what is needed is missing or the keys cannot be used; Conflict where another has that subject.
    """
    for field, value in (("issuer", issuer), ("subject", subject), ("audience", audience)):
        if not value.strip():
            raise Invalid(f"{field} must not be empty", field=field)
    delegations.check_keys(jwks_url, jwks)
    if clients.trust_of(unit.tx, issuer, subject):
        raise Conflict(f"{issuer} is trusted for the subject {subject!r} already", field="subject")
    made = Trust(
        unit.tx.new_id("tru"), holder, issuer, subject, audience, jwks_url, jwks, unit.tx.now, reusable, direct
    )
    clients.insert_trust(unit.tx, made)
    unit.record(Action.TRUST_ADDED, holder_kind, holder, trust=made.id, issuer=issuer, subject=subject)
    return made.id


def trust_of(unit: Unit, issuer: str, subject: str) -> Trust | None:
    """The trust that an assertion with this `iss` and `sub` claims."""
    return clients.trust_of(unit.tx, issuer, subject)


def trusts(unit: Unit, holder: str) -> list[Trust]:
    """Whom a client or agent trusts."""
    return clients.trusts(unit.tx, holder)


def _issue(unit: Unit, holder: str, kind: str, expires: str | None) -> Issued:
    issued = credentials.issue(unit, "client", holder, kind, not_after=to_text(_end(expires, unit.tx.moment)))
    counters.advance(unit.tx, counters.CLIENTS)
    return issued


def _end(expires: str | None, now: datetime) -> datetime:
    try:
        if expires is None:
            end = now + timedelta(days=DEFAULT_DAYS)
        elif expires.isdigit():
            end = now + timedelta(days=int(expires))
        else:
            end = datetime.strptime(expires, "%Y-%m-%d").replace(tzinfo=UTC)
    except (ValueError, OverflowError) as problem:
        detail = f"expires must be a number of days or a date such as 2027-03-31, not {expires!r}"
        raise Invalid(detail, field="expires") from problem
    if not now < end <= now + timedelta(days=MAX_DAYS):
        raise Invalid(f"expires must lie ahead, by three years at most, not {expires!r}", field="expires")
    return end


def _status(one: credentials.Credential, now: str) -> str:
    if one.revoked:
        return "revoked"
    if one.not_after and one.not_after <= now:
        return "expired"
    return "live" if one.not_before <= now else "not yet"
