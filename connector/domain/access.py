"""May this agent sign on now? The one answer that OAuth and SAML both ask for. Pure apart from reading."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from connector.domain.schema import GOVERNANCE
from connector.domain.unit import Unit
from connector.storage import owners, resources
from connector.storage.resources import Record


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
    return judged(agent, owners.holders_of(unit.tx, agent_id), now=unit.tx.now)


def judged(agent: Record, around: Sequence[tuple[str, Record]], *, now: str) -> Decision:
    """The answer, by what was read already; `around` are its owners and sponsors, with their roles."""
    reasons = [] if agent.active else ["the agent is suspended"]
    governance = orjson.loads(agent.document).get(GOVERNANCE, {})
    if governance.get("validFrom", "") > now:
        reasons.append(f"the agent is valid only from {governance['validFrom']}")
    if governance.get("validUntil", now) < now:
        reasons.append(f"the agent expired on {governance['validUntil']}")
    owning = [holder for role, holder in around if role == "owner"]
    if not owning:
        reasons.append("nobody owns the agent")
    elif not any(holder.active for holder in owning):
        reasons.append("no owner of the agent is active")
    return Decision(agent.id, tuple(reasons), governance.get("riskLevel"))
