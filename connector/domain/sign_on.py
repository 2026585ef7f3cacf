"""An agent signs in to an application: the decision, what is released about the agent, the session, and its end.

Knows no SAML: identifiers that go into messages come in as texts and are kept as they were issued.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

import orjson

from connector.core.clock import from_text, to_text
from connector.domain.access import may_sign_on
from connector.domain.app_settings import AppSettings
from connector.domain.events import Action
from connector.domain.schema import GOVERNANCE
from connector.domain.unit import Unit
from connector.storage import activity, credentials, groups, owners, resources, saml
from connector.storage.resources import Record

Session = saml.Session  # what `to_tell` answers with

_MAX_QUOTED = 300


@dataclass(frozen=True)
class Wish:
    """What is asked for. `way` is `ecp`, `redirect`, `post` or `init`; `settings` are the application's.

    `name_id` makes the identifier as it will be issued. `request` is the id of the application's request, which may be
    used once until that moment; None where the agent came without one.
    """

    agent_id: str
    entity_id: str
    name_id: Callable[["Facts"], str]
    assertion_id: str
    way: str
    settings: AppSettings
    request: tuple[str, datetime] | None


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
    roles: tuple[str, ...]
    entitlements: tuple[str, ...]


@dataclass(frozen=True)
class Granted:
    """The agent is signed in: its facts, its identifier there, and the session that was opened and recorded."""

    facts: Facts
    name_id: str
    session_index: str
    moment: datetime
    session_until: datetime


class Cause(Enum):
    """Why there is no sign-on: the agent's own state, who may use that application, or a request that was used before."""

    AGENT = auto()
    GROUPS = auto()
    REPLAY = auto()


@dataclass(frozen=True)
class Refused:
    """The agent may not sign on, for these reasons."""

    reasons: tuple[str, ...]
    cause: Cause


def sign_on(unit: Unit, wish: Wish) -> Granted | Refused:
    """Decide, and open the session, in this one transaction. A refusal is a value, so that its event commits too."""
    # The lock makes switching the agent off wait for us: it then sees, and ends, the session that we open here.
    agent = resources.by_id(unit.tx, "agent", wish.agent_id, lock=True)
    if wish.request is not None and _seen_before(unit, wish.entity_id, *wish.request):
        reasons: Sequence[str] = ("the request was used before",)
        return refuse(unit, wish.agent_id, wish.entity_id, wish.way, reasons, Cause.REPLAY)
    decision = may_sign_on(unit, wish.agent_id)
    if agent is None or not decision.allowed:
        return refuse(unit, wish.agent_id, wish.entity_id, wish.way, decision.reasons)
    if not _may_use(unit, agent.id, wish.settings.groups):
        reasons = ("the agent is in none of the groups that may use the application",)
        return refuse(unit, wish.agent_id, wish.entity_id, wish.way, reasons, Cause.GROUPS)
    facts, until = _facts(unit, agent), _session_end(unit, agent, wish.settings.session_minutes)
    granted = Granted(facts, wish.name_id(facts), unit.tx.new_id("ses"), unit.tx.moment, until)
    saml.add_session(
        unit.tx,
        Session(
            session_index=granted.session_index,
            agent_id=agent.id,
            entity_id=wish.entity_id,
            name_id=granted.name_id,
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
    unit: Unit, agent_id: str, entity_id: str | None, way: str, reasons: Sequence[str], cause: Cause = Cause.AGENT
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
    return Refused(tuple(reasons), cause)


def _seen_before(unit: Unit, entity_id: str, request_id: str, until: datetime) -> bool:
    return credentials.seen_before(unit.tx, "saml-request", f"{entity_id} {request_id}", to_text(until))


def _may_use(unit: Unit, agent_id: str, wanted: Sequence[str]) -> bool:
    """Everybody where no groups were chosen; else who is in one of them, itself or by a group in it."""
    if not wanted:
        return True
    return any(group in wanted for group, _, _ in groups.nested(unit.tx, [agent_id]).get(agent_id, []))


def _session_end(unit: Unit, agent: Record, minutes: int) -> datetime:
    """No session outlives the agent's own end. An application that cannot be told of that may not know for so long."""
    governance = orjson.loads(agent.document).get(GOVERNANCE, {})
    end = unit.tx.moment + timedelta(minutes=minutes)
    return min(end, from_text(governance["validUntil"])) if governance.get("validUntil") else end


def _facts(unit: Unit, agent: Record) -> Facts:
    document = orjson.loads(agent.document)
    ownerships = owners.of_agent(unit.tx, agent.id)
    holders = resources.by_ids(unit.tx, [one.holder_id for one in ownerships])

    def names(role: str) -> tuple[str, ...]:
        return tuple(holders[one.holder_id].name for one in ownerships if one.role == role and one.holder_id in holders)

    def assigned(attribute: str) -> tuple[str, ...]:
        return tuple(one["value"] for one in document.get(attribute, ()) if one.get("value"))

    memberships = groups.memberships(unit.tx, [agent.id]).get(agent.id, [])
    return Facts(
        agent_id=agent.id,
        user_name=agent.name,
        display_name=document.get("displayName"),
        agent_type=document.get("agentType"),
        owners=names("owner"),
        sponsors=names("sponsor"),
        groups=tuple(name for _, name in memberships),
        roles=assigned("roles"),
        entitlements=assigned("entitlements"),
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
