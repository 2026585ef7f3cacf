"""Groups and their members: people, agents and other groups. The only writer of groups and memberships."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from connector.core.errors import Invalid
from connector.domain import ownership, resources
from connector.domain import unit as work
from connector.domain.events import Action
from connector.domain.resources import Draft, Record
from connector.domain.unit import Unit
from connector.storage import groups
from connector.storage.resources import names

_MEMBERS = ("person", "agent", "group")
_NAMED = 20  # an event names this many members; a larger change is given as a count


@dataclass(frozen=True)
class MemberChange:
    """One step of a membership change: `add` or `remove` these ids, or `clear` first and add them."""

    kind: str
    ids: tuple[str, ...] = field(default=())


def add(unit: Unit, document: dict[str, Any], external_id: str | None, member_ids: Iterable[str]) -> Record:
    """A new group with these members. Conflict where the displayName is taken; Invalid where a member does not exist."""
    record = resources.create(unit, "group", Draft(document, external_id))
    joined, _ = _change_members(unit, record.id, [MemberChange("add", tuple(member_ids))])
    unit.record(Action.GROUP_CREATED, "group", record.id, name=record.name, joined=_listed(joined))
    _look_at_agents(unit, joined)
    return record


def amend(
    unit: Unit, before: Record, document: dict[str, Any], external_id: str | None, changes: Iterable[MemberChange] = ()
) -> Record:
    """Bring the group to that document and carry out the membership changes, which cost what they change."""
    joined, left = _change_members(unit, before.id, changes)
    after, changed = resources.save(unit, before, Draft(document, external_id), also_changed=bool(joined or left))
    if after is before:
        return before
    unit.record(
        Action.GROUP_CHANGED,
        "group",
        before.id,
        name=after.name,
        changed=changed,
        joined=_listed(joined),
        left=_listed(left),
    )
    renamed = after.name != before.name
    _look_at_agents(unit, groups.member_ids(unit.tx, before.id) | left if renamed else joined | left)
    return after


def delete(unit: Unit, record: Record) -> None:
    members = groups.clear(unit.tx, record.id)
    owned = resources.remove(unit, record)
    unit.record(Action.GROUP_DELETED, "group", record.id, name=record.name, left=_listed(members), agents=owned or None)
    ownership.left(unit, owned, record.id, "deleted")
    _look_at_agents(unit, members)
    unit.look(owned, priority=work.UPDATE)


def members(unit: Unit, group_id: str) -> list[tuple[str, str, str]]:
    """(id, kind, name) of each member, in order of id."""
    return groups.members(unit.tx, group_id)


def has_more_members(unit: Unit, group_id: str, than: int) -> bool:
    """Whether the group has more members than that; costs the same for any group."""
    return groups.has_more(unit.tx, group_id, than)


def _change_members(unit: Unit, group_id: str, changes: Iterable[MemberChange]) -> tuple[set[str], set[str]]:
    joined: set[str] = set()
    left: set[str] = set()
    for change in changes:
        if change.kind == "clear":
            left |= groups.clear(unit.tx, group_id)
        if change.kind == "remove":
            left |= groups.remove(unit.tx, group_id, change.ids)
        else:
            joined |= groups.add(unit.tx, group_id, _known(unit, group_id, change.ids))
    # Who was cleared and came back in, or came and went in one request, has neither joined nor left.
    return joined - left, left - joined


def _known(unit: Unit, group_id: str, ids: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """(id, kind, name) of the members to be."""
    if group_id in ids:
        raise Invalid("a group cannot be a member of itself", field="members.value")
    found = {id: (id, kind, name) for id, kind, name in names(unit.tx, ids)}
    unknown = [id for id in ids if id not in found or found[id][1] not in _MEMBERS]
    if unknown:
        raise Invalid(f"members.value {unknown[0]!r} is not the id of a User, Agent or Group", field="members.value")
    return list(found.values())


def _look_at_agents(unit: Unit, member_ids: set[str]) -> None:
    agents = [id for id in member_ids if id.startswith("agt-")]
    unit.look(agents, priority=work.MEMBERSHIP)


def _listed(ids: set[str]) -> list[str] | int | None:
    return sorted(ids) if 0 < len(ids) <= _NAMED else len(ids) or None
