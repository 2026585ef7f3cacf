"""An agent signs in to an application: the decision, what is released about the agent, the session, and its end.

Knows no SAML: identifiers that go into messages come in as texts and are kept as they were issued.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from connector.core.clock import from_text, to_text
from connector.domain.access import may_sign_on
from connector.domain.events import Action
from connector.domain.schema import GOVERNANCE
from connector.domain.unit import Unit
from connector.storage import activity, credentials, groups, owners, resources, saml
from connector.storage.resources import Record

Session = saml.Session  # what `to_tell` answers with

SESSION_LIFE = timedelta(
    hours=1
)  # where an application cannot be told of an agent's end, this is how long it may not know
_MAX_QUOTED = 300


@dataclass(frozen=True)
class Wish:
    """What is asked for. `name_id` is the identifier as it will be issued; `way` is `ecp`, `redirect` or `post`.

    `request_id` may be used once by that application until `request_until`.
    """

    agent_id: str
    entity_id: str
    name_id: str
    assertion_id: str
    way: str
    request_id: str
    request_until: datetime


@dataclass(frozen=True)
class Facts:
    """What applications learn about an agent. Owners and sponsors by user name, groups by display name."""

    agent_id: str
    user_name: str
    display_name: str | None
    agent_type: str | None
    owners: tuple[str, ...]
    sponsors: tuple[str, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Granted:
    """The agent is signed in: its facts, and the session that was opened and recorded."""

    facts: Facts
    session_index: str
    moment: datetime
    session_until: datetime


@dataclass(frozen=True)
class Refused:
    """`replayed` where the request had been used before; else the agent may not sign on, for these reasons."""

    reasons: tuple[str, ...]
    replayed: bool = False


def sign_on(unit: Unit, wish: Wish) -> Granted | Refused:
    """Decide, and open the session, in this one transaction. A refusal is a value, so that its event commits too."""
    # The lock makes switching the agent off wait for us: it then sees, and ends, the session that we open here.
    agent = resources.by_id(unit.tx, "agent", wish.agent_id, lock=True)
    identifier = f"{wish.entity_id} {wish.request_id}"
    if credentials.seen_before(unit.tx, "saml-request", identifier, to_text(wish.request_until)):
        return refuse(unit, wish.agent_id, wish.entity_id, wish.way, ("the request was used before",), replayed=True)
    decision = may_sign_on(unit, wish.agent_id)
    if agent is None or not decision.allowed:
        return refuse(unit, wish.agent_id, wish.entity_id, wish.way, decision.reasons)
    granted = Granted(_facts(unit, agent), unit.tx.new_id("ses"), unit.tx.moment, _session_end(unit, agent))
    saml.add_session(
        unit.tx,
        Session(
            session_index=granted.session_index,
            agent_id=agent.id,
            entity_id=wish.entity_id,
            name_id=wish.name_id,
            issued=unit.tx.now,
            expires=to_text(granted.session_until),
        ),
    )
    activity.seen(unit.tx, agent.id)
    unit.record(
        Action.SIGN_ON_GRANTED,
        "agent",
        agent.id,
        application=wish.entity_id,
        way=wish.way,
        session=granted.session_index,
        identifier=wish.assertion_id,
    )
    return granted


def refuse(
    unit: Unit, agent_id: str, entity_id: str | None, way: str, reasons: Sequence[str], *, replayed: bool = False
) -> Refused:
    """Record that this agent was not signed in, and why. The entity id may be whatever a stranger wrote: it is cut."""
    unit.record(
        Action.SIGN_ON_REFUSED,
        "agent",
        agent_id,
        application=entity_id[:_MAX_QUOTED] if entity_id else None,
        way=way,
        reasons=[reason[:_MAX_QUOTED] for reason in reasons],
    )
    return Refused(tuple(reasons), replayed)


def _session_end(unit: Unit, agent: Record) -> datetime:
    """No session outlives the agent's own end."""
    governance = orjson.loads(agent.document).get(GOVERNANCE, {})
    end = unit.tx.moment + SESSION_LIFE
    return min(end, from_text(governance["validUntil"])) if governance.get("validUntil") else end


def _facts(unit: Unit, agent: Record) -> Facts:
    document = orjson.loads(agent.document)
    ownerships = owners.of_agent(unit.tx, agent.id)
    holders = resources.by_ids(unit.tx, [one.holder_id for one in ownerships])

    def names(role: str) -> tuple[str, ...]:
        return tuple(holders[one.holder_id].name for one in ownerships if one.role == role and one.holder_id in holders)

    memberships = groups.memberships(unit.tx, [agent.id]).get(agent.id, [])
    return Facts(
        agent_id=agent.id,
        user_name=agent.name,
        display_name=document.get("displayName"),
        agent_type=document.get("agentType"),
        owners=names("owner"),
        sponsors=names("sponsor"),
        groups=tuple(name for _, name in memberships),
    )


# -- the end of sessions: deactivation ends them, and a sender tells the applications ---------------------------------


def to_tell(unit: Unit, agent_id: str, entity_id: str) -> list[Session]:
    """The agent's sessions there that have ended and of which the application does not know yet."""
    return saml.to_tell(unit.tx, agent_id, entity_id)


def told(unit: Unit, agent_id: str, entity_id: str, sessions: Sequence[Session], outcome: str) -> None:
    """The application has confirmed the end of these sessions."""
    saml.mark_told(unit.tx, [one.session_index for one in sessions])
    unit.record(Action.APP_TOLD, "agent", agent_id, application=entity_id, sessions=len(sessions), outcome=outcome)


def not_reachable(unit: Unit, agent_id: str, entity_id: str, sessions: Sequence[Session], reason: str) -> None:
    """The application cannot be told: its sessions there end only when they expire."""
    until = max(one.expires for one in sessions)
    unit.record(
        Action.APP_NOT_TOLD,
        "agent",
        agent_id,
        application=entity_id,
        sessions=len(sessions),
        reason=reason,
        until=until,
    )


def open_at(unit: Unit, entity_id: str, session_indexes: Sequence[str]) -> list[Session]:
    """Those of the sessions that are open at that application."""
    return saml.live_at(unit.tx, entity_id, list(session_indexes))


def ended_by_application(unit: Unit, entity_id: str, sessions: Sequence[Session]) -> None:
    """The application itself has ended these sessions: there is nobody left to tell."""
    saml.end_known(unit.tx, [one.session_index for one in sessions])
    for agent_id in sorted({one.agent_id for one in sessions}):
        unit.record(Action.SESSION_ENDED, "agent", agent_id, applications=[entity_id], by="application")
