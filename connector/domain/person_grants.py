"""Authorization codes and refresh tokens: an agent turns each into tokens for a person, once.

One that comes again was stolen, from or by whoever used it first: then everything that came of the same code ends (RFC 6749
section 4.1.2, RFC 9700 section 4.14.2). What tokens may say is decided anew each time, by domain.exchange.
"""

import base64
import hashlib
import hmac
import re
from datetime import datetime, timedelta

from connector.core.clock import from_text, to_text
from connector.core.errors import Denied
from connector.core.secret import fingerprint, new_secret
from connector.domain.consents import Asked, Offer
from connector.domain.delegations import TOKEN_LIFE
from connector.domain.events import Action
from connector.domain.exchange import Subject, Wish
from connector.domain.person_sessions import SignedIn
from connector.domain.unit import Caller, Unit
from connector.storage import credentials
from connector.storage import person_grants as store
from connector.storage.person_grants import PersonGrant as PersonGrant

CODE_LIFE = timedelta(seconds=60)
_CODE, _REFRESH = "code", "refresh"
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")  # RFC 7636 section 4.1


def code(unit: Unit, asked: Asked, offered: Offer, person: SignedIn) -> str:
    """A code for what was offered, good for a minute, with the proofs that the agent must show."""
    secret = new_secret("aco")
    made = PersonGrant(
        secret_hash=fingerprint(secret),
        kind=_CODE,
        family=unit.tx.new_id("fam"),
        agent_id=asked.agent_id,
        person_id=person.person_id,
        scopes=offered.names,
        resource=offered.resource,
        redirect_uri=asked.redirect_uri,
        challenge=asked.challenge,
        jkt=asked.jkt,
        proven=to_text(person.proven) if person.proven else None,
        context=person.context,
        expires=to_text(unit.tx.moment + CODE_LIFE),
    )
    _keep(unit, made)
    return secret


def redeem(
    unit: Unit, caller: Caller, secret: str, wish: Wish, *, verifier: str, redirect_uri: str | None
) -> PersonGrant:
    """What a code stands for. Denied (`code`) where it does not belong to this request; it is used up all the same."""
    found = _taken(unit, caller, _CODE, secret, wish)
    if found.redirect_uri != redirect_uri:
        raise Denied("redirect_uri is not the one of the authorization request", field="code")
    if not _VERIFIER.fullmatch(verifier):
        raise Denied("code_verifier must have 43 to 128 letters, digits or -._~", field="code")
    hashed = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    if not hmac.compare_digest(hashed, found.challenge or ""):
        raise Denied("code_verifier does not belong to the code_challenge", field="code")
    if found.jkt is not None and not hmac.compare_digest(wish.confirmation.get("jkt", ""), found.jkt):
        raise Denied("the code is bound to another DPoP key (dpop_jkt)", field="code")
    return found


def renew(unit: Unit, caller: Caller, secret: str, wish: Wish) -> PersonGrant:
    """What a refresh token stands for. Denied (`code`) where it is dead or not the caller's, (`scope`) where more is wanted."""
    return _taken(unit, caller, _REFRESH, secret, wish)


def subject(grant: PersonGrant) -> Subject:
    """The person, for an exchange."""
    told: dict[str, int | str] = {"acr": grant.context} if grant.context else {}
    if grant.proven is not None:
        told["auth_time"] = int(from_text(grant.proven).timestamp())
    return Subject(grant.person_id, grant.scopes, parents=(grant.family,), authentication=told)


def refresh_token(unit: Unit, grant: PersonGrant, ends: datetime) -> str:
    """The next one of the family; it lasts as long as the delegation."""
    secret = new_secret("art")
    changed = {"secret_hash": fingerprint(secret), "kind": _REFRESH, "expires": to_text(ends), "used": None}
    _keep(unit, PersonGrant(**{**vars(grant), **changed, "redirect_uri": None, "challenge": None, "jkt": None}))
    return secret


def revoke(unit: Unit, secret: str) -> bool:
    """End a refresh token of the caller's own, and all tokens of its family (RFC 7009 section 2.1). Whether it was one."""
    found = store.by_hash(unit.tx, fingerprint(secret))
    if found is None or found.kind != _REFRESH or found.agent_id != unit.by.id:
        return False
    _end_family(unit, found)
    unit.record(Action.TOKEN_REVOKED, "agent", found.agent_id, token=found.family, onBehalfOf=found.person_id)
    return True


def _taken(unit: Unit, caller: Caller, kind: str, secret: str, wish: Wish) -> PersonGrant:
    found = store.by_hash(unit.tx, fingerprint(secret))
    if found is None or found.kind != kind or found.agent_id != caller.id:
        raise Denied(f"the {kind} is not known, or was given to another agent", field="code")
    if wish.resource not in (None, found.resource):
        raise Denied(f"the {kind} is for the resource {found.resource}", field="resource")
    if kind == _REFRESH and wish.scopes - found.scopes:
        raise Denied(f"the scope {min(wish.scopes - found.scopes)!r} is not one that was consented to", field="scope")
    if not store.use(unit.tx, found.secret_hash):
        _end_family(unit, found)
        unit.record(Action.GRANT_REPLAYED, "agent", found.agent_id, grant=kind, onBehalfOf=found.person_id)
        raise Denied(f"the {kind} was used before: all that came of it has ended", field="code")
    if found.expires <= unit.tx.now:
        raise Denied(f"the {kind} has expired", field="code")
    return found


def _end_family(unit: Unit, grant: PersonGrant) -> None:
    store.use_up(unit.tx, grant.family)
    credentials.revoke_token(unit.tx, grant.family, to_text(unit.tx.moment + TOKEN_LIFE))


def _keep(unit: Unit, grant: PersonGrant) -> None:
    # What has expired is remembered for as long as tokens live that came of it: a replay must end them.
    store.insert(unit.tx, grant, forget_before=to_text(unit.tx.moment - TOKEN_LIFE))
