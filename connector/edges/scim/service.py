"""What a SCIM request does: checks first, then one unit of work, the answer as bytes. Knows no Flask."""

from typing import Any

from connector.core.errors import Denied, NotFound
from connector.domain import resources
from connector.domain.resources import Wanted
from connector.domain.unit import Caller, Domain
from connector.edges.scim import render
from connector.edges.scim.answers import Answer, Conditions
from connector.edges.scim.bulk import Bulk
from connector.edges.scim.catalogue import Assignable, collections
from connector.edges.scim.catalogue_file import Catalogue
from connector.edges.scim.cursor import Cursors
from connector.edges.scim.filters import parse_filter
from connector.edges.scim.kinds import kinds
from connector.edges.scim.operations import Operations, require
from connector.edges.scim.profiles import PROFILES
from connector.edges.scim.queries import Query
from connector.edges.scim.render import Renderer, Selection
from connector.edges.scim.schema import TABLES, Table, tables
from connector.edges.scim.sorting import parse_sorts
from connector.edges.scim.validate import read_resource


class ScimService:
    """The operations of RFC 7644 section 3 on every resource type that is kept."""

    def __init__(self, domain: Domain, base_url: str, catalogue: Catalogue) -> None:
        self._domain = domain
        renderer = Renderer(base_url)
        self._root = renderer.root
        self._operations = Operations(renderer, kinds(renderer), Assignable(catalogue))
        self._bulk = Bulk(self._operations, renderer)
        self._cursors = Cursors(domain.keys.derive("scim cursor 2"))
        self.collections = collections(catalogue, renderer.root, self._cursors, domain.database.clock)

    def create(self, caller: Caller, table: Table, body: Any, chosen: Selection) -> Answer:
        require(caller, table, writing=True)
        read = read_resource(table, body, PROFILES[caller.profile])
        with self._domain.change(caller) as unit:
            return self._operations.create(unit, table, read, chosen)

    def read(self, caller: Caller, table: Table, id: str, chosen: Selection, conditions: Conditions) -> Answer:
        require(caller, table, writing=False)
        with self._domain.view(caller) as unit:
            return self._operations.read(unit, table, id, chosen, conditions)

    def me(self, caller: Caller, table: Table, chosen: Selection, conditions: Conditions) -> Answer:
        """The agent that asks (section 3.11)."""
        with self._domain.view(caller) as unit:
            return self._operations.read(unit, table, caller.id, chosen, conditions)

    def replace(
        self, caller: Caller, table: Table, id: str, body: Any, chosen: Selection, conditions: Conditions
    ) -> Answer:
        require(caller, table, writing=True)
        read = read_resource(table, body, PROFILES[caller.profile])
        with self._domain.change(caller) as unit:
            return self._operations.replace(unit, table, id, read, chosen, conditions)

    def patch(
        self, caller: Caller, table: Table, id: str, body: Any, chosen: Selection, conditions: Conditions
    ) -> Answer:
        require(caller, table, writing=True)
        with self._domain.change(caller) as unit:
            return self._operations.patch(unit, table, id, body, chosen, conditions)

    def delete(self, caller: Caller, table: Table, id: str, conditions: Conditions) -> Answer:
        require(caller, table, writing=True)
        with self._domain.change(caller) as unit:
            return self._operations.delete(unit, table, id, conditions)

    def bulk(self, caller: Caller, body: Any) -> Answer:
        """Every operation in one transaction, each undone by itself where it fails (RFC 7644 section 3.7)."""
        request = self._bulk.read(body, PROFILES[caller.profile])
        with self._domain.change(caller) as unit:
            return self._bulk.run(unit, request)

    def search(self, caller: Caller, table: Table | None, query: Query) -> Answer:
        """A page of one resource type, or of all that the caller may read (section 3.4.2.1)."""
        tables = [table] if table is not None else readable(caller)
        for one in tables:
            require(caller, one, writing=False)
        profile = PROFILES[caller.profile]
        several, text = table is None, query.filter
        parts = tuple(
            (
                one.kind,
                parse_filter(one, text, profile=profile, across_types=several, root=self._root) if text else None,
            )
            for one in tables
        )
        chosen = {one.kind: render.selection(one, query.attributes, query.excluded) for one in tables}
        with self._domain.view(caller) as unit:
            now = unit.tx.moment.timestamp()
            bound: list[Any] = [[one.endpoint for one in tables], *query.fixed]
            after = None
            if query.cursor:
                after = self._cursors.open(query.cursor, count=query.count, client_id=caller.id, query=bound, now=now)
            wanted = Wanted(
                parts=parts,
                client_id=caller.id,
                limit=query.count,
                offset=query.start - 1,
                after=after,
                sorts=parse_sorts(tables, query.sort_by, query.sort_order),
                own_only=caller.own_only,
            )
            found = resources.search(unit, wanted)
            texts: dict[str, bytes] = {}
            for one in tables:
                records = [record for record in found.records if record.kind == one.kind]
                if records:
                    written = self._operations.texts(unit, one, records, chosen[one.kind])
                    texts |= zip((record.id for record in records), written, strict=True)
        listed = [texts[record.id] for record in found.records]
        if query.cursor is None:
            return Answer(200, render.listing(found.total, query.start, listed))
        before, behind = (
            self._cursors.seal(one, count=query.count, client_id=caller.id, query=bound, now=now) if one else None
            for one in (found.begin, found.end)
        )
        return Answer(200, render.listing(found.total, None, listed, before, behind))


def readable(caller: Caller) -> list[Table]:
    """The resource types that the caller may read. Denied where it may read none."""
    found = []
    for table in TABLES.values():
        try:
            require(caller, table, writing=False)
        except Denied:
            continue
        found.append(table)
    if not found:
        raise Denied("a scope for reading over SCIM is needed, such as 'scim:read'", scope="scim:read")
    return found


def table_of(endpoint: str, dialect: str) -> Table:
    """The resource type behind `/Agents` and the like; NotFound for anything else."""
    served = tables(dialect)
    table = served.get(endpoint)
    if table is None:
        raise NotFound(f"there is no endpoint /{endpoint}; there are {', '.join('/' + name for name in served)}")
    return table
