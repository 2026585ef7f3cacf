"""Tombstones: the ids of what was deleted, so that no import and no correlation brings it back by accident."""

from collections.abc import Iterable

import orjson
import sqlalchemy as sa

from connector.core.query import comparison_key
from connector.storage import tables as t
from connector.storage.db import Transaction
from connector.storage.lists import within
from connector.storage.prepared import Prepared

_t, _k = t.tombstone.c, t.tombstone_key.c
_insert = Prepared(sa.insert(t.tombstone), columns=("resource_id", "kind", "name", "deleted"))
_insert_key = Prepared(sa.insert(t.tombstone_key), columns=("kind", "key", "resource_id"))
_deleted = Prepared(sa.select(_t.resource_id, _t.name, _t.deleted).where(within(_t.resource_id, "ids")))


def put(tx: Transaction, kind: str, resource_id: str, name: str, known_by: Iterable[str] = ()) -> None:
    """`known_by` are further names, e-mail addresses and the like under which nobody is to come back unnoticed."""
    _insert(tx, resource_id=resource_id, kind=kind, name=name, deleted=tx.now)
    for key in sorted({comparison_key(one) for one in known_by}):
        _insert_key.later(tx, kind=kind, key=key, resource_id=resource_id)


def known_by(tx: Transaction, kind: str, names: Iterable[str]) -> list[str]:
    """Ids of those deleted ones that were known by any of these names."""
    keys = [comparison_key(one) for one in names]
    query = sa.select(_k.resource_id).where(_k.kind == kind, _k.key.in_(keys)).distinct()
    return sorted(tx.execute(query).scalars())


def among(tx: Transaction, ids: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Of these ids those that were deleted: id to (name, when)."""
    return {row[0]: (row[1], row[2]) for row in _deleted.all(tx, ids=orjson.dumps(list(ids)).decode())}
