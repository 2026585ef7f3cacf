"""Agentic applications: what agents belong to, are authorised at or visit. The only writer of them.

Their agents are rows, not part of the stored document; `documents` puts the two together.
"""

from collections.abc import Iterable
from typing import Any

import orjson

from connector.core.errors import Invalid
from connector.domain import resources
from connector.domain.events import Action
from connector.domain.resources import Draft, Record
from connector.domain.unit import Unit
from connector.storage import applications
from connector.storage.resources import by_ids


def add(unit: Unit, document: dict[str, Any], external_id: str | None) -> Record:
    """A new application. Conflict where its name or externalId is taken; Invalid where an agent does not exist."""
    draft, agents = _draft(unit, {"active": True, **document}, external_id, active=True)
    record = resources.create(unit, "application", draft)
    if agents:
        applications.assign(unit.tx, record.id, agents)
    unit.record(Action.APPLICATION_CREATED, "application", record.id, name=record.name, agents=sorted(agents) or None)
    return record


def amend(unit: Unit, before: Record, document: dict[str, Any], external_id: str | None) -> Record:
    """Bring the application to that document (as `documents` gives it)."""
    draft, agents = _draft(unit, document, external_id, active=before.active)
    held = {id: type for id, type, _ in applications.agents_of(unit.tx, [before.id]).get(before.id, [])}
    after, changed = resources.save(unit, before, draft, also_changed=agents != held)
    if after is before:
        return before
    if agents != held:
        applications.assign(unit.tx, before.id, agents)
        changed.append("agents")
    unit.record(Action.APPLICATION_CHANGED, "application", before.id, name=after.name, changed=changed)
    return after


def delete(unit: Unit, record: Record) -> None:
    resources.remove(unit, record)
    unit.record(Action.APPLICATION_DELETED, "application", record.id, name=record.name)


def documents(unit: Unit, records: Iterable[Record]) -> dict[str, dict[str, Any]]:
    """The documents of applications with their agents, by id."""
    listed = list(records)
    held = applications.agents_of(unit.tx, [one.id for one in listed])
    found: dict[str, dict[str, Any]] = {}
    for record in listed:
        document = found[record.id] = orjson.loads(record.document)
        agents = [
            {"value": id, "display": name, **({"type": type} if type else {})}
            for id, type, name in held.get(record.id, [])
        ]
        if agents:
            document["agents"] = agents
    return found


def of_agents(unit: Unit, agent_ids: Iterable[str]) -> dict[str, list[tuple[str, str | None, str]]]:
    """For each agent that is in any application: (application id, type, name)."""
    return applications.of_agents(unit.tx, agent_ids)


def _draft(
    unit: Unit, document: dict[str, Any], external_id: str | None, *, active: bool
) -> tuple[Draft, dict[str, str | None]]:
    """`active` holds where the document does not say."""
    kept = {name: value for name, value in document.items() if name != "agents"}
    agents: dict[str, str | None] = {one["value"]: one.get("type") for one in document.get("agents") or []}
    known = by_ids(unit.tx, agents)
    for id in agents:
        if id not in known or known[id].kind != "agent":
            raise Invalid(f"agents.value {id!r} is not the id of an Agent", field="agents.value")
    return Draft(kept, external_id, active=document.get("active", active)), agents
