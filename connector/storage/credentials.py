"""Credentials of clients and agents, what was revoked, and one-time identifiers. Secrets are kept as hashes only."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from connector.storage import tables as t
from connector.storage.db import Transaction
from connector.storage.lists import within
from connector.storage.prepared import Prepared

_c = t.credential.c


@dataclass(frozen=True)
class Credential:
    id: str
    holder_id: str
    kind: str
    origin: str
    not_before: str
    created: str
    not_after: str | None = None
    secret_hash: str | None = None
    public_key: str | None = None
    thumbprint: str | None = None
    name: str | None = None
    scopes: str | None = None
    sealed: str | None = None
    replaces: str | None = None
    revoked: str | None = None
    last_used: str | None = None

    def __repr__(self) -> str:
        return f"Credential({self.id}, {self.kind})"


_COLUMNS = [_c[name] for name in Credential.__dataclass_fields__]
_live = sa.and_(
    _c.revoked.is_(None),
    _c.not_before <= sa.bindparam("now"),
    sa.or_(_c.not_after.is_(None), _c.not_after > sa.bindparam("now")),
)
_usable = Prepared(
    sa.select(*_COLUMNS).where(_c.holder_id == sa.bindparam("holder"), _c.kind == sa.bindparam("kind"), _live)
)
_by_secret = Prepared(
    sa.select(*_COLUMNS).where(_c.secret_hash == sa.bindparam("hash"), _c.kind == sa.bindparam("kind"), _live)
)
_of_holders = Prepared(sa.select(*_COLUMNS).where(within(_c.holder_id, "ids")).order_by(_c.created, _c.id))


def insert(tx: Transaction, credential: Credential) -> None:
    tx.execute(sa.insert(t.credential).values(**vars(credential)))


def usable(tx: Transaction, holder_id: str, kind: str) -> list[Credential]:
    """The holder's credentials of that kind that are valid now."""
    return [Credential(*row) for row in _usable.all(tx, holder=holder_id, kind=kind, now=tx.now)]


def by_secret(tx: Transaction, kind: str, secret_hash: str) -> Credential | None:
    row = _by_secret.first(tx, hash=secret_hash, kind=kind, now=tx.now)
    return Credential(*row) if row else None


def by_id(tx: Transaction, holder_id: str, id: str) -> Credential | None:
    row = tx.execute(sa.select(*_COLUMNS).where(_c.holder_id == holder_id, _c.id == id)).first()
    return Credential(**row._asdict()) if row else None


def mark_used(tx: Transaction, id: str) -> bool:
    """Note the use; whether it is the first."""
    first: int = _mark_first(tx, id_=id, last_used=tx.now).rowcount
    if not first:
        _mark(tx, id_=id, last_used=tx.now)
    return bool(first)


def take_sealed(tx: Transaction, holder_id: str, id: str) -> str | None:
    """The sealed secret, which is forgotten with this."""
    found = by_id(tx, holder_id, id)
    if found is None or found.revoked or found.sealed is None:
        return None
    tx.execute(sa.update(t.credential).where(_c.id == id).values(sealed=None))
    return found.sealed


def end_one_by(tx: Transaction, id: str, moment: str) -> bool:
    """Let it end then, unless it ends before or was revoked; whether that changed anything."""
    later = sa.or_(_c.not_after.is_(None), _c.not_after > moment)
    done = tx.execute(sa.update(t.credential).where(_c.id == id, _c.revoked.is_(None), later).values(not_after=moment))
    return bool(done.rowcount)


def due(tx: Transaction, kinds: tuple[str, ...], before: str, limit: int) -> list[Credential]:
    """Live secrets of agents that end before that moment and have no successor yet."""
    successor = t.credential.alias()
    query = (
        sa.select(*_COLUMNS)
        .where(
            _c.kind.in_(kinds),
            _c.revoked.is_(None),
            _c.not_after > tx.now,
            _c.not_after <= before,
            _c.holder_id.startswith("agt-"),
            ~sa.exists().where(successor.c.replaces == _c.id),
        )
        .order_by(_c.not_after)
        .limit(limit)
    )
    return [Credential(**row._asdict()) for row in tx.execute(query)]


def of_holder(tx: Transaction, holder_id: str) -> list[Credential]:
    query = sa.select(*_COLUMNS).where(_c.holder_id == holder_id).order_by(_c.created)
    return [Credential(**row._asdict()) for row in tx.execute(query)]


def of_holders(tx: Transaction, holder_ids: Iterable[str]) -> dict[str, list[Credential]]:
    """The credentials of those who have any, oldest first."""
    found: dict[str, list[Credential]] = {}
    for row in _of_holders.all(tx, ids=orjson.dumps(list(holder_ids)).decode()):
        found.setdefault(row[1], []).append(Credential(*row))
    return found


def revoke(tx: Transaction, holder_id: str, *, origin: str | None = None) -> list[str]:
    """Revoke the holder's live credentials (of one origin, or all); their ids."""
    chosen = [_c.holder_id == holder_id, _c.revoked.is_(None)] + ([_c.origin == origin] if origin else [])
    return list(tx.execute(sa.update(t.credential).where(*chosen).values(revoked=tx.now).returning(_c.id)).scalars())


def revoke_one(tx: Transaction, holder_id: str, id: str) -> bool:
    """Revoke one live credential of the holder; whether there was one."""
    chosen = (_c.holder_id == holder_id, _c.id == id, _c.revoked.is_(None))
    return (
        tx.execute(sa.update(t.credential).where(*chosen).values(revoked=tx.now).returning(_c.id)).first() is not None
    )


def end_by(tx: Transaction, holder_id: str, kind: str, moment: str) -> list[str]:
    """Let the holder's live credentials of that kind end then, unless they end before; their ids."""
    later = sa.or_(_c.not_after.is_(None), _c.not_after > moment)
    chosen = (_c.holder_id == holder_id, _c.kind == kind, _c.revoked.is_(None), later)
    return list(tx.execute(sa.update(t.credential).where(*chosen).values(not_after=moment).returning(_c.id)).scalars())


_mark = Prepared(sa.update(t.credential).where(_c.id == sa.bindparam("id_")), columns=("last_used",))
_mark_first = Prepared(
    sa.update(t.credential).where(_c.id == sa.bindparam("id_"), _c.last_used.is_(None)), columns=("last_used",)
)
_cutoffs = Prepared(sa.select(t.cutoff.c.tokens_before).where(within(t.cutoff.c.subject_id, "ids")))
_cutoff = Prepared(sa.select(t.cutoff.c.tokens_before).where(t.cutoff.c.subject_id == sa.bindparam("id")))
_forget_replay = Prepared(sa.delete(t.replay).where(t.replay.c.expires < sa.bindparam("now")))
_ONCE: dict[str, Any] = {name: sa.bindparam(name) for name in ("scope", "identifier", "expires")}
_remember_replay = {
    dialect: Prepared(insert(t.replay).values(_ONCE).on_conflict_do_nothing().returning(t.replay.c.identifier))
    for dialect, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
_revoked = Prepared(sa.select(t.revoked_token.c.jti).where(within(t.revoked_token.c.jti, "ids")))
_revoked_one = Prepared(sa.select(t.revoked_token.c.jti).where(t.revoked_token.c.jti == sa.bindparam("jti")))


def seal(tx: Transaction, id: str, sealed: str) -> None:
    tx.execute(sa.update(t.credential).where(_c.id == id).values(sealed=sealed))


def unconfirmed(tx: Transaction, before: str, limit: int) -> list[tuple[Credential, Credential]]:
    """(old, new): live credentials of agents that end before that moment, and their successors that were never used."""
    successor = t.credential.alias()
    pair = successor.c.replaces == _c.id
    columns = [successor.c[name].label(f"new_{name}") for name in Credential.__dataclass_fields__]
    query = (
        sa.select(*_COLUMNS, *columns)
        .join(successor, pair)
        .where(
            _c.revoked.is_(None),
            _c.not_after > tx.now,
            _c.not_after <= before,
            successor.c.last_used.is_(None),
            successor.c.revoked.is_(None),
            _c.holder_id.startswith("agt-"),
        )
        .limit(limit)
    )
    width = len(_COLUMNS)
    return [(Credential(*row[:width]), Credential(*row[width:])) for row in tx.execute(query)]


def set_cutoff(tx: Transaction, subject_id: str) -> None:
    """Tokens of this subject that were issued until now are dead."""
    insert = sqlite.insert(t.cutoff) if tx.sqlite else postgresql.insert(t.cutoff)
    row = insert.values(subject_id=subject_id, tokens_before=tx.now)
    tx.execute(row.on_conflict_do_update(index_elements=["subject_id"], set_={"tokens_before": tx.now}))


def cutoff(tx: Transaction, subject_ids: list[str]) -> str | None:
    """The latest of theirs."""
    if len(subject_ids) == 1:
        row = _cutoff.first(tx, id=subject_ids[0])
        return row[0] if row else None
    rows = _cutoffs.all(tx, ids=orjson.dumps(subject_ids).decode())
    return max((row[0] for row in rows), default=None)


def revoke_token(tx: Transaction, jti: str, expires: str) -> None:
    insert = sqlite.insert(t.revoked_token) if tx.sqlite else postgresql.insert(t.revoked_token)
    tx.execute(insert.values(jti=jti, expires=expires).on_conflict_do_nothing())


def forget_expired(tx: Transaction) -> int:
    """Drop what is kept of revoked tokens that have expired, and so are refused anyway; how many."""
    return tx.execute(sa.delete(t.revoked_token).where(t.revoked_token.c.expires < tx.now)).rowcount


def any_revoked(tx: Transaction, jtis: list[str]) -> bool:
    if len(jtis) == 1:
        return _revoked_one.first(tx, jti=jtis[0]) is not None
    return _revoked.first(tx, ids=orjson.dumps(jtis).decode()) is not None


def seen_before(tx: Transaction, scope: str, identifier: str, expires: str) -> bool:
    """Remember a one-time identifier until it expires; True where it was there already."""
    _forget_replay(tx, now=tx.now)
    return _remember_replay[tx.dialect].first(tx, scope=scope, identifier=identifier, expires=expires) is None
