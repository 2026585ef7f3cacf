"""Groups and their members: people, agents and other groups. The only writer of groups and, with parking.py, of memberships."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from connector.core.errors import Invalid
from connector.domain import ownership, parking, resources
from connector.domain import unit as work
from connector.domain.events import Action
from connector.domain.resources import Draft, Record
from connector.domain.schema import MEMBER_KINDS
from connector.domain.unit import Unit
from connector.storage import groups
from connector.storage.resources import names

_NAMED = 20  # an event names this many members; a larger change is given as a count


@dataclass(frozen=True)
class MemberChange:
    """One step of a membership change: `add` or `remove` these ids, or `clear` first and add them."""

    kind: str
    ids: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class _Moves:
    """What changes came to: who joined and left, and for whom the group waits now, and waits no more (parking.py)."""

    joined: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    parked: set[str] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)

    def settled(self) -> "_Moves":
        """Who was cleared and came back in, or came and went in one request, has neither joined nor left."""
        joined, left, parked, dropped = self.joined, self.left, self.parked, self.dropped
        return _Moves(joined - left, left - joined, parked - dropped, dropped - parked)

    @property
    def told(self) -> dict[str, list[str] | int | None]:
        """For the event."""
        return {name: _listed(ids) for name, ids in vars(self).items()}


def add(unit: Unit, document: dict[str, Any], external_id: str | None, member_ids: Iterable[str]) -> Record:
    """A new group with these members. Conflict where the displayName is taken; Invalid where a member does not exist,
    unless the caller may name members before they are there.
    """
    record = resources.create(unit, "group", Draft(document, external_id))
    moves = _change_members(unit, record.id, [MemberChange("add", tuple(member_ids))])
    unit.record(Action.GROUP_CREATED, "group", record.id, name=record.name, **moves.told)
    _look_at_agents(unit, moves.joined)
    return record


def amend(
    unit: Unit, before: Record, document: dict[str, Any], external_id: str | None, changes: Iterable[MemberChange] = ()
) -> Record:
    """Bring the group to that document and carry out the membership changes, which cost what they change."""
    moves = _change_members(unit, before.id, changes)
    moved = moves.joined | moves.left
    after, changed = resources.save(unit, before, Draft(document, external_id), also_changed=bool(moved))
    if after is before and not (moves.parked or moves.dropped):
        return before
    unit.record(Action.GROUP_CHANGED, "group", before.id, name=after.name, changed=changed, **moves.told)
    renamed = after.name != before.name
    _look_at_agents(unit, groups.member_ids(unit.tx, before.id) | moves.left if renamed else moved)
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


def _change_members(unit: Unit, group_id: str, changes: Iterable[MemberChange]) -> _Moves:
    moves = _Moves()
    for change in changes:
        if change.kind == "clear":
            moves.left.update(groups.clear(unit.tx, group_id))
            moves.dropped.update(parking.clear(unit, group_id))
        if change.kind == "remove":
            _remove(unit, group_id, change.ids, moves)
        else:
            _add(unit, group_id, change.ids, moves)
    return moves.settled()


def _add(unit: Unit, group_id: str, ids: tuple[str, ...], moves: _Moves) -> None:
    """Ids first; where the caller may park members, what is no id is its externalId of somebody, or of somebody yet to come."""
    found = {id: (id, kind, name) for id, kind, name in names(unit.tx, ids)}
    unknown = [id for id in ids if id not in found]
    wrong = [id for id, kind, _ in found.values() if kind not in MEMBER_KINDS]
    if wrong or (unknown and not unit.by.park_members):
        first = [*wrong, *unknown][0]
        raise Invalid(f"members.value {first!r} is not the id of a User, Agent or Group", field="members.value")
    if unknown:
        called = parking.known(unit, unknown)
        found |= {member[0]: member for member in called.values()}
        moves.parked.update(parking.park(unit, group_id, set(unknown) - called.keys()))
    if group_id in found:
        raise Invalid("a group cannot be a member of itself", field="members.value")
    moves.joined.update(groups.add(unit.tx, group_id, found.values()))


def _remove(unit: Unit, group_id: str, ids: tuple[str, ...], moves: _Moves) -> None:
    gone = groups.remove(unit.tx, group_id, ids)
    rest = set(ids) - gone
    if rest and unit.by.park_members:
        gone |= groups.remove(unit.tx, group_id, [id for id, _, _ in parking.known(unit, rest).values()])
        moves.dropped.update(parking.drop(unit, group_id, rest))
    moves.left.update(gone)


def _look_at_agents(unit: Unit, member_ids: set[str]) -> None:
    agents = [id for id in member_ids if id.startswith("agt-")]
    unit.look(agents, priority=work.MEMBERSHIP)


def _listed(ids: set[str]) -> list[str] | int | None:
    return sorted(ids) if 0 < len(ids) <= _NAMED else len(ids) or None
