"""Pages of records: by a filter, in order, from a position or behind a cursor."""

import sqlalchemy as sa

from connector.core.query import Equals, Filter
from connector.storage import tables as t
from connector.storage import tally
from connector.storage.db import Transaction
from connector.storage.prepared import Prepared
from connector.storage.resources import Record, by_name, record, seen_by
from connector.storage.where import condition

_r = t.resource.c
_page = Prepared(
    seen_by(sa.bindparam("client"))
    .where(_r.kind == sa.bindparam("kind"), _r.seq >= sa.bindparam("seq"))
    .order_by(_r.seq)
    .limit(sa.bindparam("limit"))
)
_from = Prepared(
    sa.select(_r.seq)
    .where(_r.kind == sa.bindparam("kind"), _r.seq >= sa.bindparam("seq"))
    .order_by(_r.seq)
    .limit(1)
    .offset(sa.bindparam("skip"))
)


def search(
    tx: Transaction, kind: str, filter: Filter | None, *, client_id: str, offset: int, limit: int
) -> tuple[int, list[Record]]:
    """How many match, and that page of them in the order in which they were made."""
    if filter is None:
        return _everything(tx, kind, client_id, offset, limit)
    if isinstance(filter, Equals) and filter.attribute.path == _NAMES[kind] and isinstance(filter.value, str):
        found = by_name(tx, kind, filter.value, client_id=client_id)
        return (1, [found] if limit and not offset else []) if found else (0, [])
    matches = [_r.kind == kind, condition(filter, client_id=client_id, sqlite=tx.sqlite)]
    total = tx.execute(sa.select(sa.func.count()).select_from(t.resource).where(*matches)).scalar_one()
    if not limit or offset >= total:
        return total, []
    # The page is found over narrow rows first: OFFSET never walks over documents.
    page = sa.select(_r.seq).where(*matches).order_by(_r.seq).limit(limit).offset(offset)
    rows = tx.execute(seen_by(client_id).where(_r.seq.in_(page)).order_by(_r.seq))
    return total, [record(row) for row in rows]


_NAMES = {"person": ("userName",), "agent": ("agentUserName",), "group": ("displayName",)}


def _everything(tx: Transaction, kind: str, client_id: str, offset: int, limit: int) -> tuple[int, list[Record]]:
    total, place = tally.place(tx, kind, offset)
    if not limit or offset >= total:
        return total, []
    first = _from.first(tx, kind=kind, seq=place.seq, skip=place.skip)
    rows = _page.all(tx, client=client_id, kind=kind, seq=first[0], limit=limit) if first else []
    return total, [record(row) for row in rows]
