"""New credentials for old: by hand, by the agent itself, or by the schedule; and what to do when one has leaked.

The schedule makes the successor of a secret that ends soon and keeps it sealed until the agent fetches it with the old one. The first
use of the new one is recorded and ends the old one; where that does not come, the owners' event says so before the old one dies.
"""

import base64
import os
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connector.core.clock import to_text
from connector.core.errors import Invalid, NotFound
from connector.core.secret import fingerprint, new_secret
from connector.domain import credentials, sessions
from connector.domain.credentials import PREFIX, Credential, Issued
from connector.domain.events import Action
from connector.domain.unit import SYSTEM, Domain, Unit
from connector.storage import clients, counters, owners
from connector.storage import credentials as store

SCHEDULED = ("client_secret", "api_key")  # what we can make; a key pair is the agent's own to make
AHEAD = timedelta(days=14)
AT_RISK = timedelta(days=2)
_BATCH = 50


def rotate(
    unit: Unit,
    agent_id: str,
    *,
    kind: str = "client_secret",
    overlap: timedelta,
    replaces: str | None = None,
    jwk: dict[str, Any] | None = None,
) -> Issued:
    """A new secret, API key, or public key (`jwk`); the old ones of the kind, or the one named, end after the overlap at most.

    Overlap 0: they end now, and tokens too. Invalid for another kind; NotFound where the one to be replaced is not live.
    """
    if kind not in (*SCHEDULED, "public_key") or (kind == "public_key") != (jwk is not None):
        raise Invalid("kind must be client_secret, api_key, or public_key with the new key as publicKey", field="kind")
    if overlap < timedelta(0) or overlap > timedelta(days=90):
        raise Invalid("overlap must be 0 to 90 days", field="overlap")
    live = [one for one in credentials.usable(unit, agent_id, kind) if replaces in (None, one.id)]
    if replaces is not None and not live:
        raise NotFound(f"there is no live {kind} {replaces!r} of this agent", field="replaces")
    newest = max(live, key=lambda one: (one.created, one.id), default=None)
    before = newest.id if newest else None
    if jwk is not None:
        issued = Issued(credentials.register_key(unit, "agent", agent_id, jwk, replaces=before), "")
    else:
        scopes = frozenset((newest.scopes or "").split()) if newest and newest.kind == "api_key" else None
        if kind == "api_key" and scopes is None:
            raise NotFound("there is no live API key to be replaced; make one with its scopes first", field="kind")
        issued = credentials.issue(unit, "agent", agent_id, kind, scopes=scopes, replaces=before)
    ends = to_text(unit.tx.moment + overlap)
    for one in live:
        if store.end_one_by(unit.tx, one.id, ends):
            unit.record(Action.CREDENTIAL_SHORTENED, "agent", agent_id, credential=one.id, notAfter=ends)
    if not overlap:
        store.set_cutoff(unit.tx, agent_id)
    return issued


def revoke(unit: Unit, agent_id: str, id: str) -> None:
    """End one credential or trust now, and the agent's tokens, which do not tell what got them. NotFound where it is not live."""
    if store.revoke_one(unit.tx, agent_id, id):
        unit.record(Action.CREDENTIAL_REVOKED, "agent", agent_id, credential=id)
    elif clients.remove_trust(unit.tx, agent_id, id):
        unit.record(Action.TRUST_REMOVED, "agent", agent_id, trust=id)
    else:
        raise NotFound(f"there is no live credential {id!r} of this agent", field="credential")
    store.set_cutoff(unit.tx, agent_id)
    counters.advance(unit.tx, counters.CLIENTS)


def leaked(unit: Unit, agent_id: str, *, why: str | None = None) -> None:
    """Something of the agent's got out: every credential, token and session ends in this transaction. The agent stays active."""
    credentials.revoke_all(unit, "agent", agent_id)
    for trust in clients.trusts(unit.tx, agent_id):
        revoke(unit, agent_id, trust.id)
    store.set_cutoff(unit.tx, agent_id)
    sessions.end_all(unit, agent_id)
    unit.record(Action.CREDENTIAL_LEAKED, "agent", agent_id, why=why, owners=_owners(unit, agent_id))


def schedule(domain: Domain) -> int:
    """Make successors of secrets that end soon, and warn where one is not used yet; how many were made. Forgets dead tokens."""
    with domain.change(SYSTEM.because("a credential ends soon")) as unit:
        due = store.due(unit.tx, SCHEDULED, to_text(unit.tx.moment + AHEAD), _BATCH)
        for old in due:
            _succeed(domain, unit, old)
        for old, new in store.unconfirmed(unit.tx, to_text(unit.tx.moment + AT_RISK), _BATCH):
            _warn(unit, old, new)
        store.forget_expired(unit.tx)
    return len(due)


def fetch(domain: Domain, unit: Unit, agent_id: str, id: str) -> Issued:
    """The secret that the schedule made, once. NotFound where there is none to be had."""
    sealed = store.take_sealed(unit.tx, agent_id, id)
    if sealed is None:
        raise NotFound(f"there is no secret {id!r} waiting for this agent", field="credential")
    raw = base64.b64decode(sealed)
    secret = AESGCM(_key(domain)).decrypt(raw[:12], raw[12:], id.encode()).decode()
    unit.record(Action.CREDENTIAL_FETCHED, "agent", agent_id, credential=id)
    return Issued(id, secret)


def _succeed(domain: Domain, unit: Unit, old: Credential) -> None:
    secret = new_secret(PREFIX[old.kind])
    made = credentials.add(
        unit,
        "agent",
        old.holder_id,
        old.kind,
        origin="scheduled",
        secret_hash=fingerprint(secret),
        scopes=old.scopes,
        replaces=old.id,
    )
    nonce = os.urandom(12)
    sealed = nonce + AESGCM(_key(domain)).encrypt(nonce, secret.encode(), made.id.encode())
    store.seal(unit.tx, made.id, base64.b64encode(sealed).decode())
    unit.record(
        Action.CREDENTIAL_DUE,
        "agent",
        old.holder_id,
        credential=old.id,
        successor=made.id,
        notAfter=old.not_after,
        owners=_owners(unit, old.holder_id),
    )


def _warn(unit: Unit, old: Credential, new: Credential) -> None:
    if credentials.used_before(unit, "credential at risk", old.id, old.not_after or unit.tx.now):
        return  # said already
    unit.record(
        Action.CREDENTIAL_AT_RISK,
        "agent",
        old.holder_id,
        credential=old.id,
        successor=new.id,
        notAfter=old.not_after,
        fetched=new.sealed is None,
        owners=_owners(unit, old.holder_id),
    )


def _owners(unit: Unit, agent_id: str) -> list[str]:
    return [one.holder_id for one in owners.of_agent(unit.tx, agent_id)]


def _key(domain: Domain) -> bytes:
    return domain.keys.derive("sealed secret")
