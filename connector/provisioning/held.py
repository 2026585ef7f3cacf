"""The guard of the queue: where changes of ours would disable or delete too many accounts at once, they wait for a person.

In: a target. Out: whether removals are held just now. They are held as a stored plan; approving it releases exactly those.
"""

from connector.core.errors import ConnectorError
from connector.domain import plans
from connector.domain.unit import SYSTEM, Domain
from connector.provisioning.connections import Connections
from connector.provisioning.plans import QUEUE, Entry, Plan, Read, brakes
from connector.storage import links, outbox
from connector.storage import plans as stored


def hold(domain: Domain, connections: Connections, name: str) -> bool:
    """Whether rows that take accounts away must wait. Where they must, the plan of them is there to be approved."""
    try:
        mapping = connections.mapping(name)
    except ConnectorError:
        return False  # it cannot be opened: the push will say why, and nothing is taken away
    guard = mapping.policies.guard
    with domain.view() as unit:
        rows = outbox.removing(unit.tx, f"target:{name}", most=guard.removals + guard.free + 1)
        held = stored.waiting(unit.tx, name, QUEUE)
        if not rows and held is None:
            return False  # nothing is counted, which takes long where many are linked
        linked = links.count_agents(unit.tx, name)
        if len(rows) <= guard.allowed(linked) and held is None:
            return False
        rows = outbox.removing(unit.tx, f"target:{name}")
    actions = {0: mapping.policies.on_delete, 1: mapping.policies.on_disable}
    entries = [
        Entry(id, id, "linked", steps=({"action": "delete" if actions[priority] == "delete" else "disable"},))
        for id, priority in rows
    ]
    plan = Plan(name, QUEUE, tuple(entries), Read(linked=linked))
    tripped = brakes(plan, guard, frozenset())
    with domain.change(SYSTEM) as unit:
        if tripped:
            plans.keep(unit, name, QUEUE, plan.text, plan.counts, tripped)
        else:
            stored.lift(unit.tx, name, QUEUE)
    return bool(tripped)
