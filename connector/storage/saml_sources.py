"""Where the metadata of applications comes from, for those whose metadata is read there again and again."""

from dataclasses import dataclass

import sqlalchemy as sa

from connector.storage import tables as t
from connector.storage.db import Transaction

_c = t.saml_source.c


@dataclass(frozen=True)
class Source:
    """`url` is the metadata's own; `certificate` (PEM) has the key that it must be signed with. `due` is when to read it next."""

    entity_id: str
    url: str
    certificate: str | None
    due: str
    read: str
    problem: str | None = None


_SOURCE = [_c[name] for name in Source.__dataclass_fields__]


def save(tx: Transaction, source: Source) -> None:
    forget(tx, source.entity_id)
    tx.execute(sa.insert(t.saml_source).values(vars(source)))


def forget(tx: Transaction, entity_id: str) -> None:
    tx.execute(sa.delete(t.saml_source).where(_c.entity_id == entity_id))


def find(tx: Transaction, entity_id: str) -> Source | None:
    row = tx.execute(sa.select(*_SOURCE).where(_c.entity_id == entity_id)).first()
    return Source(**row._asdict()) if row else None


def due(tx: Transaction) -> list[Source]:
    """Those that are to be read by now, the longest due first."""
    return [Source(**row._asdict()) for row in tx.execute(sa.select(*_SOURCE).where(_c.due <= tx.now).order_by(_c.due))]


def postpone(tx: Transaction, entity_id: str, until: str) -> bool:
    """Take one on: nobody else finds it due before. Whether it still was."""
    taken = sa.update(t.saml_source).where(_c.entity_id == entity_id, _c.due <= tx.now).values(due=until)
    return bool(tx.execute(taken).rowcount)
