"""What agents, people and groups have in common: names are unique, externalIds belong to their client, versions count up."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from connector.core.errors import Conflict, Invalid, NotFound, Stale
from connector.core.query import comparison_key
from connector.domain import parking
from connector.domain.schema import NAME_OF, PREFIX_OF, SEARCHED_BY, TYPE_OF
from connector.domain.unit import Unit
from connector.storage import groups, owners, resources, searchable
from connector.storage.resources import Record
from connector.storage.search import After, Found, Wanted
from connector.storage.search import search as _search

__all__ = [
    "After",
    "Draft",
    "Found",
    "Record",
    "Wanted",
    "create",
    "fetch",
    "memberships",
    "names",
    "remove",
    "save",
    "search",
]


@dataclass(frozen=True)
class Draft:
    """What a resource is to be: its canonical document, already checked against the schema, and the client's externalId."""

    document: dict[str, Any]
    external_id: str | None = None
    active: bool = True
    expires: str | None = None


def fetch(unit: Unit, kind: str, id: str, *, if_match: int | None = None, lock: bool = False) -> Record:
    """The record. NotFound where there is none; Stale where its version is not `if_match`."""
    record = resources.by_id(unit.tx, kind, id, client_id=unit.by.id, lock=lock)
    if record is None or (unit.by.own_only and record.made_by != unit.by.id):
        raise NotFound(f"there is no {TYPE_OF[kind]} with the id {id!r}")
    if if_match is not None and record.version != if_match:
        raise Stale(f"{TYPE_OF[kind]} {id} is at version {record.version}, not {if_match}")
    return record


def search(unit: Unit, wanted: Wanted) -> Found:
    """How many match, and one page of them."""
    return _search(unit.tx, wanted)


def memberships(unit: Unit, ids: Iterable[str]) -> dict[str, list[tuple[str, str, bool]]]:
    """For each of ids that is in a group: (id, display name, whether directly) of the groups, those above groups too."""
    return groups.nested(unit.tx, ids)


def names(unit: Unit, ids: Iterable[str]) -> dict[str, Record]:
    return resources.by_ids(unit.tx, ids)


def create(unit: Unit, kind: str, draft: Draft) -> Record:
    """Insert it. Conflict where its name, or the client's externalId, is taken."""
    record = Record(
        id=unit.tx.new_id(PREFIX_OF[kind]),
        kind=kind,
        name=_name(kind, draft),
        document=orjson.dumps(draft.document).decode(),
        active=draft.active,
        version=1,
        created=unit.tx.now,
        modified=unit.tx.now,
        expires=draft.expires,
        made_by=unit.by.id,
        external_id=draft.external_id,
    )
    with _named(kind, record.name, draft.external_id):
        record = resources.insert(unit.tx, record, _searched_by(draft.document))
        if draft.external_id is not None:
            resources.set_external_id(unit.tx, unit.by.id, record, draft.external_id, fresh=True)
    parking.arrived(unit, record)
    return record


def save(unit: Unit, before: Record, draft: Draft, *, also_changed: bool = False) -> tuple[Record, list[str]]:
    """Bring the record to the draft. The new record and the names of the attributes that changed.

    Where nothing changed, nothing is written and the version stays (RFC 7644 section 3.5.2). `also_changed` says that
    something beside the document did (owners, members), which counts up the version too.
    """
    name = _name(before.kind, draft)
    old = orjson.loads(before.document)
    changed = _differences(old, draft.document)
    if draft.external_id != before.external_id:
        changed.append("externalId")
    if not changed and not also_changed:
        return before, []
    after = before._replace(
        name=name,
        document=orjson.dumps(draft.document).decode(),
        active=draft.active,
        expires=draft.expires,
        external_id=draft.external_id,
        version=before.version + 1,
        modified=unit.tx.now,
    )
    with _named(before.kind, name, draft.external_id):
        resources.update(unit.tx, after, renamed=name != before.name)
        if draft.external_id != before.external_id:
            resources.set_external_id(unit.tx, unit.by.id, after, draft.external_id)
    if name != before.name:
        groups.rename(unit.tx, before.id, name)
    if not SEARCHED_BY.isdisjoint(changed):
        searchable.replace(unit.tx, before.id, _searched_by(draft.document))
    if draft.external_id != before.external_id:
        parking.arrived(unit, after)
    return after, changed


def remove(unit: Unit, record: Record) -> list[str]:
    """Delete it; its name and externalId are free again. The ids of the agents that it answered for.

    Groups that it was in, and those agents, count up their version: what they show has changed.
    """
    agents = owners.agents_of(unit.tx, record.id)
    joined = [group_id for group_id, _ in groups.memberships(unit.tx, [record.id]).get(record.id, [])]
    resources.touch(unit.tx, sorted([*joined, *agents]))
    resources.delete(unit.tx, record)
    return agents


def _name(kind: str, draft: Draft) -> str:
    name = draft.document.get(NAME_OF[kind])
    if not isinstance(name, str) or not name.strip():
        raise Invalid(f"{NAME_OF[kind]} is required and must not be empty", field=NAME_OF[kind])
    return name


@contextmanager
def _named(kind: str, name: str, external_id: str | None) -> Iterator[None]:
    """Say whose value is taken where the database says that one is."""
    try:
        yield
    except Conflict as taken:
        attribute, value = (NAME_OF[kind], name) if taken.field == "name" else ("externalId", external_id)
        raise Conflict(f"there is another {TYPE_OF[kind]} with the {attribute} {value!r}", field=attribute) from taken


def _searched_by(document: dict[str, Any]) -> list[tuple[str, str]]:
    """(attribute, key) of the values in the document that are kept as rows to be searched by."""
    return [
        (f"{attribute}.value", comparison_key(value))
        for attribute in SEARCHED_BY
        for one in document.get(attribute, ())
        if isinstance(value := one.get("value"), str)
    ]


def _differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
