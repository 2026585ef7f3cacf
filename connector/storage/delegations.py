"""Who may act for whom, and which issuers elsewhere vouch for people."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from connector.storage import tables as t
from connector.storage.db import Transaction
from connector.storage.prepared import Prepared

_d, _v = t.delegation.c, t.vouching.c


@dataclass(frozen=True)
class Delegation:
    """`actor_id` may act for `subject_id` within `scopes` until `not_after`."""

    id: str
    subject_id: str
    actor_id: str
    scopes: frozenset[str]
    not_after: str
    created: str
    made_by: str
    revoked: str | None = None


@dataclass(frozen=True)
class Vouching:
    """An issuer whose JWTs for `audience` tell, by `claim`, the userName of a person."""

    issuer: str
    audience: str
    claim: str
    jwks_url: str | None
    jwks: str | None
    created: str


_DELEGATION = [_d[name] for name in Delegation.__dataclass_fields__]
_of_party = Prepared(
    sa.select(_d.id).where(
        sa.or_(_d.subject_id == sa.bindparam("id"), _d.actor_id == sa.bindparam("id")), _d.revoked.is_(None)
    )
)
_standing = Prepared(
    sa.select(*_DELEGATION)
    .where(
        _d.actor_id == sa.bindparam("actor"),
        _d.subject_id == sa.bindparam("subject"),
        _d.revoked.is_(None),
        _d.not_after > sa.bindparam("now"),
    )
    .order_by(_d.not_after.desc(), _d.id)
)
_VOUCHING = [_v[name] for name in Vouching.__dataclass_fields__]
_vouching = Prepared(sa.select(*_VOUCHING).where(_v.issuer == sa.bindparam("issuer")))


def insert(tx: Transaction, delegation: Delegation) -> None:
    tx.execute(sa.insert(t.delegation).values(**{**vars(delegation), "scopes": " ".join(sorted(delegation.scopes))}))


def standing(tx: Transaction, subject_id: str, actor_id: str) -> list[Delegation]:
    """Those that hold now, the one that lasts longest first."""
    return [_delegation(row) for row in _standing.all(tx, actor=actor_id, subject=subject_id, now=tx.now)]


def of_subject(tx: Transaction, subject_id: str) -> list[Delegation]:
    """Those of this person or agent that hold now, to whomever, the newest first."""
    query = (
        sa.select(*_DELEGATION)
        .where(_d.subject_id == subject_id, _d.revoked.is_(None), _d.not_after > tx.now)
        .order_by(_d.created.desc(), _d.id.desc())
    )
    return [_delegation(row) for row in tx.execute(query)]


def by_id(tx: Transaction, id: str) -> Delegation | None:
    row = tx.execute(sa.select(*_DELEGATION).where(_d.id == id)).first()
    return _delegation(row) if row else None


def everything(tx: Transaction) -> list[Delegation]:
    return [_delegation(row) for row in tx.execute(sa.select(*_DELEGATION).order_by(_d.created, _d.id))]


def revoke(tx: Transaction, id: str) -> bool:
    """Whether it was standing until now."""
    return bool(
        tx.execute(sa.update(t.delegation).where(_d.id == id, _d.revoked.is_(None)).values(revoked=tx.now)).rowcount
    )


def of_party(tx: Transaction, party_id: str) -> list[str]:
    """The ids of those not revoked that this person or agent is a party of."""
    return [row[0] for row in _of_party.all(tx, id=party_id)]


def save_vouching(tx: Transaction, vouching: Vouching) -> None:
    tx.execute(sa.delete(t.vouching).where(_v.issuer == vouching.issuer))
    tx.execute(sa.insert(t.vouching).values(**vars(vouching)))


def vouching(tx: Transaction, issuer: str) -> Vouching | None:
    row = _vouching.first(tx, issuer=issuer)
    return Vouching(*row) if row else None


def vouchings(tx: Transaction) -> list[Vouching]:
    return [Vouching(**row._asdict()) for row in tx.execute(sa.select(*_VOUCHING).order_by(_v.issuer))]


def remove_vouching(tx: Transaction, issuer: str) -> bool:
    return bool(tx.execute(sa.delete(t.vouching).where(_v.issuer == issuer)).rowcount)


def _delegation(row: Any) -> Delegation:
    id, subject, actor, scopes, *more = row
    return Delegation(id, subject, actor, frozenset(scopes.split()), *more)
