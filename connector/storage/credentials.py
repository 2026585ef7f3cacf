"""Credentials of clients and agents, what was revoked, and one-time identifiers. Secrets are kept as hashes only."""

from collections.abc import Iterable
from dataclasses import dataclass

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
    revoked: str | None = None


_COLUMNS = [_c[name] for name in Credential.__dataclass_fields__]
_of_holders = Prepared(sa.select(*_COLUMNS).where(within(_c.holder_id, "ids")).order_by(_c.created, _c.id))


def insert(tx: Transaction, credential: Credential) -> None:
    tx.execute(sa.insert(t.credential).values(**vars(credential)))


def _usable(tx: Transaction) -> sa.ColumnElement[bool]:
    return sa.and_(_c.revoked.is_(None), _c.not_before <= tx.now, sa.or_(_c.not_after.is_(None), _c.not_after > tx.now))


def usable(tx: Transaction, holder_id: str, kind: str) -> list[Credential]:
    """The holder's credentials of that kind that are valid now."""
    query = sa.select(*_COLUMNS).where(_c.holder_id == holder_id, _c.kind == kind, _usable(tx))
    return [Credential(**row._asdict()) for row in tx.execute(query)]


def by_secret(tx: Transaction, kind: str, secret_hash: str) -> Credential | None:
    query = sa.select(*_COLUMNS).where(_c.secret_hash == secret_hash, _c.kind == kind, _usable(tx))
    row = tx.execute(query).first()
    return Credential(**row._asdict()) if row else None


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


def set_cutoff(tx: Transaction, subject_id: str) -> None:
    """Tokens of this subject that were issued until now are dead."""
    insert = sqlite.insert(t.cutoff) if tx.sqlite else postgresql.insert(t.cutoff)
    row = insert.values(subject_id=subject_id, tokens_before=tx.now)
    tx.execute(row.on_conflict_do_update(index_elements=["subject_id"], set_={"tokens_before": tx.now}))


def cutoff(tx: Transaction, subject_id: str) -> str | None:
    query = sa.select(t.cutoff.c.tokens_before).where(t.cutoff.c.subject_id == subject_id)
    return tx.execute(query).scalar()


def revoke_token(tx: Transaction, jti: str, expires: str) -> None:
    insert = sqlite.insert(t.revoked_token) if tx.sqlite else postgresql.insert(t.revoked_token)
    tx.execute(insert.values(jti=jti, expires=expires).on_conflict_do_nothing())


def token_revoked(tx: Transaction, jti: str) -> bool:
    return tx.execute(sa.select(t.revoked_token.c.jti).where(t.revoked_token.c.jti == jti)).first() is not None


def seen_before(tx: Transaction, scope: str, identifier: str, expires: str) -> bool:
    """Remember a one-time identifier until it expires; True where it was there already."""
    tx.execute(sa.delete(t.replay).where(t.replay.c.expires < tx.now))
    insert = sqlite.insert(t.replay) if tx.sqlite else postgresql.insert(t.replay)
    row = insert.values(scope=scope, identifier=identifier, expires=expires).on_conflict_do_nothing()
    return tx.execute(row.returning(t.replay.c.identifier)).first() is None
