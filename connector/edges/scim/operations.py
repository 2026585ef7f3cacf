"""One operation on one resource inside a unit of work: what a single request does, and each operation of a bulk request."""

from collections.abc import Mapping
from typing import Any

from connector.core.errors import Denied
from connector.domain import groups, resources
from connector.domain.resources import Record
from connector.domain.unit import Caller, Unit
from connector.edges.scim.answers import Answer, Conditions, etag
from connector.edges.scim.catalogue import Assignable
from connector.edges.scim.kinds import Kind
from connector.edges.scim.patch import Patch
from connector.edges.scim.profiles import PROFILES
from connector.edges.scim.render import Renderer, Selection
from connector.edges.scim.schema import Table
from connector.edges.scim.validate import Body, check_required

_ECHOED = 100  # members of a group that go back with a PATCH that did not ask for them


class Operations:
    """Create, read, replace, patch and delete (RFC 7644 section 3) on every resource type. `chosen` None: no body is wanted."""

    def __init__(self, render: Renderer, kinds: Mapping[str, Kind], assignable: Assignable) -> None:
        self._render = render
        self._kinds = kinds
        self._assignable = assignable

    def create(self, unit: Unit, table: Table, read: Body, chosen: Selection | None) -> Answer:
        self._assignable.check(read.document)
        record = self._kinds[table.endpoint].insert(unit, read)
        return self._whole(unit, table, record, chosen, 201)

    def read(self, unit: Unit, table: Table, id: str, chosen: Selection | None, conditions: Conditions) -> Answer:
        record = resources.fetch(unit, table.kind, id)
        if conditions.unchanged(record):
            return Answer(304, headers={"ETag": etag(record)})
        return self._whole(unit, table, record, chosen, 200)

    def replace(
        self, unit: Unit, table: Table, id: str, read: Body, chosen: Selection | None, conditions: Conditions
    ) -> Answer:
        """What is left out is cleared, except `active` and what the client's dialect does not show it (section 3.5.1)."""
        before = self._locked(unit, table, id, conditions)
        self._assignable.check(read.document, before.document)
        record = self._kinds[table.endpoint].replace(unit, before, read)
        return self._whole(unit, table, record, chosen, 200)

    def patch(
        self, unit: Unit, table: Table, id: str, body: Any, chosen: Selection | None, conditions: Conditions
    ) -> Answer:
        """200 with the resource; a group of many members answers 204, unless attributes are asked for (section 3.5.2)."""
        before = self._locked(unit, table, id, conditions)
        kind = self._kinds[table.endpoint]
        document = kind.document(unit, before)
        if before.external_id is not None:
            document["externalId"] = before.external_id
        profile = PROFILES[unit.by.profile]
        patch = Patch(table, document, profile)
        patch.apply(body)
        check_required(table, patch.document)
        self._assignable.check(patch.document, before.document)
        external_id = patch.document.pop("externalId", None)
        record = kind.save(unit, before, patch.document, external_id, patch.members)
        bodiless = table.kind == "group" and not chosen
        if bodiless and (
            chosen is None or profile.group_patch_without_body or groups.has_more_members(unit, id, _ECHOED)
        ):
            return Answer(204, headers={"ETag": etag(record), "Location": self._render.location(table, id)})
        return self._whole(unit, table, record, chosen, 200)

    def delete(self, unit: Unit, table: Table, id: str, conditions: Conditions) -> Answer:
        record = self._locked(unit, table, id, conditions)
        self._kinds[table.endpoint].remove(unit, record)
        return Answer(204)

    def texts(self, unit: Unit, table: Table, records: list[Record], chosen: Selection) -> list[bytes]:
        """The resources as they go into a list."""
        return self._kinds[table.endpoint].texts(unit, records, chosen)

    def _locked(self, unit: Unit, table: Table, id: str, conditions: Conditions) -> Record:
        record = resources.fetch(unit, table.kind, id, lock=True)
        conditions.check(record)
        return record

    def _whole(self, unit: Unit, table: Table, record: Record, chosen: Selection | None, status: int) -> Answer:
        headers = {"ETag": etag(record), "Location": self._render.location(table, record.id)}
        if chosen is None:
            return Answer(status, headers=headers)
        [text] = self.texts(unit, table, [record], chosen)
        return Answer(status, text, headers)


def require(caller: Caller, table: Table, *, writing: bool) -> None:
    """Denied where none of the caller's scopes covers this."""
    own = table.scope
    enough = {"scim", own} if writing else {"scim", "scim:read", own}
    if not caller.scopes & enough:
        act = "change" if writing else "read"
        raise Denied(f"the scope {own!r} (or 'scim') is needed to {act} {table.endpoint}", scope=own)
