"""Tombstones: the ids of what was deleted, so that no import and no correlation brings it back by accident."""

from collections.abc import Iterable

import orjson
import sqlalchemy as sa

from connector.storage import tables as t
from connector.storage.db import Transaction
from connector.storage.lists import within
from connector.storage.prepared import Prepared

_t = t.tombstone.c
_insert = Prepared(sa.insert(t.tombstone), columns=("resource_id", "kind", "name", "deleted"))
_deleted = Prepared(sa.select(_t.resource_id, _t.name, _t.deleted).where(within(_t.resource_id, "ids")))


def put(tx: Transaction, kind: str, resource_id: str, name: str) -> None:
    _insert(tx, resource_id=resource_id, kind=kind, name=name, deleted=tx.now)


def among(tx: Transaction, ids: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Of these ids those that were deleted: id to (name, when)."""
    return {row[0]: (row[1], row[2]) for row in _deleted.all(tx, ids=orjson.dumps(list(ids)).decode())}
