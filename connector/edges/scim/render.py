"""Answers. A stored document goes out as the text that it is; only agents, and answers cut to size, are parsed."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from connector.core.errors import Invalid
from connector.domain.resources import Record
from connector.domain.schema import GOVERNANCE
from connector.edges.scim.errors import ScimError
from connector.edges.scim.paths import Path, split
from connector.edges.scim.schema import HIDDEN, Table

_LIST = (
    b'{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],'
    b'"totalResults":%d,"startIndex":%d,"itemsPerPage":%d,"Resources":[%b]}'
)
_HANDLE = "agentUserName"
_ALWAYS = frozenset({"id", "schemas"})


@dataclass(frozen=True)
class Selection:
    """Which attributes the client wants (RFC 7644 section 3.9): named ones, or all but named ones."""

    only: tuple[Path, ...] = ()
    without: tuple[Path, ...] = ()

    def wants(self, name: str) -> bool:
        """Whether a costly top-level attribute is needed at all."""
        if self.only:
            return any(path.attribute is not None and path.attribute.name == name for path in self.only)
        return not any(
            path.attribute is not None and path.attribute.name == name and not path.sub for path in self.without
        )

    def __bool__(self) -> bool:
        return bool(self.only or self.without)


def selection(table: Table, only: str | None, without: str | None) -> Selection:
    """Read `attributes` and `excludedAttributes`. Names that are not known select nothing."""
    if only and without:
        raise ScimError("invalidValue", "attributes and excludedAttributes exclude each other", field="attributes")
    return Selection(tuple(_paths(table, only)), tuple(_paths(table, without)))


def _paths(table: Table, text: str | None) -> Iterable[Path]:
    for name in filter(None, (part.strip() for part in (text or "").split(","))):
        try:
            yield split(table, name, "invalidPath")
        except Invalid:
            yield Path("", None)  # unknown: it selects nothing, yet the answer is limited to what was named


class Renderer:
    """Writes resources of one deployment: knows where they live."""

    def __init__(self, base_url: str) -> None:
        self.root = f"{base_url}/scim/v2"

    def location(self, table: Table, id: str) -> str:
        return f"{self.root}/{table.endpoint}/{id}"

    def text(self, table: Table, record: Record, computed: dict[str, Any], chosen: Selection) -> bytes:
        """A person or group: the stored text between what we compute."""
        document = record.document
        urns = [table.urn] + [urn for urn, _ in table.extensions.values() if f'"{urn}"' in document]
        head: dict[str, Any] = {"schemas": urns, "id": record.id}
        if record.external_id is not None:
            head["externalId"] = record.external_id
        tail = {**computed, "meta": self._meta(table, record)}
        whole = b"%b,%b,%b" % (orjson.dumps(head)[:-1], document[1:-1].encode(), orjson.dumps(tail)[1:])
        return orjson.dumps(self._cut(orjson.loads(whole), chosen)) if chosen else whole

    def agent(
        self,
        table: Table,
        record: Record,
        document: dict[str, Any],
        computed: dict[str, Any],
        dialect: str,
        chosen: Selection,
    ) -> bytes:
        """An agent, in the words of the client's dialect."""
        for owner in document.get("owners", []):
            self._refer(owner)
        if sponsor := document.get(GOVERNANCE, {}).get("sponsor"):
            self._refer(sponsor)
            sponsor.pop("type", None)
        if parent := document.get("parent"):
            parent["$ref"] = f"{self.root}/Agents/{parent['value']}"
        urns = [table.urn] + [urn for urn, _ in table.extensions.values() if document.get(urn)]
        answer: dict[str, Any] = {"schemas": urns, "id": record.id}
        if record.external_id is not None:
            answer["externalId"] = record.external_id
        answer |= {name: value for name, value in document.items() if name not in HIDDEN[dialect] or name == _HANDLE}
        answer |= {**computed, "meta": self._meta(table, record)}
        answer = self._cut(answer, chosen) if chosen else answer
        if (
            dialect != "wzdk" and _HANDLE in answer
        ):  # after the cut: attributes=name chooses it under either of its names
            answer["name"] = answer[_HANDLE]
        if _HANDLE in HIDDEN[dialect]:
            answer.pop(_HANDLE, None)
        return orjson.dumps(answer)

    def groups(self, memberships: list[tuple[str, str]]) -> dict[str, Any]:
        """The computed `groups` of a user or agent."""
        listed = [
            {"value": id, "$ref": f"{self.root}/Groups/{id}", "display": name, "type": "direct"}
            for id, name in memberships
        ]
        return {"groups": listed} if listed else {}

    def members(self, members: list[tuple[str, str, str]]) -> dict[str, Any]:
        """The `members` of a group."""
        types = {"person": ("User", "Users"), "agent": ("Agent", "Agents"), "group": ("Group", "Groups")}
        listed = [
            {"value": id, "$ref": f"{self.root}/{types[kind][1]}/{id}", "type": types[kind][0], "display": name}
            for id, kind, name in members
        ]
        return {"members": listed} if listed else {}

    def _refer(self, holder: dict[str, Any]) -> None:
        holder["$ref"] = f"{self.root}/{holder.get('type', 'User')}s/{holder['value']}"

    def _meta(self, table: Table, record: Record) -> dict[str, Any]:
        return {
            "resourceType": table.name,
            "created": record.created,
            "lastModified": record.modified,
            "location": self.location(table, record.id),
            "version": etag(record),
        }

    def _cut(self, answer: dict[str, Any], chosen: Selection) -> dict[str, Any]:
        return _keep(answer, chosen.only) if chosen.only else _drop(answer, chosen.without)


def listing(total: int, start: int, resources: list[bytes]) -> bytes:
    return _LIST % (total, start, len(resources), b",".join(resources))


def etag(record: Record) -> str:
    return f'W/"{record.version}"'


def _keep(answer: dict[str, Any], only: tuple[Path, ...]) -> dict[str, Any]:
    kept = {name: answer[name] for name in answer if name in _ALWAYS}
    for path in only:
        source, home = answer, kept
        if path.urn:
            if path.urn not in answer:
                continue
            if path.attribute is None:
                kept[path.urn] = answer[path.urn]
                continue
            source, home = answer[path.urn], kept.setdefault(path.urn, {})
        if path.attribute is None or path.attribute.name not in source:
            continue
        name, value = path.attribute.name, source[path.attribute.name]
        if path.sub is None:
            home[name] = value
        elif isinstance(value, list):
            parts = [{path.sub.name: one[path.sub.name]} if path.sub.name in one else {} for one in value]
            home[name] = [{**old, **part} for old, part in zip(home.get(name) or [{}] * len(parts), parts, strict=True)]
        elif path.sub.name in value:
            home.setdefault(name, {})[path.sub.name] = value[path.sub.name]
    return kept


def _drop(answer: dict[str, Any], without: tuple[Path, ...]) -> dict[str, Any]:
    for path in without:
        home = answer.get(path.urn, {}) if path.urn else answer
        if path.attribute is None:
            answer.pop(path.urn or "", None)
        elif path.attribute.returned != "always" and path.sub is None:
            home.pop(path.attribute.name, None)
        elif path.sub is not None:
            value = home.get(path.attribute.name)
            for one in value if isinstance(value, list) else [value] if value else []:
                one.pop(path.sub.name, None)
    return answer
