"""Agents, people and groups as records: one table, one document each."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from connector.core.errors import Conflict
from connector.core.query import Filter, comparison_key
from connector.storage import tables as t
from connector.storage.db import Transaction
from connector.storage.where import condition


@dataclass(frozen=True)
class Record:
    """A stored resource. `document` is canonical JSON text; `external_id` is that of the client who asks."""

    id: str
    kind: str
    name: str
    document: str
    active: bool
    version: int
    created: str
    modified: str
    expires: str | None = None
    external_id: str | None = None


_COLUMNS = [t.resource.c[name] for name in Record.__dataclass_fields__ if name != "external_id"]


def _select(client_id: str) -> sa.Select[tuple[object, ...]]:
    own = sa.and_(t.external_id.c.resource_id == t.resource.c.id, t.external_id.c.client_id == client_id)
    return sa.select(*_COLUMNS, t.external_id.c.value).outerjoin_from(t.resource, t.external_id, own)


def by_id(tx: Transaction, kind: str, id: str, *, client_id: str = "", lock: bool = False) -> Record | None:
    """The record, or None. `lock` keeps others from changing it until the transaction ends."""
    query = _select(client_id).where(t.resource.c.id == id, t.resource.c.kind == kind)
    row = tx.execute(query.with_for_update(of=t.resource) if lock else query).first()
    return Record(*row) if row else None


def by_name(tx: Transaction, kind: str, name: str, *, client_id: str = "") -> Record | None:
    query = _select(client_id).where(t.resource.c.kind == kind, t.resource.c.name_key == comparison_key(name))
    row = tx.execute(query).first()
    return Record(*row) if row else None


def by_ids(tx: Transaction, ids: Iterable[str]) -> dict[str, Record]:
    """The records among ids, of any kind."""
    rows = tx.execute(sa.select(*_COLUMNS).where(t.resource.c.id.in_(list(ids))))
    return {row.id: Record(*row) for row in rows}


def search(
    tx: Transaction, kind: str, filter: Filter | None, *, client_id: str, offset: int, limit: int
) -> tuple[int, list[Record]]:
    """How many match, and that page of them in order of id."""
    matches = [t.resource.c.kind == kind]
    if filter is not None:
        matches.append(condition(filter, kind=kind, client_id=client_id, sqlite=tx.sqlite))
    total = tx.execute(sa.select(sa.func.count()).select_from(t.resource).where(*matches)).scalar_one()
    if not limit or offset >= total:
        return total, []
    # The page is found over the narrow index first: OFFSET never walks over documents.
    page = sa.select(t.resource.c.id).where(*matches).order_by(t.resource.c.id).limit(limit).offset(offset)
    rows = tx.execute(_select(client_id).where(t.resource.c.id.in_(page)).order_by(t.resource.c.id))
    return total, [Record(*row) for row in rows]


def ids_of_kind(tx: Transaction, kind: str) -> list[str]:
    return list(
        tx.execute(sa.select(t.resource.c.id).where(t.resource.c.kind == kind).order_by(t.resource.c.id)).scalars()
    )


def name_holder(tx: Transaction, kind: str, name: str) -> str | None:
    """The id of the record that has that name, compared without case."""
    query = sa.select(t.resource.c.id).where(t.resource.c.kind == kind, t.resource.c.name_key == comparison_key(name))
    return tx.execute(query).scalar()


def insert(tx: Transaction, record: Record) -> None:
    """Conflict where another took the name in the meantime."""
    with _unique_name(record):
        tx.execute(
            sa.insert(t.resource).values(**_values(record), id=record.id, kind=record.kind, created=record.created)
        )


def update(tx: Transaction, record: Record) -> None:
    """Conflict where another took the name in the meantime."""
    with _unique_name(record):
        tx.execute(sa.update(t.resource).where(t.resource.c.id == record.id).values(**_values(record)))


@contextmanager
def _unique_name(record: Record) -> Iterator[None]:
    try:
        yield
    except sa.exc.IntegrityError as problem:
        raise Conflict(f"there is another {record.kind} named {record.name!r}") from problem


def expired(tx: Transaction, limit: int) -> list[str]:
    """Ids of active agents whose last day has passed."""
    due = sa.select(t.resource.c.id).where(t.resource.c.active, t.resource.c.expires <= tx.now)
    return list(tx.execute(due.order_by(t.resource.c.expires).limit(limit)).scalars())


def touch(tx: Transaction, ids: Iterable[str]) -> None:
    """Count up version and modified of these records, whose computed part has changed."""
    tx.execute(
        sa.update(t.resource)
        .where(t.resource.c.id.in_(list(ids)))
        .values(version=t.resource.c.version + 1, modified=tx.now)
    )


def delete(tx: Transaction, id: str) -> None:
    tx.execute(sa.delete(t.resource).where(t.resource.c.id == id))


def _values(record: Record) -> Mapping[str, object]:
    return {
        "name": record.name,
        "name_key": comparison_key(record.name),
        "document": record.document,
        "active": record.active,
        "version": record.version,
        "modified": record.modified,
        "expires": record.expires,
    }


def external_id_holder(tx: Transaction, client_id: str, kind: str, value: str) -> str | None:
    e = t.external_id.c
    return tx.execute(
        sa.select(e.resource_id).where(e.client_id == client_id, e.kind == kind, e.value == value)
    ).scalar()


def set_external_id(tx: Transaction, client_id: str, kind: str, resource_id: str, value: str | None) -> None:
    e = t.external_id.c
    tx.execute(sa.delete(t.external_id).where(e.resource_id == resource_id, e.client_id == client_id))
    if value is not None:
        row = {"client_id": client_id, "kind": kind, "value": value, "resource_id": resource_id}
        tx.execute(sa.insert(t.external_id).values(row))
