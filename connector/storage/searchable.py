"""Values inside documents that are searched by, as rows of their own, so that no search walks over documents to find them.

"Contains" asks an index of trigrams. On SQLite that index is behind: the worker brings it up (`index`), and a search reads the rows
that it has not come to yet one by one.
"""

from collections.abc import Iterable

import sqlalchemy as sa

from connector.storage import counters
from connector.storage import tables as t
from connector.storage.db import Transaction
from connector.storage.prepared import Prepared

_s = t.searchable.c
_BATCH = 200  # rows in one go: writers wait for it
_FAR, _LARGE_BATCH = 20_000, 1000  # so far behind, searches for "contains" wait longer than writers would
_SHORTEST = 3  # a trigram
_add = Prepared(sa.insert(t.searchable), columns=("attribute", "key", "resource_id"))
_remove = Prepared(sa.delete(t.searchable).where(_s.resource_id == sa.bindparam("id")))
_indexed_to = "(SELECT coalesce(max(value), 0) FROM counter WHERE name = 'trigrams')"
_keep_gone = f"INSERT INTO searchable_gone SELECT n, key FROM searchable WHERE resource_id = ? AND n <= {_indexed_to}"  # noqa: S608


def add(tx: Transaction, resource_id: str, values: Iterable[tuple[str, str]]) -> None:
    """Rows for these (attribute, key) pairs, written at the end of the transaction, or before somebody asks for them."""
    for attribute, key in values:
        _add.later(tx, attribute=attribute, key=key, resource_id=resource_id)


def remove(tx: Transaction, resource_id: str) -> None:
    tx.flush()
    if tx.sqlite:
        tx.run(_keep_gone, (resource_id,))  # the index of trigrams can forget a value only by knowing it
    _remove(tx, id=resource_id)


def replace(tx: Transaction, resource_id: str, values: Iterable[tuple[str, str]]) -> None:
    remove(tx, resource_id)
    add(tx, resource_id, values)


def holders(tx: Transaction, attribute: str, key: str) -> list[str]:
    """Ids of the resources that have that value."""
    return list(tx.execute(equal(attribute, key).order_by(_s.resource_id)).scalars())


def equal(attribute: str, key: str) -> sa.Select[tuple[str]]:
    """Ids of the resources that have that value."""
    return sa.select(_s.resource_id).where(_s.attribute == attribute, _s.key == key)


def beginning(attribute: str, key: str) -> sa.Select[tuple[str]]:
    """Ids of the resources with a value that begins so."""
    found = sa.select(_s.resource_id).where(_s.attribute == attribute, _s.key >= key)
    return found.where(_s.key < key + "\U0010ffff")


def containing(attribute: str, key: str, *, sqlite: bool) -> sa.Select[tuple[str]]:
    """Ids of the resources with a value that contains it."""
    within = sa.select(_s.resource_id).where(_s.attribute == attribute)
    if not sqlite:
        return within.where(_s.key.contains(key, autoescape=True))
    holds = sa.func.instr(_s.key, key) > 0
    if len(key) < _SHORTEST:
        return within.where(holds)
    phrase = '"' + key.replace('"', '""') + '"'
    trigram = sa.table("searchable_trigram", sa.column("rowid"), sa.column("key"))
    indexed = sa.select(trigram.c.rowid).where(trigram.c.key.op("MATCH")(phrase))
    behind = sa.select(_s.n).where(_s.n > sa.text(_indexed_to), holds)
    found = sa.select(_s.resource_id).where(unindexed(_s.attribute, sqlite=True) == attribute)
    return found.where(_s.n.in_(sa.union_all(indexed, behind)), holds)


def unindexed(column: sa.Column[str], *, sqlite: bool) -> sa.ColumnElement[str]:
    """A column that SQLite is not to look for by its index: it takes any condition for a good one, until it has counted the rows."""
    return sa.literal_column(f"+{column}", sa.Text()) if sqlite else column


def index(tx: Transaction) -> int:
    """Bring SQLite's index of trigrams up to the rows; how many it had not come to yet. PostgreSQL does so by itself."""
    if not tx.sqlite:
        return 0
    begin = counters.value(tx, counters.TRIGRAMS)
    last = tx.run("SELECT coalesce(max(n), 0) FROM searchable", ()).fetchone()[0]
    end = min(last, begin + (_BATCH if last - begin < _FAR else _LARGE_BATCH))
    gone = tx.run("SELECT n, key FROM searchable_gone LIMIT ?", (_BATCH,)).fetchall()
    for n, key in gone:
        tx.run("INSERT INTO searchable_trigram (searchable_trigram, rowid, key) VALUES ('delete', ?, ?)", (n, key))
        tx.run("DELETE FROM searchable_gone WHERE n = ?", (n,))
    if end <= begin:
        return len(gone)
    new = "INSERT INTO searchable_trigram (rowid, key) SELECT n, key FROM searchable WHERE n > ? AND n <= ?"
    tx.run(new, (begin, end))
    counters.advance(tx, counters.TRIGRAMS, by=end - begin)
    return len(gone) + int(
        end - begin
    )  # also where all of these rows have been deleted: there may be others behind them
