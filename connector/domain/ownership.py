"""Who answers for agents when an owner goes. An agent that has owners has exactly one who is accountable."""

from collections.abc import Iterable

from connector.domain.events import Action
from connector.domain.unit import Unit
from connector.storage import owners
from connector.storage.owners import Ownership
from connector.storage.resources import Record, by_ids


def succeed(unit: Unit, agent_ids: Iterable[str]) -> None:
    """Where these agents have owners left and none of them is accountable, the next one becomes it: who is active goes first."""
    held = {
        id: [one for one in some if one.role == "owner"] for id, some in owners.of_agents(unit.tx, agent_ids).items()
    }
    headless = {id: some for id, some in held.items() if some and not any(one.accountable for one in some)}
    known = by_ids(unit.tx, [*headless, *{one.holder_id for some in headless.values() for one in some}])
    for agent_id, left in headless.items():
        heir = _next(left, known)
        owners.make_accountable(unit.tx, agent_id, heir)
        unit.record(
            Action.AGENT_CHANGED, "agent", agent_id, name=known[agent_id].name, changed=["owners"], accountable=heir
        )


def _next(left: list[Ownership], known: dict[str, Record]) -> str:
    return min(left, key=lambda one: (not known[one.holder_id].active, one.holder_id)).holder_id
