"""What a SCIM request does: one unit of work each, checks first, the answer as bytes. Knows no Flask."""

from dataclasses import dataclass, field
from typing import Any

import orjson

from connector.core.errors import Denied, NotFound, Stale
from connector.domain import agents, groups, people, resources
from connector.domain.resources import Record
from connector.domain.unit import Caller, Domain, Unit
from connector.edges.scim import render
from connector.edges.scim.errors import ScimError
from connector.edges.scim.filters import parse_filter
from connector.edges.scim.members import member_ids
from connector.edges.scim.patch import Patch
from connector.edges.scim.profiles import PROFILES
from connector.edges.scim.render import Renderer, Selection
from connector.edges.scim.schema import HIDDEN, TABLES, Table
from connector.edges.scim.validate import Body, check_required, read_resource

DEFAULT_PAGE = 100
MAX_PAGE = 1000


@dataclass(frozen=True)
class Answer:
    """Status, body (None for 204 and 304) and headers."""

    status: int
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Conditions:
    """If-Match and If-None-Match as they came (RFC 7644 section 3.14)."""

    if_match: str | None = None
    if_none_match: str | None = None


class ScimService:
    """The operations of RFC 7644 section 3 on Agents, Users and Groups."""

    def __init__(self, domain: Domain, base_url: str) -> None:
        self._domain = domain
        self._render = Renderer(base_url)

    def create(self, caller: Caller, table: Table, body: Any, chosen: Selection) -> Answer:
        require(caller, table, writing=True)
        read = read_resource(table, body, PROFILES[caller.profile])
        with self._domain.change(caller) as unit:
            record = self._insert(unit, table, read)
            text = self._text(unit, table, record, chosen)
        return self._whole(table, record, text, 201)

    def read(self, caller: Caller, table: Table, id: str, chosen: Selection, conditions: Conditions) -> Answer:
        require(caller, table, writing=False)
        with self._domain.view(caller) as unit:
            record = resources.fetch(unit, table.kind, id)
            if conditions.if_none_match and _names(conditions.if_none_match, record):
                return Answer(304, headers={"ETag": render.etag(record)})
            text = self._text(unit, table, record, chosen)
        return self._whole(table, record, text, 200)

    def search(self, caller: Caller, table: Table, parameters: dict[str, str], chosen: Selection) -> Answer:
        require(caller, table, writing=False)
        start = max(1, _number(parameters, "startIndex", 1))
        count = min(MAX_PAGE, max(0, _number(parameters, "count", DEFAULT_PAGE)))
        filter = (
            parse_filter(table, parameters["filter"], profile=PROFILES[caller.profile])
            if parameters.get("filter")
            else None
        )
        with self._domain.view(caller) as unit:
            total, page = resources.search(unit, table.kind, filter, offset=start - 1, limit=count)
            texts = self._texts(unit, table, page, chosen)
        return Answer(200, render.listing(total, start, texts))

    def replace(
        self, caller: Caller, table: Table, id: str, body: Any, chosen: Selection, conditions: Conditions
    ) -> Answer:
        require(caller, table, writing=True)
        read = read_resource(table, body, PROFILES[caller.profile])
        with self._domain.change(caller) as unit:
            before = self._locked(unit, table, id, conditions)
            if "active" not in read.document and table.kind != "group":
                read.document["active"] = (
                    before.active
                )  # what PUT leaves out is cleared, except active (RFC 7644 3.5.1)
            if table.kind == "agent":  # nor what the client's dialect does not show it
                held = orjson.loads(before.document)
                unseen = {name: held[name] for name in HIDDEN[caller.dialect] if name in held}
                read.document.update({**unseen, **read.document})
            changes = []
            if table.kind == "group":
                ids = _members(table, read)
                changes = [groups.MemberChange("clear", ids)]
            record = self._save(unit, table, before, read.document, read.external_id, changes)
            text = self._text(unit, table, record, chosen)
        return self._whole(table, record, text, 200)

    def patch(
        self, caller: Caller, table: Table, id: str, body: Any, chosen: Selection, conditions: Conditions
    ) -> Answer:
        """200 with the resource; a group answers 204 unless attributes are asked for (its members may be many)."""
        require(caller, table, writing=True)
        with self._domain.change(caller) as unit:
            before = self._locked(unit, table, id, conditions)
            document = self._document(unit, table, before)
            if before.external_id is not None:
                document["externalId"] = before.external_id
            patch = Patch(table, document, PROFILES[caller.profile])
            patch.apply(body)
            check_required(table, patch.document)
            external_id = patch.document.pop("externalId", None)
            record = self._save(unit, table, before, patch.document, external_id, patch.members)
            if table.kind == "group" and not chosen:
                return Answer(204, headers={"ETag": render.etag(record)})
            text = self._text(unit, table, record, chosen)
        return self._whole(table, record, text, 200)

    def delete(self, caller: Caller, table: Table, id: str, conditions: Conditions) -> Answer:
        require(caller, table, writing=True)
        with self._domain.change(caller) as unit:
            record = self._locked(unit, table, id, conditions)
            {"agent": agents.delete, "person": people.delete, "group": groups.delete}[table.kind](unit, record)
        return Answer(204)

    def _insert(self, unit: Unit, table: Table, read: Body) -> Record:
        if table.kind == "agent":
            return agents.register(unit, read.document, read.external_id)
        if table.kind == "person":
            return people.add(unit, read.document, read.external_id)
        ids = _members(table, read)
        return groups.add(unit, read.document, read.external_id, ids)

    def _save(
        self,
        unit: Unit,
        table: Table,
        before: Record,
        document: dict[str, Any],
        external_id: str | None,
        changes: list[groups.MemberChange],
    ) -> Record:
        if table.kind == "agent":
            return agents.amend(unit, before, document, external_id)
        if table.kind == "person":
            return people.amend(unit, before, document, external_id)
        return groups.amend(unit, before, document, external_id, changes)

    def _locked(self, unit: Unit, table: Table, id: str, conditions: Conditions) -> Record:
        record = resources.fetch(unit, table.kind, id, lock=True)
        if conditions.if_match and not _names(conditions.if_match, record):
            raise Stale(f"{table.name} {id} is at version {render.etag(record)}, which If-Match does not name")
        return record

    def _document(self, unit: Unit, table: Table, record: Record) -> dict[str, Any]:
        if table.kind == "agent":
            return agents.document(unit, record)
        parsed: dict[str, Any] = orjson.loads(record.document)
        return parsed

    def _text(self, unit: Unit, table: Table, record: Record, chosen: Selection) -> bytes:
        return self._texts(unit, table, [record], chosen)[0]

    def _texts(self, unit: Unit, table: Table, records: list[Record], chosen: Selection) -> list[bytes]:
        if table.kind == "group":
            wanted = chosen.wants("members")
            computed = [self._render.members(groups.members(unit, one.id)) if wanted else {} for one in records]
            return [self._render.text(table, one, extra, chosen) for one, extra in zip(records, computed, strict=True)]
        joined = resources.memberships(unit, [one.id for one in records]) if chosen.wants("groups") else {}
        extras = [self._render.groups(joined.get(one.id, [])) for one in records]
        if table.kind == "person":
            return [self._render.text(table, one, extra, chosen) for one, extra in zip(records, extras, strict=True)]
        documents = agents.documents(unit, records)
        return [
            self._render.agent(table, one, documents[one.id], extra, unit.by.dialect, chosen)
            for one, extra in zip(records, extras, strict=True)
        ]

    def _whole(self, table: Table, record: Record, text: bytes, status: int) -> Answer:
        headers = {"ETag": render.etag(record), "Location": self._render.location(table, record.id)}
        return Answer(status, text, headers)


def require(caller: Caller, table: Table, *, writing: bool) -> None:
    """Denied where none of the caller's scopes covers this."""
    own = f"scim:{table.endpoint.lower()}"
    enough = {"scim", own} if writing else {"scim", "scim:read", own}
    if not caller.scopes & enough:
        act = "change" if writing else "read"
        raise Denied(f"the scope {own!r} (or 'scim') is needed to {act} {table.endpoint}", scope=own)


def table_of(endpoint: str) -> Table:
    """The resource type behind `/Agents` and the like; NotFound for anything else."""
    table = TABLES.get(endpoint)
    if table is None:
        raise NotFound(f"there is no endpoint /{endpoint}; there are {', '.join('/' + name for name in TABLES)}")
    return table


def _members(table: Table, read: Body) -> tuple[str, ...]:
    return member_ids(table.attributes["members"], read.document.pop("members", None), "members", PROFILES["default"])


def _names(header: str, record: Record) -> bool:
    """Whether an If-Match or If-None-Match header names the record's version; weak and strong compare alike here."""
    if header.strip() == "*":
        return True
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    if not all(len(tag) > 1 and tag[0] == tag[-1] == '"' for tag in tags):
        raise ScimError("invalidValue", f"{header!r} is not a list of ETags", field="If-Match")
    return f'"{record.version}"' in tags


def _number(parameters: dict[str, str], name: str, default: int) -> int:
    text = parameters.get(name)
    if text is None:
        return default
    try:
        return int(text)
    except ValueError as problem:
        raise ScimError("invalidValue", f"{name} must be a whole number, not {text!r}", field=name) from problem
