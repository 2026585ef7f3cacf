"""Inbound clients: the IdPs and HR/IT workflows that may call us."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from connector.storage import tables as t
from connector.storage.db import Transaction
from connector.storage.prepared import Prepared


@dataclass(frozen=True)
class Client:
    id: str
    name: str
    scopes: frozenset[str]
    profile: str
    dialect: str
    active: bool
    created: str
    own_only: bool = False
    if_match: bool = False
    rate: int = 0
    static_bearer: bool = False
    park_members: bool = False
    token_minutes: int = 10


@dataclass(frozen=True)
class Trust:
    """An issuer elsewhere whose assertions about one subject stand for the client or agent; `reusable` ones more than once.

    `direct`: they are no assertions, but access tokens that open SCIM as they are.
    """

    id: str
    client_id: str
    issuer: str
    subject: str
    audience: str
    jwks_url: str | None
    jwks: str | None
    created: str
    reusable: bool = False
    direct: bool = False


_COLUMNS = [t.client.c[name] for name in Client.__dataclass_fields__]
_by_id = Prepared(sa.select(*_COLUMNS).where(t.client.c.id == sa.bindparam("id")))
_hold = Prepared(sa.select(t.client.c.id).where(t.client.c.id == sa.bindparam("id")).with_for_update(key_share=True))
_TRUST = [t.trust.c[name] for name in Trust.__dataclass_fields__]
_trust_of = Prepared(
    sa.select(*_TRUST).where(t.trust.c.issuer == sa.bindparam("issuer"), t.trust.c.subject == sa.bindparam("subject"))
)


def by_id(tx: Transaction, id: str) -> Client | None:
    row = _by_id.first(tx, id=id)
    return _client(row) if row else None


def by_name(tx: Transaction, name: str) -> Client | None:
    row = tx.execute(sa.select(*_COLUMNS).where(t.client.c.name == name)).first()
    return _client(tuple(row)) if row else None


def hold(tx: Transaction, id: str) -> None:
    """Until the transaction ends, no other that holds this client goes on."""
    _hold.first(tx, id=id)


def everyone(tx: Transaction) -> list[Client]:
    return [_client(tuple(row)) for row in tx.execute(sa.select(*_COLUMNS).order_by(t.client.c.name))]


def insert(tx: Transaction, client: Client) -> None:
    tx.execute(sa.insert(t.client).values(**{**vars(client), "scopes": " ".join(sorted(client.scopes))}))


def set_active(tx: Transaction, id: str, active: bool) -> None:
    tx.execute(sa.update(t.client).where(t.client.c.id == id).values(active=active))


def remove(tx: Transaction, id: str) -> None:
    """The client and whom it trusts."""
    remove_trusts(tx, id)
    tx.execute(sa.delete(t.client).where(t.client.c.id == id))


def remove_trusts(tx: Transaction, client_id: str) -> None:
    tx.execute(sa.delete(t.trust).where(t.trust.c.client_id == client_id))


def insert_trust(tx: Transaction, trust: Trust) -> None:
    tx.execute(sa.insert(t.trust).values(**vars(trust)))


def trust_of(tx: Transaction, issuer: str, subject: str) -> Trust | None:
    row = _trust_of.first(tx, issuer=issuer, subject=subject)
    if row is None:
        return None
    *told, reusable, direct = row
    return Trust(*(*told, bool(reusable), bool(direct)))


def trusts(tx: Transaction, client_id: str) -> list[Trust]:
    rows = tx.execute(sa.select(*_TRUST).where(t.trust.c.client_id == client_id).order_by(t.trust.c.created))
    return [Trust(**row._asdict()) for row in rows]


def remove_trust(tx: Transaction, client_id: str, id: str) -> bool:
    """Whether there was one."""
    done = tx.execute(sa.delete(t.trust).where(t.trust.c.id == id, t.trust.c.client_id == client_id))
    return bool(done.rowcount)


def _client(row: Any) -> Client:
    id, name, scopes, profile, dialect, active, created, own_only, if_match, rate, static_bearer, park, minutes = row
    return Client(
        id,
        name,
        frozenset(scopes.split()),
        profile,
        dialect,
        bool(active),
        created,
        bool(own_only),
        bool(if_match),
        rate,
        bool(static_bearer),
        bool(park),
        minutes,
    )
