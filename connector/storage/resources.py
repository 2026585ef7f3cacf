"""Agents, people and groups as records: one table, one document each. Searching is search.py's business."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa

from connector.core.errors import Conflict
from connector.core.query import comparison_key
from connector.storage import searchable, tally
from connector.storage import tables as t
from connector.storage.db import Transaction
from connector.storage.lists import within
from connector.storage.prepared import Prepared


class Record(NamedTuple):  # a page has a hundred of them, and a frozen dataclass takes four times as long to make
    """A stored resource. `document` is canonical JSON text; `external_id` is that of the client who asks."""

    id: str
    kind: str
    name: str
    document: str
    active: bool
    version: int
    created: str
    modified: str
    expires: str | None = None
    made_by: str = ""
    seq: int = 0
    external_id: str | None = None


_r, _x = t.resource.c, t.external_id.c
COLUMNS = [_r[name] for name in Record._fields if name != "external_id"]


def seen_by(client: Any, *more: sa.ColumnElement[Any]) -> sa.Select[tuple[Any, ...]]:
    """Records with the externalId that this client gave them; `more` columns come behind."""
    # Not a join: before PostgreSQL has analysed a table that was just filled, it would read all of them for one page.
    own = sa.select(_x.value).where(_x.resource_id == _r.id, _x.client_id == client).scalar_subquery()
    return sa.select(*COLUMNS, own.label("external_id"), *more)


_by_id = seen_by(sa.bindparam("client")).where(_r.id == sa.bindparam("id"), _r.kind == sa.bindparam("kind"))
_read = Prepared(_by_id)
_lock = Prepared(_by_id.with_for_update(of=t.resource))
_by_name = Prepared(
    seen_by(sa.bindparam("client")).where(_r.kind == sa.bindparam("kind"), _r.name_key == sa.bindparam("name_key"))
)
_by_ids = Prepared(sa.select(*COLUMNS).where(within(_r.id, "ids")))
_makers_external_ids = Prepared(
    sa.select(_x.resource_id, _x.value)
    .join(t.resource, sa.and_(t.resource.c.id == _x.resource_id, t.resource.c.made_by == _x.client_id))
    .where(within(_x.resource_id, "ids"))
)
_names = Prepared(
    sa.select(_r.id, _r.kind, _r.name).where(within(_r.id, "ids")).with_for_update(read=True, of=t.resource)
)
_NEW = ("id", "kind", "name", "name_key", "document", "active", "version", "created", "modified", "expires", "made_by")
_CHANGED = ("document", "active", "version", "modified", "expires")
_insert = Prepared(sa.insert(t.resource).returning(_r.seq), columns=_NEW)
_with_id = sa.update(t.resource).where(_r.id == sa.bindparam("id_"))
_update = Prepared(_with_id, columns=_CHANGED)
_rename = Prepared(_with_id, columns=(*_CHANGED, "name", "name_key"))
_delete = Prepared(sa.delete(t.resource).where(_r.id == sa.bindparam("id")))
_touch = Prepared(
    sa.update(t.resource)
    .where(_r.id == sa.bindparam("id_"))
    .values(version=_r.version + 1, modified=sa.bindparam("now"))
)
_external_ids = Prepared(sa.select(_x.value).where(_x.resource_id == sa.bindparam("id")))
_give_external_id = Prepared(sa.insert(t.external_id), columns=("client_id", "kind", "value", "resource_id"))
_take_external_id = Prepared(
    sa.delete(t.external_id).where(_x.resource_id == sa.bindparam("id"), _x.client_id == sa.bindparam("client"))
)


def record(row: Any) -> Record:
    """The record of a row as `seen_by` or COLUMNS select it."""
    return Record(row[0], row[1], row[2], row[3], bool(row[4]), *row[5:])


def by_id(tx: Transaction, kind: str, id: str, *, client_id: str = "", lock: bool = False) -> Record | None:
    """The record, or None. `lock` keeps others from changing it until the transaction ends."""
    row = (_lock if lock else _read).first(tx, client=client_id, id=id, kind=kind)
    return record(row) if row else None


def by_name(tx: Transaction, kind: str, name: str, *, client_id: str = "") -> Record | None:
    row = _by_name.first(tx, client=client_id, kind=kind, name_key=comparison_key(name))
    return record(row) if row else None


def by_ids(tx: Transaction, ids: Iterable[str]) -> dict[str, Record]:
    """The records among ids, of any kind."""
    wanted = list(ids)
    if not wanted:
        return {}
    return {row[0]: record(row) for row in _by_ids.all(tx, ids=orjson.dumps(wanted).decode())}


def names(tx: Transaction, ids: Iterable[str]) -> list[tuple[str, str, str]]:
    """(id, kind, name) of the records among ids; nobody renames them until the transaction ends."""
    return _names.all(tx, ids=orjson.dumps(list(ids)).decode())


def makers_external_ids(tx: Transaction, ids: Iterable[str]) -> dict[str, str]:
    """Of those of ids that have one: the externalId that the client gave which created the record."""
    return dict(_makers_external_ids.all(tx, ids=orjson.dumps(list(ids)).decode()))


def external_ids(tx: Transaction, id: str) -> list[str]:
    """What all clients call this record."""
    return [row[0] for row in _external_ids.all(tx, id=id)]


def with_external_id(tx: Transaction, kind: str, value: str) -> list[str]:
    """Ids of the records that some client calls so: each client has names of its own, so there may be several."""
    named = sa.select(_x.resource_id).where(_x.kind == kind, _x.value == value).distinct()
    return sorted(tx.execute(named).scalars())


def ids_of_kind(tx: Transaction, kind: str) -> list[str]:
    return list(tx.execute(sa.select(_r.id).where(_r.kind == kind).order_by(_r.seq)).scalars())


def insert(tx: Transaction, new: Record, values: Iterable[tuple[str, str]] = ()) -> Record:
    """The record with its seq. `values` are what it is searched by: (attribute, key). Conflict where the name is taken."""
    named = {**_values(new), "name": new.name, "name_key": comparison_key(new.name)}
    with _unique(new, "name"):
        seq = _insert.first(tx, **named, id=new.id, kind=new.kind, created=new.created, made_by=new.made_by)[0]
    tally.count(tx, new.kind, seq, 1)
    searchable.add(tx, new.id, values)
    return new._replace(seq=seq)


def update(tx: Transaction, after: Record, *, renamed: bool) -> None:
    """Conflict where another took the name in the meantime."""
    if not renamed:
        _update(tx, id_=after.id, **_values(after))
        return
    with _unique(after, "name"):
        _rename(tx, id_=after.id, **_values(after), name=after.name, name_key=comparison_key(after.name))


@contextmanager
def _unique(record: Record, field: str) -> Iterator[None]:
    try:
        yield
    except sa.exc.IntegrityError as problem:
        raise Conflict("the value is taken", field=field) from problem


def expired(tx: Transaction, limit: int) -> list[str]:
    """Ids of active agents whose last day has passed."""
    due = sa.select(_r.id).where(_r.active, _r.expires <= tx.now)
    return list(tx.execute(due.order_by(_r.expires).limit(limit)).scalars())


def touch(tx: Transaction, ids: Iterable[str]) -> None:
    """Count up version and modified of these records, whose computed part has changed."""
    for id in ids:
        _touch(tx, id_=id, now=tx.now)


def delete(tx: Transaction, gone: Record) -> None:
    searchable.remove(tx, gone.id)
    tally.count(tx, gone.kind, gone.seq, -1)
    _delete(tx, id=gone.id)


def _values(record: Record) -> Mapping[str, object]:
    return {
        "document": record.document,
        "active": record.active,
        "version": record.version,
        "modified": record.modified,
        "expires": record.expires,
    }


def set_external_id(tx: Transaction, client_id: str, owner: Record, value: str | None, *, fresh: bool = False) -> None:
    """What this client calls the record. `fresh` says that it has no externalId yet. Conflict where the value is taken."""
    if not fresh:
        _take_external_id(tx, id=owner.id, client=client_id)
    if value is not None:
        with _unique(owner, "externalId"):
            _give_external_id(tx, client_id=client_id, kind=owner.kind, value=value, resource_id=owner.id)
