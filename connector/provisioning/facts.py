"""The facts that mappings see of agents, and who their owners are at the target."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import orjson

from connector.domain import agents, lifecycle
from connector.domain.schema import ENTERPRISE, GOVERNANCE
from connector.domain.unit import Unit
from connector.mapping.schema import Mapping as AgentMapping
from connector.storage import cases, groups, links, owners, resources, tombstones
from connector.storage.links import Link
from connector.storage.resources import Record
from connector.targets.base import PersonTarget, Target


@dataclass(frozen=True)
class Subject:
    """What we know of an agent at a target before the target is asked. `agent` is None once it has been deleted, `deleted` says when."""

    id: str
    agent: Record | None
    facts: dict[str, Any]
    people: dict[str, dict[str, Any]]  # owner and sponsor, before their references at the target are known
    active: bool
    link: Link | None
    deleted: str | None = None
    ignored: frozenset[str] = frozenset()  # accounts that a person has decided not to be the agent's
    in_question: bool = False  # a person is asked about it

    @property
    def name(self) -> str:
        """What people call the agent; its id once it is gone."""
        return self.agent.name if self.agent else self.id


def gather(unit: Unit, agent_ids: list[str], target: str, base_url: str) -> list[Subject]:
    """All that the accounts of these agents depend on, with their links and with what people have decided about them."""
    held = links.among(unit.tx, target, agent_ids)
    asked, decided = cases.among(unit.tx, target, agent_ids)
    subjects = gather_many(unit, agent_ids, target, held, base_url)
    if not asked and not decided:
        return subjects
    return [replace(one, ignored=decided.get(one.id, frozenset()), in_question=one.id in asked) for one in subjects]


def gather_many(
    unit: Unit, agent_ids: list[str], target: str, held: Mapping[str, Link], base_url: str
) -> list[Subject]:
    """Read all that the accounts of these agents depend on, in one transaction; nothing outside is asked. `held` are their links.

    Groups that are read from the target (provisioning/directory.py) are not among the facts there: it is the authority for them.
    """
    found = {id: one for id, one in resources.by_ids(unit.tx, agent_ids).items() if one.kind == "agent"}
    documents = agents.documents(unit, list(found.values()))
    joined = groups.memberships(unit.tx, found)
    theirs = links.linked(unit.tx, target, {id for some in joined.values() for id, _ in some}) if joined else set()
    owned = owners.of_agents(unit.tx, found)
    holders = resources.by_ids(unit.tx, {one.holder_id for some in owned.values() for one in some})
    called = resources.makers_external_ids(unit.tx, found)
    gone = tombstones.among(unit.tx, [id for id in agent_ids if id not in found])
    subjects = []
    for id in agent_ids:
        agent = found.get(id)
        if agent is None:
            subjects.append(Subject(id, None, {}, {}, False, held.get(id), gone[id][1] if id in gone else None))
            continue
        people: dict[str, dict[str, Any]] = {}
        for one in owned[id]:
            if (one.role == "sponsor" or one.accountable) and holders[one.holder_id].kind == "person":
                people[one.role] = _person(holders[one.holder_id])
        document = documents[id]
        facts = {
            **{name: value for name, value in document.items() if name != GOVERNANCE},
            "id": id,
            "externalId": called.get(id),
            "governance": {"lifecycleState": lifecycle.implied(agent.active), **document.get(GOVERNANCE, {})},
            "groups": [name for group_id, name in joined.get(id, []) if group_id not in theirs],
            "connector": {"baseUrl": base_url, "domain": urlsplit(base_url).hostname or ""},
        }
        expired = agent.expires is not None and agent.expires <= unit.tx.now
        subjects.append(Subject(id, agent, facts, people, agent.active and not expired, held.get(id)))
    return subjects


class People:
    """Where owners and sponsors are at one target; each is asked for once."""

    def __init__(self, mapping: AgentMapping, target: Target) -> None:
        self._mapping = mapping
        self._target = target
        self._known: dict[str, str | None] = {}

    def facts(self, subject: Subject) -> dict[str, Any]:
        """The facts with owner and sponsor, each with its reference at the target where it is found there (asks the target)."""
        facts = dict(subject.facts)
        for role in ("owner", "sponsor"):
            person = subject.people.get(role)
            account = self._account(person) if person is not None else None
            facts[role] = {**(person or {}), "account": account} if account else person
        return facts

    def _account(self, person: Mapping[str, Any]) -> str | None:
        rule = self._mapping.people
        value = person.get(rule.person) if rule is not None else None
        if rule is None or not value or not isinstance(self._target, PersonTarget):
            return None
        if value not in self._known:
            found = self._target.find_person(rule.account, value)
            # Two people of that name: referring to neither is better than to the wrong one.
            self._known[value] = found[0] if len(found) == 1 else None
        return self._known[value]


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
