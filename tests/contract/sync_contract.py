"""What `connector directory sync` promises at any workforce IdP, as tests: people and groups come in, and stay in step.

A subclass gives `there`, the IdP as its administrator sees it, and `told`, how a mapping reads it. Others may be in the IdP, too.
"""

import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import orjson
import pytest

from connector.domain import agents, targets
from connector.domain.schema import ENTERPRISE
from connector.domain.unit import SYSTEM
from connector.parts import Parts, assemble
from connector.provisioning.directory import Synced
from connector.settings import Settings
from connector.storage import audit, groups
from connector.storage.resources import Record, by_name
from tests.conftest import BASE_URL


class There(Protocol):
    """References are whatever the IdP needs to find the person or group again."""

    def person(self, handle: str) -> str:
        """Somebody called so, with the e-mail address HANDLE@people.example, the department Finance and the title Analyst."""

    def rename(self, person: str, handle: str) -> None:
        """Only what they sign in by."""

    def disable(self, person: str) -> None: ...

    def delete(self, person: str) -> None: ...

    def group(self, name: str, *members: str) -> str: ...

    def leave(self, group: str, member: str, *, stays: str) -> None: ...


@dataclass(frozen=True)
class Told:
    """A shipped mapping, the options of its target, and the `people` part of its `directory` as the documents give it."""

    mapping: str
    options: Mapping[str, str]
    people: str
    domain: str = ""  # what comes after a handle in what people sign in by
    enterprise: bool = True  # whether it knows departments and titles


@dataclass
class Here:
    """Our side: a deployment that reads one directory."""

    parts: Parts
    prefix: str

    def sync(self) -> Synced:
        opened = self.parts.connections.open("idp")
        return self.parts.directory.run(opened, SYSTEM, lambda _what, _count: None, allow=1000)

    def record(self, kind: str, name: str) -> Record | None:
        with self.parts.domain.view() as unit:
            return by_name(unit.tx, kind, name)

    def members(self, group: str) -> set[str]:
        record = self.record("group", group)
        assert record is not None
        with self.parts.domain.view() as unit:
            return groups.member_ids(unit.tx, record.id)

    def owned_by(self, person_id: str) -> str:
        with self.parts.domain.change(SYSTEM) as unit:
            document = {"agentUserName": f"bot-{uuid.uuid4().hex[:8]}", "owners": [{"value": person_id}]}
            return agents.register(unit, document, None).id

    def left(self) -> set[str]:
        """Agents whose owner has left."""
        with self.parts.domain.view() as unit:
            told = [orjson.loads(event.body) for event in audit.events(unit.tx, limit=100_000)]
        return {one["subject"]["id"] for one in told if one["action"] == "agent:owner-left"}


class SyncContract:
    """Subclasses define the fixtures `there` and `told`."""

    @pytest.fixture
    def here(self, told: Told, migrated_file: Path, keys_dir: Path, tmp_path: Path) -> Iterator[Here]:
        prefix, folder, file = f"team-{uuid.uuid4().hex[:8]}", tmp_path / "mappings", tmp_path / "connector.db"
        folder.mkdir()
        shutil.copyfile(migrated_file, file)
        shipped = (Path("mappings") / f"{told.mapping}.yaml").read_text()
        directory = f"directory: {{people: {told.people}, match: email, groups: '{prefix}'}}\n"
        (folder / "idp.yaml").write_text(shipped + directory)
        settings = Settings(
            data_dir=tmp_path,
            database_url=f"sqlite:///{file}",
            keys_dir=keys_dir,
            base_url=BASE_URL,
            mappings_dir=folder,
        )
        parts = assemble(settings)
        with parts.domain.change(SYSTEM) as unit:
            kind = next(line for line in shipped.splitlines() if line.startswith("target:")).partition(":")[2].strip()
            targets.add(unit, "idp", kind, "idp", dict(told.options))
        yield Here(parts, prefix)
        parts.domain.database.close()

    def test_people_and_groups_come_in_and_stay_in_step(self, here: Here, there: There, told: Told) -> None:
        suffix = uuid.uuid4().hex[:8]
        rosa, ada, max_ = (there.person(f"{name}-{suffix}") for name in ("rosa", "ada", "max"))
        team = there.group(here.prefix, rosa, ada)

        def found(name: str) -> Record:
            record = here.record("person", f"{name}-{suffix}{told.domain}")
            assert record is not None, f"{name} is not here"
            return record

        first = here.sync()
        again = here.sync()

        known = {name: found(name) for name in ("rosa", "ada", "max")}
        document: dict[str, Any] = orjson.loads(known["rosa"].document)
        assert document["emails"] == [{"value": f"rosa-{suffix}@people.example", "type": "work", "primary": True}]
        if told.enterprise:
            assert (document["title"], document[ENTERPRISE]["department"]) == ("Analyst", "Finance")
        assert all(one.active for one in known.values())
        assert here.members(here.prefix) == {known["rosa"].id, known["ada"].id}
        assert first.counts["groups added"] == 1
        assert again.counts == {}  # what was read twice has not changed

        owned = {here.owned_by(known[name].id) for name in ("ada", "max")}
        there.rename(rosa, f"rosalind-{suffix}")
        there.leave(team, ada, stays=rosa)
        there.disable(ada)
        there.delete(max_)

        third = here.sync()

        assert found("rosalind").id == known["rosa"].id
        assert [found(name).active for name in ("rosalind", "ada", "max")] == [True, False, False]
        assert here.members(here.prefix) == {known["rosa"].id}
        assert here.left() == owned
        assert (third.counts["members left"], third.counts["people gone"] >= 1) == (1, True)
        assert here.sync().counts == {}
