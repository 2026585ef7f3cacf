"""Who answers for agents when an owner goes. An agent that has owners has exactly one who is accountable."""

from collections.abc import Iterable

from connector.domain.events import Action
from connector.domain.unit import Unit
from connector.storage import owners
from connector.storage.owners import Ownership
from connector.storage.resources import Record, by_ids, touch


def left(unit: Unit, agent_ids: Iterable[str], person_id: str, why: str) -> None:
    """Somebody who answered for these agents was disabled or deleted: recorded at each agent, and another owner is accountable.

    An owner who was only disabled keeps the role, and hands over being accountable where another owner is active.
    """
    ids = list(agent_ids)
    if not ids:
        return
    held = {id: [one for one in some if one.role == "owner"] for id, some in owners.of_agents(unit.tx, ids).items()}
    known = by_ids(unit.tx, [*ids, *{one.holder_id for some in held.values() for one in some}])
    for agent_id, some in held.items():
        active = [one for one in some if one.holder_id != person_id and known[one.holder_id].active]
        unit.record(
            Action.AGENT_OWNER_LEFT,
            "agent",
            agent_id,
            name=known[agent_id].name,
            person=person_id,
            why=why,
            left=len(active),
        )
        in_charge = next((one for one in some if one.accountable), None)
        if in_charge is not None and in_charge.holder_id == person_id and active:
            touch(
                unit.tx, [agent_id]
            )  # what it shows changes; where its owner was deleted, that has been counted already
        if some and (in_charge is None or (in_charge.holder_id == person_id and active)):
            _hand_over(unit, known[agent_id], _next(some if in_charge is None else active, known))


def _hand_over(unit: Unit, agent: Record, heir: str) -> None:
    owners.make_accountable(unit.tx, agent.id, heir)
    unit.record(Action.AGENT_CHANGED, "agent", agent.id, name=agent.name, changed=["owners"], accountable=heir)


def _next(left: list[Ownership], known: dict[str, Record]) -> str:
    return min(left, key=lambda one: (not known[one.holder_id].active, one.holder_id)).holder_id
