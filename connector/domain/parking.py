"""Members that are named before they are there, by clients that may (`park_members`): they wait under the externalId that the same
client will give them, and join in the very transaction in which it does. See docs/decisions/004-parked-members.md.
"""

from collections.abc import Iterable

from connector.core.errors import Invalid
from connector.domain.events import Action
from connector.domain.schema import MEMBER_KINDS
from connector.domain.unit import MEMBERSHIP, Unit
from connector.storage import groups, parked, resources, tombstones
from connector.storage.parked import Parked
from connector.storage.resources import Record

MOST = 100_000  # for one client: more would be a mistake, and nobody would ever look through them


def known(unit: Unit, values: Iterable[str]) -> dict[str, tuple[str, str, str]]:
    """By externalId: (id, kind, name) of those whom the caller calls so. Invalid where one name stands for two of them."""
    found: dict[str, tuple[str, str, str]] = {}
    for value, id, kind, name in parked.known(unit.tx, unit.by.id, values):
        if value in found:
            detail = f"members.value {value!r} is the externalId of {found[value][0]} and of {id}: name the id"
            raise Invalid(detail, field="members.value")
        found[value] = id, kind, name
    return found


def park(unit: Unit, group_id: str, values: Iterable[str]) -> set[str]:
    """Let these wait; those that did not before. Invalid for an id of ours that is gone for good, and where too many wait."""
    wanted = set(values)
    for id, (name, when) in tombstones.among(unit.tx, wanted).items():
        raise Invalid(f"members.value {id!r} was the id of {name}, deleted at {when}", field="members.value")
    added = parked.add(unit.tx, unit.by.id, group_id, wanted)
    if added and parked.has_more(unit.tx, unit.by.id, MOST):
        detail = f"members.value: more than {MOST} members would wait for their resources; push those first"
        raise Invalid(detail, field="members.value")
    return added


def drop(unit: Unit, group_id: str, values: Iterable[str]) -> set[str]:
    """The group waits for none of these any more; those that it did wait for."""
    return parked.remove(unit.tx, unit.by.id, group_id, values)


def clear(unit: Unit, group_id: str) -> set[str]:
    """The group waits for nobody any more; whom it did wait for."""
    return parked.clear(unit.tx, group_id)


def arrived(unit: Unit, record: Record) -> None:
    """The caller has just given the record its externalId: it joins the groups that wait for it."""
    if not unit.by.park_members or record.external_id is None or record.kind not in MEMBER_KINDS:
        return
    for group_id in parked.groups_waiting(unit.tx, unit.by.id, record.external_id):
        group = resources.by_id(unit.tx, "group", group_id, lock=True)
        if group is None:
            continue  # deleted meanwhile, and its waiting members with it
        parked.remove(unit.tx, unit.by.id, group_id, [record.external_id])
        member = (record.id, record.kind, record.name)
        if group_id == record.id or not groups.add(unit.tx, group_id, [member]):
            continue
        resources.touch(unit.tx, [group_id])
        moved = {"joined": [record.id], "arrived": record.external_id}
        unit.record(Action.GROUP_CHANGED, "group", group_id, name=group.name, **moved)
        if record.kind == "agent":
            unit.look([record.id], priority=MEMBERSHIP)


def listing(unit: Unit, client_id: str) -> list[Parked]:
    """Everybody whom groups wait for because that client named them."""
    return parked.listing(unit.tx, client_id)
