"""The catalogue of roles and entitlements over SCIM (draft-ietf-scim-roles-entitlements): read-only, in memory, by file only.

What is assigned stays in `roles` and `entitlements` of agents and users; here is what may be.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from connector.core.errors import Invalid, NotFound
from connector.core.match import in_order, matches
from connector.core.query import comparison_key
from connector.domain.resources import After
from connector.domain.unit import Caller
from connector.edges.scim import render
from connector.edges.scim.answers import Answer, Conditions, etag
from connector.edges.scim.catalogue_file import Catalogue, Entry
from connector.edges.scim.cursor import Cursors
from connector.edges.scim.filters import parse_filter
from connector.edges.scim.profiles import PROFILES
from connector.edges.scim.queries import Query
from connector.edges.scim.render import Selection
from connector.edges.scim.schema import CATALOGUE_TABLES, Table
from connector.edges.scim.sorting import parse_sort


@dataclass(frozen=True)
class Listed:
    """One entry as it is answered; its id and version are made from what the file says, the same in every process."""

    document: dict[str, Any]
    version: str

    def text(self, chosen: Selection) -> bytes:
        whole = orjson.dumps(self.document)
        return orjson.dumps(render.cut(orjson.loads(whole), chosen)) if chosen else whole


class Collection:
    """/Roles or /Entitlements, in the order of the file. `clock` tells when a cursor is too old."""

    def __init__(
        self, table: Table, entries: Iterable[Entry], root: str, cursors: Cursors, clock: Callable[[], datetime]
    ) -> None:
        self.table = table
        self._cursors = cursors
        self._clock = clock
        self._root = root
        self._listed = _listed(table, tuple(entries), f"{root}/{table.endpoint}")

    @property
    def types(self) -> list[str]:
        """Each `type` that an entry has."""
        return sorted({one.document["type"] for one in self._listed if "type" in one.document})

    def read(self, id: str, chosen: Selection, conditions: Conditions) -> Answer:
        found = next((one for one in self._listed if one.document["id"] == id), None)
        if found is None:
            raise NotFound(f"there is no {self.table.name} with the id {id!r}")
        headers = {"ETag": etag(found)}
        if conditions.unchanged(found):
            return Answer(304, headers=headers)
        return Answer(200, found.text(chosen), {**headers, "Location": found.document["meta"]["location"]})

    def search(self, caller: Caller, query: Query) -> Answer:
        """A page, as of any other resource type."""
        filter = None
        if query.filter:
            profile = PROFILES[caller.profile]
            filter = parse_filter(self.table, query.filter, profile=profile, root=self._root)
        sort = parse_sort(self.table, query.sort_by, query.sort_order)
        chosen = render.selection(self.table, query.attributes, query.excluded)
        found = [one for one in self._listed if filter is None or matches(filter, one.document)]
        if sort is not None:
            found = in_order(found, sort, lambda one: one.document)
        asked, now = [self.table.endpoint, *query.fixed], self._clock().timestamp()
        start = query.start - 1
        if query.cursor:
            after = self._cursors.open(query.cursor, count=query.count, client_id=caller.id, query=asked, now=now)
            start = after.seq
        end = start + query.count
        page = [one.text(chosen) for one in found[start:end]]
        if query.cursor is None:
            return Answer(200, render.listing(len(found), query.start, page))
        begins = [max(0, start - query.count) if start and page else None, end if page and end < len(found) else None]
        before, behind = (
            None
            if begin is None
            else self._cursors.seal(After(begin), count=query.count, client_id=caller.id, query=asked, now=now)
            for begin in begins
        )
        return Answer(200, render.listing(len(found), None, page, before, behind))


class Assignable:
    """What agents and users may be given: where the file says so, only what it lists and supports."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._supported = {
            name: {comparison_key(one.value): one.supported for one in entries}
            for name, entries in (("roles", catalogue.roles), ("entitlements", catalogue.entitlements))
            if entries and catalogue.listed
        }

    def check(self, document: dict[str, Any], before: str = "{}") -> None:
        """Invalid where the document has a value that it did not have `before` and may not have."""
        for name, supported in self._supported.items():
            for one in document.get(name, ()):
                value = one.get("value", "")
                known = supported.get(comparison_key(value))
                if known or one in orjson.loads(before).get(name, ()):
                    continue
                problem = "is not in the catalogue" if known is None else "is in the catalogue as not supported"
                raise Invalid(f"{name}.value {value!r} {problem}, see /{name.capitalize()}", field=f"{name}.value")


def collections(
    catalogue: Catalogue, root: str, cursors: Cursors, clock: Callable[[], datetime]
) -> dict[str, Collection]:
    """The collections that have entries, by endpoint."""
    entries = {"Roles": catalogue.roles, "Entitlements": catalogue.entitlements}
    return {
        endpoint: Collection(table, entries[endpoint], root, cursors, clock)
        for endpoint, table in CATALOGUE_TABLES.items()
        if entries[endpoint]
    }


def _listed(table: Table, entries: tuple[Entry, ...], location: str) -> list[Listed]:
    spelt = {comparison_key(one.value): one.value for one in entries}
    above: dict[str, list[str]] = {}
    for one in entries:
        for inner in one.contains:
            above.setdefault(comparison_key(inner), []).append(one.value)
    found = []
    for one in entries:
        key = comparison_key(one.value)
        id = f"{table.kind[:3]}-{_digest(key)}"
        below = [spelt[comparison_key(inner)] for inner in one.contains]
        told = {**one.model_dump(exclude_none=True), "containedBy": above.get(key, []), "contains": below}
        if one.totalAssignmentsPermitted is not None:
            told["limitedAssignmentsPermitted"] = True
        shown = {name: value for name, value in told.items() if value != []}
        version = _digest(orjson.dumps(shown).decode())
        meta = {"resourceType": table.name, "location": f"{location}/{id}", "version": f'W/"{version}"'}
        found.append(Listed({"schemas": [table.urn], "id": id, **shown, "meta": meta}, version))
    return found


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:20]
