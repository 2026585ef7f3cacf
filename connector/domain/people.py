"""People: the humans who own or sponsor agents, as the workforce IdP tells us about them. The only writer of people."""

from typing import Any

import orjson

from connector.domain import delegations, ownership, person_sessions, resources, sessions
from connector.domain import unit as work
from connector.domain.events import Action
from connector.domain.resources import Draft, Record
from connector.domain.unit import Unit
from connector.storage import owners, tombstones
from connector.storage.resources import external_ids


def add(unit: Unit, document: dict[str, Any], external_id: str | None) -> Record:
    """A new person. Conflict where the userName or externalId is taken."""
    record = resources.create(unit, "person", _draft({"active": True, **document}, external_id, active=True))
    unit.record(Action.PERSON_CREATED, "person", record.id, name=record.name)
    return record


def amend(unit: Unit, before: Record, document: dict[str, Any], external_id: str | None) -> Record:
    """Bring the person to that document; the accounts of their agents are looked at again."""
    after, changed = resources.save(unit, before, _draft(document, external_id, active=before.active))
    if after is before:
        return before
    unit.record(Action.PERSON_CHANGED, "person", before.id, name=after.name, changed=changed)
    agents = owners.agents_of(unit.tx, before.id)
    if before.active and not after.active:
        ownership.left(unit, agents, before.id, "disabled")
        sessions.end_all(unit, before.id)
        person_sessions.end_of_person(unit, before.id, by="person disabled")
    unit.look(agents, priority=work.UPDATE)
    return after


def delete(unit: Unit, record: Record) -> None:
    """Remove the person. Agents that nobody else owns can no longer sign on; of the others another owner is accountable."""
    known_by = _known_by(unit, record)
    sessions.end_all(unit, record.id)
    delegations.end_all(unit, record.id)
    agents = resources.remove(unit, record)
    tombstones.put(unit.tx, "person", record.id, record.name, known_by)
    person_sessions.end_of_person(unit, record.id, by="person deleted")
    unit.record(Action.PERSON_DELETED, "person", record.id, name=record.name, agents=agents)
    ownership.left(unit, agents, record.id, "deleted")
    unit.look(agents, priority=work.UPDATE)


def _draft(document: dict[str, Any], external_id: str | None, *, active: bool) -> Draft:
    """`active` holds where the document does not say: a client that has removed the attribute has not switched anybody on."""
    return Draft(document, external_id, active=document.get("active", active))


def _known_by(unit: Unit, record: Record) -> list[str]:
    """Every name that a workforce IdP might give of this person."""
    document = orjson.loads(record.document)
    emails = [one["value"] for one in document.get("emails") or [] if isinstance(one.get("value"), str)]
    return [record.name, *emails, *external_ids(unit.tx, record.id)]
