"""An agent signs in to an application, for itself or for somebody else: the decision, what is released, the session.

Knows no SAML: identifiers that go into messages come in as texts and are kept as they were issued.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

import orjson

from connector.core.clock import from_text, to_text
from connector.domain import access
from connector.domain.app_settings import AppSettings
from connector.domain.events import Action
from connector.domain.schema import GOVERNANCE
from connector.domain.unit import Unit
from connector.storage import activity, credentials, groups, owners, resources, saml
from connector.storage.resources import Record
from connector.storage.saml import Session

_MAX_QUOTED = 300


@dataclass(frozen=True)
class Behalf:
    """For whom else the agent signs in, proven by domain.exchange: the person or agent, those who act (the latest first: the

    agent itself), the delegations and tokens that prove it, and the moment until which it is proven.
    """

    subject: str
    actors: tuple[str, ...]
    parents: tuple[str, ...] = ()
    not_after: datetime | None = None


@dataclass(frozen=True)
class Wish:
    """What is asked for. `way` is `ecp`, `redirect`, `post`, `init`, `direct` or `exchange`; `settings` are the application's.

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
    behalf: Behalf | None = None


@dataclass(frozen=True)
class Facts:
    """What applications learn about an agent, or about whom it acts for. Owners and sponsors by user name, groups by display name."""

    id: str
    agent_id: str | None  # None where it is a person
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
    """Why there is no sign-on: the agent's own state, what the application takes of delegation, a key that was not shown, who may

    use that application, or a request that was used before.
    """

    AGENT = auto()
    DELEGATION = auto()
    KEY = auto()
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
    if agent is None:
        return refuse(unit, wish.agent_id, wish.entity_id, wish.way, ("there is no such agent",))
    around = owners.holders_of(unit.tx, agent.id)
    decision = access.judged(agent, around, now=unit.tx.now)
    if not decision.allowed:
        return refuse(unit, wish.agent_id, wish.entity_id, wish.way, decision.reasons)
    if not _may_use(unit, agent.id, wish.settings.groups):
        reasons = ("the agent is in none of the groups that may use the application",)
        return refuse(unit, wish.agent_id, wish.entity_id, wish.way, reasons, Cause.GROUPS)
    subject, behalf = agent, wish.behalf
    if behalf is not None:
        kind = "agent" if behalf.subject.startswith("agt-") else "person"
        found = resources.by_id(unit.tx, kind, behalf.subject, lock=True)  # as above
        if wish.settings.delegation == "none" or found is None:
            reasons = ("the application takes no delegation",) if found else ("there is nobody to act for",)
            return refuse(unit, agent.id, wish.entity_id, wish.way, reasons, Cause.DELEGATION)
        subject, around = found, owners.holders_of(unit.tx, found.id)
    facts, until = _facts(unit, subject, around), _session_end(unit, agent, wish)
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
        behind=_behind(behalf),
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
        onBehalfOf=behalf.subject if behalf else None,
        actors=list(behalf.actors) if behalf else None,
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


def _session_end(unit: Unit, agent: Record, wish: Wish) -> datetime:
    """No session outlives the agent's own end, or the proof that it may act for somebody.

    An application that cannot be told of that may not know for so long.
    """
    governance = orjson.loads(agent.document).get(GOVERNANCE, {})
    ends = [unit.tx.moment + timedelta(minutes=wish.settings.session_minutes)]
    if governance.get("validUntil"):
        ends.append(from_text(governance["validUntil"]))
    if wish.behalf is not None and wish.behalf.not_after is not None:
        ends.append(wish.behalf.not_after)
    return min(ends)


def _behind(behalf: Behalf | None) -> tuple[str, ...]:
    return (behalf.subject, *behalf.actors[1:], *behalf.parents) if behalf else ()


def _facts(unit: Unit, subject: Record, around: Sequence[tuple[str, Record]]) -> Facts:
    document = orjson.loads(subject.document)
    is_agent = subject.kind == "agent"

    def names(wanted: str) -> tuple[str, ...]:
        return tuple(holder.name for role, holder in around if role == wanted)

    def assigned(attribute: str) -> tuple[str, ...]:
        return tuple(one["value"] for one in document.get(attribute, ()) if one.get("value"))

    memberships = groups.memberships(unit.tx, [subject.id]).get(subject.id, [])
    return Facts(
        id=subject.id,
        agent_id=subject.id if is_agent else None,
        user_name=subject.name,
        display_name=document.get("displayName"),
        agent_type=document.get("agentType"),
        owners=names("owner"),
        sponsors=names("sponsor"),
        groups=tuple(name for _, name in memberships),
        roles=assigned("roles"),
        entitlements=assigned("entitlements"),
    )
