"""Members that a client has named before they were there: rows of group and value, which become members once somebody comes
who bears the value as the client's externalId.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from connector.storage import tables as t
from connector.storage.db import Transaction
from connector.storage.lists import within
from connector.storage.prepared import Prepared

_p, _x, _r = t.parked_member.c, t.external_id.c, t.resource.c
_mine = _p.client_id == sa.bindparam("client")
_groups_of = Prepared(sa.select(_p.group_id).where(_mine, _p.value == sa.bindparam("value")).order_by(_p.group_id))
_one_behind = Prepared(sa.select(sa.literal(1)).where(_mine).limit(1).offset(sa.bindparam("skip")))
_clear = Prepared(sa.delete(t.parked_member).where(_p.group_id == sa.bindparam("group")).returning(_p.value))


def _adding(dialect: Any, values: sa.sql.functions.Function[Any]) -> Prepared:
    """A row for each of the values that the function lists."""
    client, group, now = (sa.bindparam(name, type_=sa.Text()) for name in ("client", "group", "now"))
    value = values.table_valued("value").c.value
    # Without a condition SQLite would take ON CONFLICT for the condition of a join.
    rows = sa.select(client, value, group, now).where(value.is_not(None))
    insert = dialect.insert(t.parked_member).from_select(["client_id", "value", "group_id", "created"], rows)
    return Prepared(insert.on_conflict_do_nothing().returning(_p.value))


_values = sa.bindparam("values", type_=sa.Text())
_add = {
    "sqlite": _adding(sqlite, sa.func.json_each(_values)),
    "postgresql": _adding(postgresql, sa.func.jsonb_array_elements_text(sa.cast(_values, postgresql.JSONB))),
}
_remove = Prepared(
    sa.delete(t.parked_member)
    .where(_mine, _p.group_id == sa.bindparam("group"), within(_p.value, "values"))
    .returning(_p.value)
)
_known = Prepared(
    sa.select(_x.value, _r.id, _r.kind, _r.name)
    .join(t.resource, _r.id == _x.resource_id)
    .where(_x.client_id == sa.bindparam("client"), _x.kind != "application", within(_x.value, "values"))
)


@dataclass(frozen=True)
class Parked:
    """That the group waits for whoever the client will give that externalId."""

    value: str
    group_id: str
    group: str
    since: str


def known(tx: Transaction, client_id: str, values: Iterable[str]) -> list[tuple[str, str, str, str]]:
    """(externalId, id, kind, name) of the people, agents and groups to whom this client gave one of these externalIds."""
    return _known.all(tx, client=client_id, values=orjson.dumps(list(values)).decode())


def add(tx: Transaction, client_id: str, group_id: str, values: Iterable[str]) -> set[str]:
    """Let them wait; those that did not before."""
    listed = orjson.dumps(list(values)).decode()
    return {row[0] for row in _add[tx.dialect].all(tx, client=client_id, group=group_id, now=tx.now, values=listed)}


def remove(tx: Transaction, client_id: str, group_id: str, values: Iterable[str]) -> set[str]:
    """The group waits for none of these any more; those that it did wait for."""
    return {
        row[0] for row in _remove.all(tx, client=client_id, group=group_id, values=orjson.dumps(list(values)).decode())
    }


def clear(tx: Transaction, group_id: str) -> set[str]:
    """The group waits for nobody any more, whichever client named them; whom it did wait for."""
    return {row[0] for row in _clear.all(tx, group=group_id)}


def groups_waiting(tx: Transaction, client_id: str, value: str) -> list[str]:
    """The ids of the groups that wait for this one, in order."""
    return [row[0] for row in _groups_of.all(tx, client=client_id, value=value)]


def has_more(tx: Transaction, client_id: str, than: int) -> bool:
    return _one_behind.first(tx, client=client_id, skip=than) is not None


def listing(tx: Transaction, client_id: str) -> list[Parked]:
    """Everybody whom this client's groups wait for, the longest waiting first."""
    waiting = sa.select(_p.value, _p.group_id, _r.name, _p.created).join(t.resource, _r.id == _p.group_id)
    ordered = waiting.where(_p.client_id == client_id).order_by(_p.created, _p.value, _p.group_id)
    return [Parked(*row) for row in tx.execute(ordered)]


def forget(tx: Transaction, client_id: str) -> None:
    tx.execute(sa.delete(t.parked_member).where(_p.client_id == client_id))
