"""Inbound clients: the IdPs and HR/IT workflows that may call us."""

from dataclasses import dataclass

import sqlalchemy as sa

from connector.storage import tables as t
from connector.storage.db import Transaction


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


_COLUMNS = [t.client.c[name] for name in Client.__dataclass_fields__]


def by_id(tx: Transaction, id: str) -> Client | None:
    row = tx.execute(sa.select(*_COLUMNS).where(t.client.c.id == id)).first()
    return _client(row) if row else None


def by_name(tx: Transaction, name: str) -> Client | None:
    row = tx.execute(sa.select(*_COLUMNS).where(t.client.c.name == name)).first()
    return _client(row) if row else None


def everyone(tx: Transaction) -> list[Client]:
    return [_client(row) for row in tx.execute(sa.select(*_COLUMNS).order_by(t.client.c.name))]


def insert(tx: Transaction, client: Client) -> None:
    tx.execute(sa.insert(t.client).values(**{**vars(client), "scopes": " ".join(sorted(client.scopes))}))


def _client(row: sa.Row[tuple[object, ...]]) -> Client:
    values = row._asdict()
    return Client(**{**values, "scopes": frozenset(values["scopes"].split())})
