"""Named leases: work that one process does at a time, such as sealing the audit log or reconciling a target."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from connector.storage import tables as t
from connector.storage.db import Transaction

_l = t.lease.c


def take(tx: Transaction, name: str, holder: str, until: str) -> bool:
    """Take or renew it; False where somebody else holds it."""
    free = sa.or_(_l.holder == holder, _l.until < tx.now)
    if tx.execute(sa.update(t.lease).where(_l.name == name, free).values(holder=holder, until=until)).rowcount == 1:
        return True
    insert = sqlite.insert(t.lease) if tx.sqlite else postgresql.insert(t.lease)
    fresh = insert.values(name=name, holder=holder, until=until).on_conflict_do_nothing()
    return tx.execute(fresh.returning(_l.name)).first() is not None


def drop(tx: Transaction, name: str, holder: str) -> None:
    """Give it back before its time."""
    tx.execute(sa.delete(t.lease).where(_l.name == name, _l.holder == holder))
