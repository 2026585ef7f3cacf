"""Membership is rows: adding one member costs the same in a group of ten and of a hundred thousand."""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from connector.storage import tables as t
from connector.storage.db import Transaction

_m = t.member.c


def members(tx: Transaction, group_id: str) -> list[tuple[str, str, str]]:
    """(id, kind, name) of each member, in order of id."""
    query = (
        sa.select(_m.member_id, _m.member_kind, t.resource.c.name)
        .join(t.resource, t.resource.c.id == _m.member_id)
        .where(_m.group_id == group_id)
        .order_by(_m.member_id)
    )
    return [(row[0], row[1], row[2]) for row in tx.execute(query)]


def member_ids(tx: Transaction, group_id: str) -> set[str]:
    return set(tx.execute(sa.select(_m.member_id).where(_m.group_id == group_id)).scalars())


def memberships(tx: Transaction, ids: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    """For each of ids that is in a group: (group id, display name) of its groups, in order of name."""
    query = (
        sa.select(_m.member_id, _m.group_id, t.resource.c.name)
        .join(t.resource, t.resource.c.id == _m.group_id)
        .where(_m.member_id.in_(list(ids)))
        .order_by(t.resource.c.name_key)
    )
    found: dict[str, list[tuple[str, str]]] = {}
    for member_id, group_id, name in tx.execute(query):
        found.setdefault(member_id, []).append((group_id, name))
    return found


def add(tx: Transaction, group_id: str, members: Iterable[tuple[str, str]]) -> set[str]:
    """Add (id, kind) pairs; the ids that were not in before."""
    rows = [{"group_id": group_id, "member_id": id, "member_kind": kind} for id, kind in members]
    if not rows:
        return set()
    insert = sqlite.insert(t.member) if tx.sqlite else postgresql.insert(t.member)
    added: set[str] = set()
    for start in range(0, len(rows), 1000):  # below SQLite's limit of bound values
        statement = insert.values(rows[start : start + 1000]).on_conflict_do_nothing().returning(_m.member_id)
        added.update(tx.execute(statement).scalars())
    return added


def remove(tx: Transaction, group_id: str, member_ids: Iterable[str]) -> set[str]:
    """Remove these; the ids that were in before."""
    wanted = list(member_ids)
    removed: set[str] = set()
    for start in range(0, len(wanted), 1000):
        part = wanted[start : start + 1000]
        gone = sa.delete(t.member).where(_m.group_id == group_id, _m.member_id.in_(part)).returning(_m.member_id)
        removed.update(tx.execute(gone).scalars())
    return removed


def clear(tx: Transaction, group_id: str) -> set[str]:
    return set(tx.execute(sa.delete(t.member).where(_m.group_id == group_id).returning(_m.member_id)).scalars())
