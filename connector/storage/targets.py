"""Which targets there are, and how each is doing."""

from dataclasses import dataclass

import sqlalchemy as sa

from connector.storage import tables as t
from connector.storage.db import Transaction
from connector.storage.prepared import Prepared

_t = t.target.c


@dataclass(frozen=True)
class TargetRecord:
    """`options` is JSON; secrets in it are references. `blocked_until` and `problem`: why nothing is sent just now.

    `threads`, `rate`: pushes at the same time, and a second. `read`, `cookie`: when it was last compared whole, and from where its
    changes are to be read on.
    """

    name: str
    kind: str
    mapping: str
    options: str
    created: str
    blocked_until: str | None = None
    failures: int = 0
    problem: str | None = None
    last_success: str | None = None
    paused: str | None = None
    threads: int | None = None
    rate: int = 0
    read: str | None = None
    cookie: str | None = None

    def is_closed(self, now: str) -> bool:
        """Whether it is paused, or left alone just now."""
        return self.paused is not None or (self.blocked_until or "") > now


_COLUMNS = [_t[name] for name in TargetRecord.__dataclass_fields__]
_find = Prepared(sa.select(*_COLUMNS).where(_t.name == sa.bindparam("name")))
_names = Prepared(sa.select(_t.name).order_by(_t.name))


def everyone(tx: Transaction) -> list[TargetRecord]:
    return [TargetRecord(**row._asdict()) for row in tx.execute(sa.select(*_COLUMNS).order_by(_t.name))]


def names(tx: Transaction) -> list[str]:
    return [row[0] for row in _names.all(tx)]


def find(tx: Transaction, name: str) -> TargetRecord | None:
    row = _find.first(tx, name=name)
    return TargetRecord(*row) if row else None


def insert(tx: Transaction, target: TargetRecord) -> None:
    tx.execute(sa.insert(t.target).values(**vars(target)))


def delete(tx: Transaction, name: str) -> None:
    tx.execute(sa.delete(t.target).where(_t.name == name))


def block(tx: Transaction, name: str, *, until: str, problem: str) -> None:
    changed = {"blocked_until": until, "problem": problem, "failures": _t.failures + 1}
    tx.execute(sa.update(t.target).where(_t.name == name).values(changed))


def _stale(tx: Transaction) -> tuple[sa.ColumnElement[bool], ...]:
    recent = tx.now[:19]
    free = sa.or_(_t.blocked_until.is_(None), _t.blocked_until <= tx.now)
    return free, sa.or_(_t.failures > 0, _t.last_success.is_(None), _t.last_success < recent)


def healthy(tx: Transaction, name: str) -> None:
    """It answered: nothing is wrong any more. Written at most once a second, so that a burst does not queue on one row.

    A block that still runs stays: the answer was to a push that had begun before, and the target may have asked for peace since.
    """
    changed = {"blocked_until": None, "problem": None, "failures": 0, "last_success": tx.now}
    tx.execute(sa.update(t.target).where(_t.name == name, *_stale(tx)).values(changed))


def change(tx: Transaction, name: str, **values: str | int | None) -> None:
    """Set columns of a target: paused, threads, rate, read, cookie."""
    tx.execute(sa.update(t.target).where(_t.name == name).values(values))
