"""The facts that mappings see of one agent, and who its owner is at the target."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from connector.domain import agents
from connector.domain.schema import ENTERPRISE, GOVERNANCE
from connector.domain.unit import Unit
from connector.mapping.schema import Mapping
from connector.storage import groups, links, owners, resources
from connector.storage.links import Link
from connector.storage.resources import Record
from connector.targets.base import PersonTarget, Target


@dataclass(frozen=True)
class Situation:
    """What we know of an agent at a target before the target is asked. `agent` is None once it has been deleted."""

    agent: Record | None
    facts: dict[str, Any]
    people: dict[str, dict[str, Any]]  # owner and sponsor, before their references at the target are known
    active: bool
    link: Link | None
    group_ids: dict[str, str]  # display name -> id of our group


def gather(unit: Unit, agent_id: str, target: str, base_url: str) -> Situation:
    """Read all that the account depends on, in one transaction; nothing outside is asked."""
    link = links.find(unit.tx, agent_id, target)
    agent = resources.by_id(unit.tx, "agent", agent_id)
    if agent is None:
        return Situation(None, {}, {}, False, link, {})
    document = agents.document(unit, agent)
    joined = groups.memberships(unit.tx, [agent_id]).get(agent_id, [])
    held = owners.of_agent(unit.tx, agent_id)
    holders = resources.by_ids(unit.tx, [one.holder_id for one in held])
    people: dict[str, dict[str, Any]] = {}
    for one in held:
        wanted = one.role == "sponsor" or one.accountable
        if wanted and holders[one.holder_id].kind == "person":
            people[one.role] = _person(holders[one.holder_id])
    facts = {
        **{name: value for name, value in document.items() if name != GOVERNANCE},
        "id": agent.id,
        "externalId": agent.external_id,
        "governance": document.get(GOVERNANCE, {}),
        "groups": [name for _, name in joined],
        "connector": {"baseUrl": base_url, "domain": urlsplit(base_url).hostname or ""},
    }
    expired = agent.expires is not None and agent.expires <= unit.tx.now
    return Situation(agent, facts, people, agent.active and not expired, link, {name: id for id, name in joined})


def with_people(situation: Situation, mapping: Mapping, target: Target) -> dict[str, Any]:
    """The facts with owner and sponsor, each with its reference at the target where it is found there (asks the target)."""
    facts = dict(situation.facts)
    for role in ("owner", "sponsor"):
        person = situation.people.get(role)
        if person is not None and mapping.people is not None and isinstance(target, PersonTarget):
            value = person.get(mapping.people.person)
            found = target.find_person(mapping.people.account, value) if value else []
            # Two people of that name: referring to neither is better than to the wrong one.
            person = {**person, "account": found[0]} if len(found) == 1 else person
        facts[role] = person
    return facts


def _person(record: Record) -> dict[str, Any]:
    document = orjson.loads(record.document)
    emails = document.get("emails") or []
    email = next((one.get("value") for one in emails if one.get("primary")), emails[0].get("value") if emails else None)
    return {
        "id": record.id,
        "userName": record.name,
        "displayName": document.get("displayName") or record.name,
        "email": email,
        "department": document.get(ENTERPRISE, {}).get("department"),
    }
