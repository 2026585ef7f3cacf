"""Pages of records: by a filter, in order, from a position or behind the last record of the page before."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from connector.core.query import Compare, Filter, Sort
from connector.storage import tables as t
from connector.storage import tally
from connector.storage.db import Transaction
from connector.storage.order import sort_key
from connector.storage.prepared import Prepared
from connector.storage.resources import Record, by_name, record, seen_by
from connector.storage.searchable import unindexed
from connector.storage.where import NAMES, condition, narrows

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


@dataclass(frozen=True)
class After:
    """Where a page ended: the last record's seq, and what it was sorted by, if it was. `backwards`: where it began, for the page before."""

    seq: int
    key: str | int | float | None = None
    backwards: bool = False


@dataclass(frozen=True)
class Wanted:
    """A search: kinds of resources with the filter that holds for each, as one client sees them; `own_only`: only what it made.

    A page begins behind `offset` records, or after the page that ended `after` (before the one that began there); at most `limit`
    records. `sorts` are by kind, all in one direction; a kind without one has no value to be ordered by.
    """

    parts: tuple[tuple[str, Filter | None], ...]
    client_id: str
    limit: int
    offset: int = 0
    after: After | None = None
    sorts: tuple[tuple[str, Sort], ...] = ()
    own_only: bool = False


@dataclass(frozen=True)
class Found:
    """How many match in all, one page of them, and where it ended and began; `end` is None on the last page, `begin` on the first."""

    total: int
    records: list[Record]
    end: After | None = None
    begin: After | None = None


def search(tx: Transaction, wanted: Wanted) -> Found:
    """One page, in the order that is asked for, else in that in which the records were made."""
    if len(wanted.parts) == 1 and not wanted.sorts and not wanted.own_only:
        [(kind, filter)] = wanted.parts
        if filter is None:
            return _everything(tx, kind, wanted)
        if isinstance(filter, Compare) and filter.operator == "eq" and filter.attribute.path == (NAMES[kind],):
            found = by_name(tx, kind, str(filter.value), client_id=wanted.client_id) if filter.value else None
            shown = [found] if found and wanted.limit and not wanted.offset and wanted.after is None else []
            return Found(1 if found else 0, shown)
    return _matching(tx, wanted)


def _everything(tx: Transaction, kind: str, wanted: Wanted) -> Found:
    if wanted.after is not None and wanted.after.backwards:
        return _matching(tx, wanted, tally.total(tx, kind))
    if wanted.after is not None:
        total, first = tally.total(tx, kind), wanted.after.seq + 1
    else:
        total, place = tally.place(tx, kind, wanted.offset)
        row = _from.first(tx, kind=kind, seq=place.seq, skip=place.skip) if wanted.offset < total else None
        if row is None:
            return Found(total, [])
        first = row[0]
    if not wanted.limit:
        return Found(total, [])
    rows = _page.all(tx, client=wanted.client_id, kind=kind, seq=first, limit=wanted.limit + 1)
    records = [record(row) for row in rows[: wanted.limit]]
    end = After(records[-1].seq) if len(rows) > wanted.limit else None
    return Found(total, records, end, After(records[0].seq, None, True) if wanted.after and records else None)


def _matching(tx: Transaction, wanted: Wanted, total: int | None = None) -> Found:
    """`total` where it is known already."""
    matches = [sa.or_(*(_part(kind, filter, wanted, tx.sqlite) for kind, filter in wanted.parts))]
    if wanted.own_only:
        matches.append(_r.made_by == wanted.client_id)
    rows, more = _rows(tx, wanted, matches)
    records = [record(row[:-1]) for row in rows]
    after = wanted.after
    if after is None and not wanted.offset and wanted.limit and not more:
        return Found(len(records), records)
    if total is None:
        total = tx.execute(sa.select(sa.func.count()).select_from(t.resource).where(*matches)).scalar_one()
    if not records:
        return Found(total, records)
    backwards = after is not None and after.backwards
    end = After(records[-1].seq, rows[-1][-1]) if more or backwards else None
    begin = After(records[0].seq, rows[0][-1], True) if after and (more or not backwards) else None
    return Found(total, records, end, begin)


def _rows(tx: Transaction, wanted: Wanted, matches: list[sa.ColumnElement[bool]]) -> tuple[list[Any], bool]:
    """The rows of the page, with what they are sorted by at their end, and whether there are more the way that it is read."""
    if not wanted.limit:
        return [], False
    key: Any = sa.null()
    order: list[Any] = [_r.seq]
    backwards = wanted.after is not None and wanted.after.backwards
    descending = (bool(wanted.sorts) and wanted.sorts[0][1].descending) is not backwards
    if wanted.sorts:
        keys = [
            (kind, sort_key(sort, kind=kind, client_id=wanted.client_id, sqlite=tx.sqlite))
            for kind, sort in wanted.sorts
        ]
        key = keys[0][1] if len(wanted.parts) == 1 else sa.case(*((_r.kind == kind, one) for kind, one in keys))
        # Without a value comes last, or first where descending (RFC 7644 section 3.4.2.3).
        order = [key.is_(None), key, _r.seq]
    if descending:
        order = [column.desc() for column in order]
    if wanted.after is not None:
        behind = _r.seq < wanted.after.seq if descending else _r.seq > wanted.after.seq
        matches = [*matches, _behind(wanted.after, key, behind, descending=descending) if wanted.sorts else behind]
    page = seen_by(wanted.client_id, key.label("sort_key")).order_by(*order)
    if wanted.offset:  # which rows they are is found first: OFFSET must not walk over documents
        narrow = sa.select(_r.seq).where(*matches).order_by(*order).limit(wanted.limit + 1).offset(wanted.offset)
        page = page.where(_r.seq.in_(tx.execute(narrow).scalars().all()))
    else:
        page = page.where(*matches).limit(wanted.limit + 1)
    rows = list(tx.execute(page))
    found = rows[: wanted.limit]
    return found[::-1] if backwards else found, len(rows) > wanted.limit


def _part(kind: str, filter: Filter | None, wanted: Wanted, sqlite: bool) -> sa.ColumnElement[bool]:
    if filter is None:
        return _r.kind == kind
    of_kind = unindexed(_r.kind, sqlite=sqlite and narrows(filter)) == kind
    return sa.and_(of_kind, condition(filter, kind=kind, client_id=wanted.client_id, sqlite=sqlite))


def _behind(after: After, key: Any, behind: sa.ColumnElement[bool], *, descending: bool) -> sa.ColumnElement[bool]:
    """What comes behind that record in the order; `behind` tells it of records with the same key."""
    equals = key.is_(None) if after.key is None else key == after.key
    if descending:
        later = key.is_not(None) if after.key is None else key < after.key
    else:
        later = sa.false() if after.key is None else sa.or_(key > after.key, key.is_(None))
    return sa.or_(later, sa.and_(equals, behind))
