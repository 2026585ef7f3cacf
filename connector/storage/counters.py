"""Numbers that outlive a process. `clients` counts up when anything changes about who may call us, so that a cached decision is known
to be old; `trigrams` is how far the index of trigrams has come."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from connector.storage import tables as t
from connector.storage.db import Transaction
from connector.storage.prepared import Prepared

CLIENTS, TRIGRAMS = "clients", "trigrams"
_c = t.counter.c
_value = Prepared(sa.select(_c.value).where(_c.name == sa.bindparam("name")))


def value(tx: Transaction, name: str) -> int:
    row = _value.first(tx, name=name)
    return int(row[0]) if row else 0


def advance(tx: Transaction, name: str, *, by: int = 1) -> None:
    insert = sqlite.insert(t.counter) if tx.sqlite else postgresql.insert(t.counter)
    row = insert.values(name=name, value=by)
    tx.execute(row.on_conflict_do_update(index_elements=["name"], set_={"value": _c.value + by}))
