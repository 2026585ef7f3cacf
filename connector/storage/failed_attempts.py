"""Failed authentications of clients that there are, counted for all processes. Only a failure reads or writes here."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from connector.storage import tables as t
from connector.storage.db import Transaction

_f = t.failed_attempt.c


def count(tx: Transaction, key: str, *, since: str) -> tuple[int, str]:
    """One more for that key: how many there are, and since when. What began before that moment is forgotten."""
    tx.execute(sa.delete(t.failed_attempt).where(_f.since <= since))
    insert = sqlite.insert(t.failed_attempt) if tx.sqlite else postgresql.insert(t.failed_attempt)
    upsert = insert.values(key=key, failures=1, since=tx.now).on_conflict_do_update(
        index_elements=["key"], set_={"failures": _f.failures + 1}
    )
    failures, begun = tx.execute(upsert.returning(_f.failures, _f.since)).one()
    return failures, begun


def forget(tx: Transaction, key: str) -> None:
    tx.execute(sa.delete(t.failed_attempt).where(_f.key == key))
