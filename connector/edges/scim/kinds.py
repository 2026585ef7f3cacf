"""The resource types that are kept: how each is created, changed, removed and shown. A new type is one class here and one table."""

from typing import Any, Protocol

import orjson

from connector.domain import agents, applications, groups, people, resources
from connector.domain.groups import MemberChange
from connector.domain.resources import Record
from connector.domain.schema import GOVERNANCE
from connector.domain.unit import Unit
from connector.edges.scim.members import member_ids
from connector.edges.scim.profiles import PROFILES
from connector.edges.scim.render import Renderer, Selection
from connector.edges.scim.schema import HIDDEN, IDENTITIES, TABLES, Table, view_of
from connector.edges.scim.validate import Body


class Kind(Protocol):
    """What the operations ask of a resource type. Errors are the domain's."""

    def insert(self, unit: Unit, read: Body) -> Record: ...

    def document(self, unit: Unit, record: Record) -> dict[str, Any]:
        """What PATCH changes: the document without what we compute."""
        ...

    def replace(self, unit: Unit, before: Record, read: Body) -> Record: ...

    def save(
        self,
        unit: Unit,
        before: Record,
        document: dict[str, Any],
        external_id: str | None,
        members: list[MemberChange],
    ) -> Record: ...

    def remove(self, unit: Unit, record: Record) -> None: ...

    def texts(self, unit: Unit, records: list[Record], chosen: Selection) -> list[bytes]: ...


class Agents:
    def __init__(self, table: Table, render: Renderer) -> None:
        self._table, self._render = table, render

    def insert(self, unit: Unit, read: Body) -> Record:
        return agents.register(unit, read.document, read.external_id)

    def document(self, unit: Unit, record: Record) -> dict[str, Any]:
        return agents.document(unit, record)

    def replace(self, unit: Unit, before: Record, read: Body) -> Record:
        hidden = HIDDEN[view_of(self._table, unit.by.dialect)]
        held = (
            agents.document(unit, before) if GOVERNANCE in hidden else _parsed(before)
        )  # a sponsor is beside the document
        unseen = {name: held[name] for name in hidden if name in held}
        document = {"active": before.active, **unseen, **read.document}
        if state := held.get(GOVERNANCE, {}).get(
            "lifecycleState"
        ):  # goes with `active`: PUT keeps what it does not name
            document[GOVERNANCE] = {"lifecycleState": state, **document.get(GOVERNANCE, {})}
        return agents.amend(unit, before, document, read.external_id)

    def save(
        self, unit: Unit, before: Record, document: dict[str, Any], external_id: str | None, members: list[MemberChange]
    ) -> Record:
        return agents.amend(unit, before, document, external_id)

    def remove(self, unit: Unit, record: Record) -> None:
        agents.delete(unit, record)

    def texts(self, unit: Unit, records: list[Record], chosen: Selection) -> list[bytes]:
        documents = agents.documents(unit, records)
        ids = [one.id for one in records]
        joined = resources.memberships(unit, ids) if chosen.wants("groups") else {}
        view = view_of(self._table, unit.by.dialect)
        used = applications.of_agents(unit, ids) if view != "wzdk" else {}
        facts = agents.facts(unit, ids)
        return [
            self._render.agent(
                self._table,
                one,
                documents[one.id],
                {**self._render.groups(joined.get(one.id, [])), **self._render.applications(used.get(one.id, []))},
                facts[one.id],
                chosen,
                view=view,
            )
            for one in records
        ]


class People:
    def __init__(self, table: Table, render: Renderer) -> None:
        self._table, self._render = table, render

    def insert(self, unit: Unit, read: Body) -> Record:
        return people.add(unit, read.document, read.external_id)

    def document(self, unit: Unit, record: Record) -> dict[str, Any]:
        return _parsed(record)

    def replace(self, unit: Unit, before: Record, read: Body) -> Record:
        return people.amend(unit, before, {"active": before.active, **read.document}, read.external_id)

    def save(
        self, unit: Unit, before: Record, document: dict[str, Any], external_id: str | None, members: list[MemberChange]
    ) -> Record:
        return people.amend(unit, before, document, external_id)

    def remove(self, unit: Unit, record: Record) -> None:
        people.delete(unit, record)

    def texts(self, unit: Unit, records: list[Record], chosen: Selection) -> list[bytes]:
        joined = resources.memberships(unit, [one.id for one in records]) if chosen.wants("groups") else {}
        return [
            self._render.text(self._table, one, self._render.groups(joined.get(one.id, [])), chosen) for one in records
        ]


class Groups:
    def __init__(self, table: Table, render: Renderer) -> None:
        self._table, self._render = table, render

    def insert(self, unit: Unit, read: Body) -> Record:
        return groups.add(unit, read.document, read.external_id, self._members(read))

    def document(self, unit: Unit, record: Record) -> dict[str, Any]:
        return _parsed(record)

    def replace(self, unit: Unit, before: Record, read: Body) -> Record:
        members = [MemberChange("clear", self._members(read))]
        return groups.amend(unit, before, read.document, read.external_id, members)

    def save(
        self, unit: Unit, before: Record, document: dict[str, Any], external_id: str | None, members: list[MemberChange]
    ) -> Record:
        return groups.amend(unit, before, document, external_id, members)

    def remove(self, unit: Unit, record: Record) -> None:
        groups.delete(unit, record)

    def texts(self, unit: Unit, records: list[Record], chosen: Selection) -> list[bytes]:
        wanted, named = chosen.wants("members"), PROFILES[unit.by.profile].member_display
        return [
            self._render.group(self._table, one, groups.members(unit, one.id) if wanted else [], chosen, named=named)
            for one in records
        ]

    def _members(self, read: Body) -> tuple[str, ...]:
        listed = read.document.pop("members", None)
        return member_ids(self._table.attributes["members"], listed, "members", PROFILES["default"])


class Applications:
    def __init__(self, table: Table, render: Renderer) -> None:
        self._table, self._render = table, render

    def insert(self, unit: Unit, read: Body) -> Record:
        return applications.add(unit, read.document, read.external_id)

    def document(self, unit: Unit, record: Record) -> dict[str, Any]:
        return applications.documents(unit, [record])[record.id]

    def replace(self, unit: Unit, before: Record, read: Body) -> Record:
        return applications.amend(unit, before, {"active": before.active, **read.document}, read.external_id)

    def save(
        self, unit: Unit, before: Record, document: dict[str, Any], external_id: str | None, members: list[MemberChange]
    ) -> Record:
        return applications.amend(unit, before, document, external_id)

    def remove(self, unit: Unit, record: Record) -> None:
        applications.delete(unit, record)

    def texts(self, unit: Unit, records: list[Record], chosen: Selection) -> list[bytes]:
        documents = applications.documents(unit, records)
        return [self._render.application(self._table, one, documents[one.id], chosen) for one in records]


def _parsed(record: Record) -> dict[str, Any]:
    parsed: dict[str, Any] = orjson.loads(record.document)
    return parsed


_CLASSES: dict[str, type[Agents] | type[People] | type[Groups] | type[Applications]] = {
    "agent": Agents,
    "person": People,
    "group": Groups,
    "application": Applications,
}


def kinds(render: Renderer) -> dict[str, Kind]:
    """Every kind by its endpoint."""
    return {table.endpoint: _CLASSES[table.kind](table, render) for table in (*TABLES.values(), IDENTITIES)}
