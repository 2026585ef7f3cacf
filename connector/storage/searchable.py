"""Values inside documents that are searched by, as rows of their own, so that no search walks over documents to find them."""

from collections.abc import Iterable

import sqlalchemy as sa

from connector.storage import tables as t
from connector.storage.db import Transaction
from connector.storage.prepared import Prepared

_s = t.searchable.c
_add = Prepared(sa.insert(t.searchable), columns=("attribute", "key", "resource_id"))
_remove = Prepared(sa.delete(t.searchable).where(_s.resource_id == sa.bindparam("id")))


def add(tx: Transaction, resource_id: str, values: Iterable[tuple[str, str]]) -> None:
    """Rows for these (attribute, key) pairs."""
    for attribute, key in values:
        _add(tx, attribute=attribute, key=key, resource_id=resource_id)


def remove(tx: Transaction, resource_id: str) -> None:
    _remove(tx, id=resource_id)


def replace(tx: Transaction, resource_id: str, values: Iterable[tuple[str, str]]) -> None:
    remove(tx, resource_id)
    add(tx, resource_id, values)
