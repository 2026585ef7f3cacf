"""Membership is rows: adding one member costs the same in a group of ten and of a hundred thousand."""

from collections.abc import Iterable
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from connector.storage import tables as t
from connector.storage.db import Transaction
from connector.storage.lists import within
from connector.storage.prepared import Prepared

_m = t.member.c
_members = Prepared(
    sa.select(_m.member_id, _m.member_kind, _m.display)
    .where(_m.group_id == sa.bindparam("group"))
    .order_by(_m.member_id)
)
_one_behind = Prepared(
    sa.select(sa.literal_column("1")).where(_m.group_id == sa.bindparam("group")).limit(1).offset(sa.bindparam("skip"))
)
_rename = Prepared(sa.update(t.member).where(_m.member_id == sa.bindparam("id")), columns=("display",))
_joined = sa.select(_m.member_id, _m.group_id, t.resource.c.name).join(t.resource, t.resource.c.id == _m.group_id)
_memberships = Prepared(_joined.where(within(_m.member_id, "ids")).order_by(t.resource.c.name_key))
_memberships_of_one = Prepared(_joined.where(_m.member_id == sa.bindparam("id")).order_by(t.resource.c.name_key))
_FEW = 20  # so many are added or removed one by one, by prepared statements
_ROW: dict[str, Any] = {name: sa.bindparam(name) for name in ("group_id", "member_id", "member_kind", "display")}
_add_one = {
    "sqlite": Prepared(sqlite.insert(t.member).values(_ROW).on_conflict_do_nothing()),
    "postgresql": Prepared(postgresql.insert(t.member).values(_ROW).on_conflict_do_nothing()),
}
_remove_one = Prepared(
    sa.delete(t.member).where(_m.group_id == sa.bindparam("group"), _m.member_id == sa.bindparam("id"))
)


def members(tx: Transaction, group_id: str) -> list[tuple[str, str, str]]:
    """(id, kind, name) of each member, in order of id."""
    return _members.all(tx, group=group_id)


def member_ids(tx: Transaction, group_id: str) -> set[str]:
    return set(tx.execute(sa.select(_m.member_id).where(_m.group_id == group_id)).scalars())


def has_more(tx: Transaction, group_id: str, than: int) -> bool:
    return _one_behind.first(tx, group=group_id, skip=than) is not None


def memberships(tx: Transaction, ids: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    """For each of ids that is in a group: (group id, display name) of its groups, in order of name."""
    wanted = list(ids)
    found: dict[str, list[tuple[str, str]]] = {}
    for member_id, group_id, name in _rows(tx, wanted):
        found.setdefault(member_id, []).append((group_id, name))
    return found


def _rows(tx: Transaction, ids: list[str]) -> Any:
    """(member, group, name of the group); for a single member, which most reads are about, without a list."""
    if len(ids) == 1:
        return _memberships_of_one.all(tx, id=ids[0])
    return _memberships.all(tx, ids=orjson.dumps(ids).decode()) if ids else []


def nested(tx: Transaction, ids: Iterable[str]) -> dict[str, list[tuple[str, str, bool]]]:
    """For each of ids that is in a group: (group id, display name, whether directly) of all groups above it.

    Level by level, each group asked about once: groups may be in each other. Most have none above them.
    """
    direct = memberships(tx, ids)
    above: dict[str, list[tuple[str, str]]] = {}
    asked = {group for joined in direct.values() for group, _ in joined}
    level = asked
    while level:
        found = memberships(tx, sorted(level))
        above |= found
        level = {group for joined in found.values() for group, _ in joined} - asked
        asked |= level
    return {id: _with_above(joined, above) for id, joined in direct.items()}


def _with_above(joined: list[tuple[str, str]], above: dict[str, list[tuple[str, str]]]) -> list[tuple[str, str, bool]]:
    shown = {group: (group, name, True) for group, name in joined}
    waiting = [group for group, _ in joined]
    while waiting:
        for group, name in above.get(waiting.pop(), ()):
            if group not in shown:
                shown[group] = (group, name, False)
                waiting.append(group)
    return list(shown.values())


def rename(tx: Transaction, member_id: str, name: str) -> None:
    """The member is called otherwise now, in all of its groups."""
    _rename(tx, id=member_id, display=name)


def add(tx: Transaction, group_id: str, members: Iterable[tuple[str, str, str]]) -> set[str]:
    """Add (id, kind, name) of members; the ids that were not in before."""
    rows = [{"group_id": group_id, "member_id": id, "member_kind": kind, "display": name} for id, kind, name in members]
    if len(rows) <= _FEW:
        return {row["member_id"] for row in rows if _add_one[tx.dialect](tx, **row).rowcount == 1}
    insert = sqlite.insert(t.member) if tx.sqlite else postgresql.insert(t.member)
    added: set[str] = set()
    for start in range(0, len(rows), 1000):  # below SQLite's limit of bound values
        statement = insert.values(rows[start : start + 1000]).on_conflict_do_nothing().returning(_m.member_id)
        added.update(tx.execute(statement).scalars())
    return added


def remove(tx: Transaction, group_id: str, member_ids: Iterable[str]) -> set[str]:
    """Remove these; the ids that were in before."""
    wanted = list(member_ids)
    if len(wanted) <= _FEW:
        return {id for id in wanted if _remove_one(tx, group=group_id, id=id).rowcount == 1}
    removed: set[str] = set()
    for start in range(0, len(wanted), 1000):
        part = wanted[start : start + 1000]
        gone = sa.delete(t.member).where(_m.group_id == group_id, _m.member_id.in_(part)).returning(_m.member_id)
        removed.update(tx.execute(gone).scalars())
    return removed


def clear(tx: Transaction, group_id: str) -> set[str]:
    return set(tx.execute(sa.delete(t.member).where(_m.group_id == group_id).returning(_m.member_id)).scalars())
