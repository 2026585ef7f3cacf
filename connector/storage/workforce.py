"""Workforce IdPs that people sign in at, as rows."""

from dataclasses import dataclass

import sqlalchemy as sa

from connector.core.errors import Conflict
from connector.storage import tables as t
from connector.storage.db import Transaction

_w = t.workforce_idp.c


@dataclass(frozen=True)
class WorkforceIdp:
    """`metadata` is the EntityDescriptor; `certificate` (PEM) is what it must be signed with; `settings` is JSON."""

    name: str
    entity_id: str
    metadata: str
    url: str | None
    certificate: str | None
    settings: str
    active: bool
    fetched: str
    problem: str | None
    created: str


_COLUMNS = [_w[name] for name in WorkforceIdp.__dataclass_fields__]


def by_name(tx: Transaction, name: str) -> WorkforceIdp | None:
    return _one(tx, _w.name == name)


def by_entity_id(tx: Transaction, entity_id: str) -> WorkforceIdp | None:
    return _one(tx, _w.entity_id == entity_id)


def everyone(tx: Transaction) -> list[WorkforceIdp]:
    return [WorkforceIdp(**row._asdict()) for row in tx.execute(sa.select(*_COLUMNS).order_by(_w.name))]


def save(tx: Transaction, idp: WorkforceIdp) -> None:
    """Insert it, or bring it up to date. Conflict where another one has its entityID."""
    values = vars(idp)
    try:
        if tx.execute(sa.update(t.workforce_idp).where(_w.name == idp.name).values(values)).rowcount == 0:
            tx.execute(sa.insert(t.workforce_idp).values(values))
    except sa.exc.IntegrityError as problem:
        raise Conflict("another workforce IdP has that entityID already", field="entityID") from problem


def delete(tx: Transaction, name: str) -> None:
    tx.execute(sa.delete(t.workforce_idp).where(_w.name == name))


def _one(tx: Transaction, condition: sa.ColumnElement[bool]) -> WorkforceIdp | None:
    row = tx.execute(sa.select(*_COLUMNS).where(condition)).first()
    return WorkforceIdp(**row._asdict()) if row else None
