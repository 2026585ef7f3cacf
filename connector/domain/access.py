"""May this agent sign on now? The one answer that OAuth and SAML both ask for. Pure apart from reading."""

from dataclasses import dataclass

import orjson

from connector.core.clock import to_text
from connector.domain.schema import GOVERNANCE
from connector.domain.unit import Unit
from connector.storage import owners, resources


@dataclass(frozen=True)
class Decision:
    """`reasons` says, in plain words, everything that stands in the way; empty where the answer is yes. `risk` is the agent's riskLevel."""

    agent_id: str
    reasons: tuple[str, ...]
    risk: str | None = None

    @property
    def allowed(self) -> bool:
        return not self.reasons


def may_sign_on(unit: Unit, agent_id: str) -> Decision:
    """An agent may sign on while it is active, within its dates, and somebody who is active owns it."""
    agent = resources.by_id(unit.tx, "agent", agent_id)
    if agent is None:
        return Decision(agent_id, ("there is no such agent",))
    reasons = [] if agent.active else ["the agent is suspended"]
    governance = orjson.loads(agent.document).get(GOVERNANCE, {})
    now = to_text(unit.tx.moment)
    if governance.get("validFrom", "") > now:
        reasons.append(f"the agent is valid only from {governance['validFrom']}")
    if governance.get("validUntil", now) < now:
        reasons.append(f"the agent expired on {governance['validUntil']}")
    holders = resources.by_ids(unit.tx, [o.holder_id for o in owners.of_agent(unit.tx, agent_id) if o.role == "owner"])
    if not holders:
        reasons.append("nobody owns the agent")
    elif not any(holder.active for holder in holders.values()):
        reasons.append("no owner of the agent is active")
    return Decision(agent_id, tuple(reasons), governance.get("riskLevel"))
