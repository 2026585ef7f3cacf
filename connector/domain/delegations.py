"""Standing delegations: this agent may act for that person or agent, within these scopes, until then. And who vouches for people."""

import re
from datetime import timedelta

import orjson

from connector.core import jose
from connector.core.clock import to_text
from connector.core.errors import Invalid, NotFound
from connector.domain import sessions
from connector.domain.events import Action
from connector.domain.unit import Unit
from connector.storage import credentials as store
from connector.storage import delegations, resources
from connector.storage import scopes as registry
from connector.storage.delegations import Delegation as Delegation
from connector.storage.delegations import Vouching as Vouching

MAX_DAYS = 366
TOKEN_LIFE = timedelta(hours=2)  # longer than any token lives: so long is it remembered that a delegation has ended


def add(unit: Unit, subject_id: str, actor_id: str, scopes: frozenset[str], *, not_after: str) -> Delegation:
    """Invalid where a party is not there, a scope is not registered, or the end is not within a year."""
    parties = resources.by_ids(unit.tx, [subject_id, actor_id])
    subject, actor = parties.get(subject_id), parties.get(actor_id)
    if subject is None or subject.kind not in ("person", "agent"):
        raise Invalid(f"subject {subject_id!r} is not the id of a User or Agent", field="subject")
    if actor is None or actor.kind != "agent" or actor_id == subject_id:
        raise Invalid(f"actor {actor_id!r} is not the id of another Agent", field="actor")
    unknown = sorted(scopes - registry.named(unit.tx, scopes).keys())
    if unknown or not scopes:
        raise Invalid(f"scope {unknown[0]!r} is not registered" if unknown else "name a scope", field="scope")
    if not unit.tx.now < not_after <= to_text(unit.tx.moment + timedelta(days=MAX_DAYS)):
        raise Invalid(f"the end must lie ahead, by a year at most, not {not_after}", field="expires")
    made = Delegation(unit.tx.new_id("dlg"), subject_id, actor_id, scopes, not_after, unit.tx.now, unit.by.id)
    delegations.insert(unit.tx, made)
    unit.record(
        Action.DELEGATION_MADE,
        subject.kind,
        subject_id,
        delegation=made.id,
        actor=actor_id,
        scopes=sorted(scopes),
        notAfter=not_after,
    )
    return made


def revoke(unit: Unit, id: str) -> None:
    """End it, and every token that was issued by it, and those that were exchanged for these, at once."""
    found = delegations.by_id(unit.tx, id)
    if found is None or not delegations.revoke(unit.tx, id):
        raise NotFound(f"there is no standing delegation {id!r}", field="delegation")
    store.revoke_token(unit.tx, id, to_text(unit.tx.moment + TOKEN_LIFE))
    sessions.end_all(unit, id)
    kind = "agent" if found.subject_id.startswith("agt-") else "person"
    unit.record(Action.DELEGATION_REVOKED, kind, found.subject_id, delegation=id, actor=found.actor_id)


def revoke_own(unit: Unit, id: str, subject_id: str) -> None:
    """The same by the person who has delegated. NotFound where it is not theirs."""
    found = delegations.by_id(unit.tx, id)
    if found is None or found.subject_id != subject_id:
        raise NotFound(f"there is no standing delegation {id!r}", field="delegation")
    revoke(unit, id)


def end_all(unit: Unit, party_id: str) -> None:
    """The person or agent is gone: nobody acts for it, and it for nobody."""
    for id in delegations.of_party(unit.tx, party_id):
        revoke(unit, id)


def listing(unit: Unit) -> list[Delegation]:
    return delegations.everything(unit.tx)


def standing(unit: Unit, subject_id: str, actor_id: str) -> list[Delegation]:
    """Those that hold now, the one that lasts longest first."""
    return delegations.standing(unit.tx, subject_id, actor_id)


def of_subject(unit: Unit, subject_id: str) -> list[tuple[Delegation, str]]:
    """What this person or agent has delegated and holds now, the newest first, each with the name of the agent that may act."""
    found = delegations.of_subject(unit.tx, subject_id)
    actors = resources.by_ids(unit.tx, {one.actor_id for one in found})
    return [(one, actors[one.actor_id].name) for one in found if one.actor_id in actors]


def vouch(unit: Unit, issuer: str, *, audience: str, claim: str, jwks_url: str | None, jwks: str | None) -> None:
    """Let an issuer's JWTs say who a person is: `claim` holds the userName. What was said of it before is replaced."""
    for field, value in (("issuer", issuer), ("audience", audience), ("claim", claim)):
        if not value.strip():
            raise Invalid(f"{field} must not be empty", field=field)
    check_keys(jwks_url, jwks)
    delegations.save_vouching(unit.tx, Vouching(issuer, audience, claim, jwks_url, jwks, unit.tx.now))
    unit.record(Action.VOUCHING_ADDED, "issuer", issuer, audience=audience, claim=claim)


def stop_vouching(unit: Unit, issuer: str) -> None:
    if not delegations.remove_vouching(unit.tx, issuer):
        raise NotFound(f"the issuer {issuer!r} does not vouch for people here", field="issuer")
    unit.record(Action.VOUCHING_REMOVED, "issuer", issuer)


def vouching(unit: Unit, issuer: str) -> Vouching | None:
    return delegations.vouching(unit.tx, issuer)


def check_keys(jwks_url: str | None, jwks: str | None) -> None:
    """Exactly one place of an issuer's keys, and one that can be trusted. Invalid otherwise."""
    if (jwks_url is None) == (jwks is None):
        raise Invalid("name exactly one of --jwks-url and --jwks-file", field="jwks-url")
    if jwks_url is not None and not re.match(r"https://|http://(127\.0\.0\.1|localhost)[:/]", jwks_url):
        raise Invalid(
            f"jwks-url must begin with https://, not {jwks_url!r}: keys over http can be replaced", field="jwks-url"
        )
    if jwks is not None:
        try:
            jose.key_set(orjson.loads(jwks))
        except ValueError as problem:
            raise Invalid(
                f"jwks-file is not a JWK Set with keys that we can use: {problem}", field="jwks-file"
            ) from problem
