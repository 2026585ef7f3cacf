"""Counters that say whether a cached decision still stands: whoever changes what it rests on counts up in the same transaction."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from connector.storage import tables as t
from connector.storage.db import Transaction
from connector.storage.prepared import Prepared

CLIENTS = "clients"
_current = Prepared(sa.select(t.epoch.c.value).where(t.epoch.c.name == sa.bindparam("name")))


def current(tx: Transaction, name: str) -> int:
    row = _current.first(tx, name=name)
    return int(row[0]) if row else 0


def advance(tx: Transaction, name: str) -> None:
    insert = sqlite.insert(t.epoch) if tx.sqlite else postgresql.insert(t.epoch)
    row = insert.values(name=name, value=1)
    tx.execute(row.on_conflict_do_update(index_elements=["name"], set_={"value": t.epoch.c.value + 1}))
