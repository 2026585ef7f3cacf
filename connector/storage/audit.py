"""Audit events and checkpoints as rows. Events are only ever added; sealing writes their place in the Merkle tree."""

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from connector.storage import tables as t
from connector.storage.db import Transaction
from connector.storage.prepared import Prepared

_e, _c = t.audit_event.c, t.audit_checkpoint.c


@dataclass(frozen=True)
class EventRow:
    """`body` is the canonical JSON of the whole event; the fields before it repeat parts of it, to be searched by."""

    id: str
    time: str
    action: str
    subject_id: str
    body: str
    mac: str
    leaf: int | None = None
    seq: int | None = None


@dataclass(frozen=True)
class Checkpoint:
    """`note` is the signed text; `frontier` is JSON of the roots to go on from."""

    size: int
    frontier: str
    note: str
    time: str


_EVENT = [_e[name] for name in EventRow.__dataclass_fields__]
_CHECKPOINT = [_c[name] for name in Checkpoint.__dataclass_fields__]


_add = Prepared(sa.insert(t.audit_event), columns=("id", "time", "action", "subject_id", "body", "mac"))
_place = Prepared(sa.update(t.audit_event).where(_e.seq == sa.bindparam("seq_")), columns=("leaf",))


def add(tx: Transaction, id: str, *, action: str, subject_id: str, body: str, mac: str) -> None:
    """A row as EventRow has it; written at the end of the transaction."""
    _add.later(tx, id=id, time=tx.now, action=action, subject_id=subject_id, body=body, mac=mac)


def unsealed(tx: Transaction, limit: int) -> list[EventRow]:
    """Committed events that are not in the tree yet, oldest first."""
    query = sa.select(*_EVENT).where(_e.leaf.is_(None)).order_by(_e.seq).limit(limit)
    return [EventRow(*row) for row in tx.execute(query)]


def place(tx: Transaction, seq: int, leaf: int) -> None:
    """Written at the end of the transaction."""
    _place.later(tx, seq_=seq, leaf=leaf)


def sealed(tx: Transaction) -> Iterator[EventRow]:
    """All events that have a place, in the order of their places."""
    query = sa.select(*_EVENT).where(_e.leaf.is_not(None)).order_by(_e.leaf)
    for row in tx.execute(query.execution_options(yield_per=1000)):
        yield EventRow(*row)


def events(tx: Transaction, *, subject_id: str | None = None, after: int = 0, limit: int = 1000) -> list[EventRow]:
    """Events in the order in which they were written, from behind `after` (a seq)."""
    query = sa.select(*_EVENT).where(_e.seq > after).order_by(_e.seq).limit(limit)
    rows = tx.execute(query.where(_e.subject_id == subject_id) if subject_id else query)
    return [EventRow(*row) for row in rows]


def add_checkpoint(tx: Transaction, checkpoint: Checkpoint) -> None:
    tx.execute(sa.insert(t.audit_checkpoint).values(vars(checkpoint)))


def last_checkpoint(tx: Transaction) -> Checkpoint | None:
    row = tx.execute(sa.select(*_CHECKPOINT).order_by(_c.size.desc()).limit(1)).first()
    return Checkpoint(*row) if row else None


def checkpoints(tx: Transaction) -> list[Checkpoint]:
    return [Checkpoint(*row) for row in tx.execute(sa.select(*_CHECKPOINT).order_by(_c.size))]
