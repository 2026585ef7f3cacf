"""A deployment with one target in memory, on both databases; its mapping is the shipped one with policies added."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from connector.domain import agents, cases, groups, people, resources, targets
from connector.domain.groups import MemberChange
from connector.domain.unit import SYSTEM, Caller
from connector.parts import Parts, assemble
from connector.provisioning.plans import Plan
from connector.provisioning.reconcile import Report
from connector.provisioning.schedule import Schedule
from connector.settings import Settings
from connector.storage import audit, outbox
from connector.storage.plans import PlanRecord
from connector.targets.base import Account
from connector.targets.memory import MemoryStore, MemoryTarget
from tests.conftest import BASE_URL, Clock

MAPPING = """
target: memory
correlate:
  - {account: externalId, agent: id}
  - {account: userName, agent: agentUserName, strength: weak}
account:
  userName: {from: agentUserName}
  externalId: {from: id}
  displayName: {from: displayName}
  title: {from: description}
  manager: {from: owner.account}
people: {account: mail, person: email}
groups: {prefix: "ai-"}
"""
ADMIN = Caller("operator", "operator:ada", "ada")
_numbers = itertools.count(1)


def quiet(_what: str, _count: int) -> None:
    """Nobody watches the progress."""


@dataclass
class World:
    """What tests do, in few words. The target is called `idp`."""

    parts: Parts
    store: MemoryStore
    clock: Clock
    folder: Path

    def agent(self, name: str, **document: Any) -> str:
        with self.parts.domain.change(SYSTEM) as unit:
            return agents.register(unit, {"agentUserName": name, "displayName": name.title(), **document}, None).id

    def person(self, name: str) -> str:
        """A person of ours who is a person at the target too."""
        self.store.people[f"person-{name}"] = {"mail": f"{name}@x.example"}
        document = {"userName": name, "emails": [{"value": f"{name}@x.example"}]}
        with self.parts.domain.change(SYSTEM) as unit:
            return people.add(unit, document, None).id

    def amend(self, agent_id: str, **changes: Any) -> None:
        with self.parts.domain.change(SYSTEM) as unit:
            record = resources.fetch(unit, "agent", agent_id)
            document = {**agents.document(unit, record), **changes}
            kept = {name: value for name, value in document.items() if value is not None}
            agents.amend(unit, record, kept, record.external_id)

    def delete(self, agent_id: str) -> None:
        with self.parts.domain.change(SYSTEM) as unit:
            agents.delete(unit, resources.fetch(unit, "agent", agent_id))

    def group(self, name: str, *members: str) -> str:
        with self.parts.domain.change(SYSTEM) as unit:
            return groups.add(unit, {"displayName": name}, None, members).id

    def leave(self, group_id: str, member: str) -> None:
        with self.parts.domain.change(SYSTEM) as unit:
            record = resources.fetch(unit, "group", group_id)
            groups.amend(unit, record, orjson.loads(record.document), None, [MemberChange("remove", (member,))])

    def drain(self) -> None:
        """The worker does all that is due."""
        assert self.parts.worker().drain(seconds=30)

    def settled(self, *names: str) -> list[str]:
        """Agents of these names that have their accounts."""
        made = [self.agent(name) for name in names]
        self.drain()
        return made

    def account(self, name: str) -> Account:
        return next(one for one in self.store.accounts.values() if one.attributes["userName"] == name)

    def put(self, name: str, **attributes: Any) -> Account:
        """An account that somebody else has made there."""
        target = self.parts.connections.open("idp").target
        return target.create(Account(attributes={"userName": name, **attributes}))

    def touch(self, name: str, active: bool | None = None, **attributes: Any) -> None:
        """Somebody else changes an account there."""
        held = self.account(name)
        state = held.active if active is None else active
        self.store.accounts[held.id] = Account(held.id, held.name, state, {**held.attributes, **attributes})

    def plan(self) -> tuple[PlanRecord, Plan]:
        return self.parts.reconciler.plan("idp", ADMIN, quiet)

    def apply(self, plan_id: str) -> Report:
        return self.parts.reconciler.apply(plan_id, ADMIN, quiet)

    def reconcile(self) -> Report:
        return self.apply(self.plan()[0].id)

    def schedule(self) -> Schedule:
        """What a worker does of itself, with the usual times."""
        parts = self.parts
        return Schedule(
            parts.domain, parts.connections, parts.reconciler, parts.directory, reconcile_hours=24, follow_seconds=300
        )

    def cases(self, state: str = "open") -> list[cases.Case]:
        with self.parts.domain.view() as unit:
            return cases.listing(unit, target="idp", state=state)

    def decide(self, decision: Callable[..., Any], *given: Any, **named: Any) -> None:
        with self.parts.domain.change(ADMIN) as unit:
            decision(unit, *given, **named)

    def state(self) -> targets.TargetState:
        with self.parts.domain.view() as unit:
            return targets.states(unit)[0]

    def standing(self, agent_id: str) -> tuple[str, str | None]:
        with self.parts.domain.view() as unit:
            one = outbox.of_resource(unit.tx, agent_id)[0]
        return one.state, one.problem

    def events(self, *actions: str) -> list[dict[str, Any]]:
        with self.parts.domain.view() as unit:
            told = [orjson.loads(event.body) for event in audit.events(unit.tx, limit=100_000)]
        return [one for one in told if one["action"] in actions]

    def policies(self, text: str) -> None:
        """Give the mapping other policies."""
        (self.folder / "idp.yaml").write_text(MAPPING + text)
        self.parts.connections.forget("idp")


@pytest.fixture
def world(database_url: str, keys_dir: Path, tmp_path: Path, clock: Clock) -> Iterator[World]:
    folder = tmp_path / "mappings"
    folder.mkdir()
    (folder / "idp.yaml").write_text(MAPPING)
    settings = Settings(
        data_dir=tmp_path,
        database_url=database_url,
        keys_dir=keys_dir,
        base_url=BASE_URL,
        mappings_dir=folder,
        reconcile_hours=0,  # tests say when, see World.schedule
        follow_seconds=0,
    )
    parts = assemble(settings, clock=clock)
    parts.domain.database.upgrade()
    name = f"store-{next(_numbers)}"
    with parts.domain.change(SYSTEM) as unit:
        targets.add(unit, "idp", "memory", "idp", {"store": name})
    target = parts.connections.open("idp").target
    assert isinstance(target, MemoryTarget)
    yield World(parts, target.store, clock, folder)
    parts.domain.database.close()
