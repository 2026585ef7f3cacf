"""kill -9 right before and right after each write at a directory and each commit of ours: nothing is lost, nothing is there twice."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from connector.domain import agents, groups, resources, targets
from connector.domain.groups import MemberChange
from connector.domain.unit import SYSTEM, Caller
from connector.mapping.load import shipped_folder
from connector.parts import Parts, assemble
from connector.settings import Settings
from connector.storage import outbox
from tests.acceptance.killed_worker import Case
from tests.conftest import BASE_URL, Clock
from tests.servers.slapd import BASE_DN, LdapEntry, Slapd

BY = Caller("operator", "operator:ada", "ada")
SPARE = 32  # more agents than a push has points


def _quiet(_what: str, _count: int) -> None:
    """Nobody watches the progress."""


class Killer:
    """The process that is killed; its answers say where."""

    def __init__(self, settings: Settings) -> None:
        self._settings = {name: str(value) for name, value in settings.model_dump(exclude_unset=True).items()}
        command = [sys.executable, "-m", "tests.acceptance.killed_worker"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def push(self, agent: str, at: int, now: str) -> tuple[int, list[str]]:
        """(exit status, points passed) of one push that is killed at that point."""
        case = Case(self._settings, agent, "directory", now, at)
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(orjson.dumps(vars(case)) + b"\n")
        self._process.stdin.flush()
        told = orjson.loads(self._process.stdout.readline())
        return told["status"], told["points"]

    def stop(self) -> None:
        self._process.communicate(timeout=10)  # the end of its input ends it


class World:
    def __init__(self, parts: Parts, slapd: Slapd, clock: Clock, name: str) -> None:
        self.parts, self.slapd, self.clock, self.name = parts, slapd, clock, name

    @contextmanager
    def change(self) -> Iterator[Any]:
        with self.parts.domain.change(SYSTEM) as unit:
            yield unit

    def agent(self, number: int, crew: str) -> str:
        document = {"agentUserName": f"{self.name}-{number}", "displayName": "First"}
        with self.change() as unit:
            made = agents.register(unit, document, None).id
            group = resources.fetch(unit, "group", crew)
            groups.amend(unit, group, orjson.loads(group.document), None, [MemberChange("add", (made,))])
        return str(made)

    def group(self, name: str) -> str:
        with self.change() as unit:
            return str(groups.add(unit, {"displayName": name}, None, ()).id)

    def suspend_rename_and_regroup(self, agent: str, crew: str, others: str) -> None:
        with self.change() as unit:
            record = resources.fetch(unit, "agent", agent)
            document = {**agents.document(unit, record), "displayName": "Second", "active": False}
            agents.amend(unit, record, document, record.external_id)
            for group_id, kind in ((crew, "remove"), (others, "add")):
                group = resources.fetch(unit, "group", group_id)
                groups.amend(unit, group, orjson.loads(group.document), None, [MemberChange(kind, (agent,))])

    def delete(self, agent: str) -> None:
        with self.change() as unit:
            agents.delete(unit, resources.fetch(unit, "agent", agent))

    def settle(self) -> None:
        """Another worker, when the leases of the killed one are over."""
        self.clock.move(minutes=2)
        assert self.parts.worker().drain(seconds=60)

    def standings(self, ids: list[str]) -> Counter[str]:
        with self.parts.domain.view() as unit:
            return Counter(outbox.of_resource(unit.tx, id)[0].state for id in ids)

    def entries(self, ids: list[str]) -> dict[str, list[LdapEntry]]:
        found: dict[str, list[LdapEntry]] = {id: [] for id in ids}
        for entry in self.slapd.search("(objectClass=aiAgent)", base=f"ou=agents,{BASE_DN}"):
            for id in entry.attributes.get("agentId", []):
                found.get(id, []).append(entry)
        return found

    def members(self, group: str) -> set[str]:
        entry = self.slapd.entry(f"cn={group},ou=groups,{BASE_DN}")
        return set(entry.attributes["member"]) if entry else set()

    def writes_left(self) -> int:
        """What a whole look at the directory would still do for our agents."""
        return sum(entry.writes for entry in self.parts.reconciler.plan("directory", BY, _quiet)[1].entries)


@pytest.fixture
def world(
    database_url: str, keys_dir: Path, tmp_path: Path, clock: Clock, slapd: Slapd, ldap_options: dict[str, str]
) -> Iterator[World]:
    folder = tmp_path / "mappings"
    folder.mkdir()
    shipped = (shipped_folder() / "openldap.yaml").read_text()
    (folder / "openldap.yaml").write_text(f"{shipped}guard: {{free: 1000}}\n")  # many are deleted here at once
    settings = Settings(
        data_dir=tmp_path, database_url=database_url, keys_dir=keys_dir, base_url=BASE_URL, mappings_dir=folder
    )
    parts = assemble(settings, clock=clock)
    parts.domain.database.upgrade()
    with parts.domain.change(SYSTEM) as unit:
        targets.add(unit, "directory", "ldap", "openldap", ldap_options)
    yield World(parts, slapd, clock, f"killed-{parts.domain.database.engine.dialect.name}")
    parts.domain.database.close()


@pytest.fixture
def killer(world: World) -> Iterator[Killer]:
    made = Killer(world.parts.settings)
    yield made
    made.stop()


def kill_everywhere(world: World, killer: Killer, agent: Callable[[int], str]) -> tuple[list[str], list[str]]:
    """One agent for each point at which a push can die, and one whose push ends well; and what that push's points were."""
    pushed = []
    for at in range(1, SPARE):
        pushed.append(agent(at))
        status, points = killer.push(pushed[-1], at, world.clock().isoformat())
        if status == 0:
            return pushed, points
        assert (status, len(points)) == (-9, at), points
    raise AssertionError("a push with more points than agents")


def test_a_push_killed_at_any_step_is_finished_by_another_worker_and_leaves_each_account_once(
    world: World, killer: Killer
) -> None:
    crew, others = f"crew {world.name}", f"others {world.name}"
    crew_id, others_id = world.group(crew), world.group(others)

    arrived, points = kill_everywhere(world, killer, lambda at: world.agent(at, crew_id))
    assert points.count("after add") == 1 and points.count("after modify") >= 1  # the account, then the group
    world.settle()

    there = world.entries(arrived)
    assert {id: len(found) for id, found in there.items()} == dict.fromkeys(arrived, 1)
    assert world.standings(arrived) == {"synced": len(arrived)}
    assert world.members(crew) == {found[0].dn for found in there.values()}
    assert world.writes_left() == 0

    spare = [world.agent(number, crew_id) for number in range(len(arrived) + 1, SPARE)]
    world.settle()
    everyone = [*arrived, *spare]

    def changed(at: int) -> str:
        world.suspend_rename_and_regroup(everyone[at], crew_id, others_id)
        return everyone[at]

    touched, points = kill_everywhere(world, killer, changed)
    assert points.count("after modify") >= 4  # the lock, the name, and both groups
    world.settle()

    there = world.entries(everyone)
    assert all(len(found) == 1 for found in there.values())
    assert {there[id][0].attributes["displayName"][0] for id in touched} == {"Second"}
    assert all("pwdAccountLockedTime" in there[id][0].attributes for id in touched)
    assert world.members(others) == {there[id][0].dn for id in touched}
    assert world.members(crew) == {there[id][0].dn for id in set(everyone) - set(touched)}
    assert world.writes_left() == 0

    def removed(at: int) -> str:
        world.delete(everyone[-at])
        return everyone[-at]

    gone, points = kill_everywhere(world, killer, removed)
    assert {"before delete", "after delete"} <= set(points)
    world.settle()

    assert {id: len(found) for id, found in world.entries(gone).items()} == dict.fromkeys(gone, 0)
    assert world.standings(gone) == {"synced": len(gone)}
    assert world.writes_left() == 0
