"""The end of agents' sessions at applications: whoever ends, they end in the same transaction, and a sender tells the applications."""

from collections.abc import Sequence
from itertools import groupby

from connector.domain.events import Action
from connector.domain.unit import Unit
from connector.storage import saml

Session = saml.Session  # what `to_tell` answers with


def end_all(unit: Unit, id: str) -> None:
    """An agent, a person, or a delegation has ended: so do its sessions, and those that it stands behind."""
    for agent_id, ended in groupby(saml.end_sessions(unit.tx, id), key=lambda one: one[0]):
        entity_ids = [entity_id for _, entity_id in ended]
        unit.record(
            Action.SESSION_ENDED, "agent", agent_id, applications=entity_ids, because=id if id != agent_id else None
        )
        unit.tell_apps(agent_id, entity_ids)


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
