"""Answers. A stored document goes out as the text that it is; only agents, and answers cut to size, are parsed."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from connector.core.errors import Invalid
from connector.domain import credentials
from connector.domain.agents import Facts
from connector.domain.credentials import Credential
from connector.domain.resources import Record
from connector.domain.schema import ENTERPRISE, GOVERNANCE
from connector.edges.scim.answers import etag
from connector.edges.scim.errors import ScimError
from connector.edges.scim.paths import Path, split
from connector.edges.scim.schema import HIDDEN, Table

_LIST = ["urn:ietf:params:scim:api:messages:2.0:ListResponse"]
_HANDLE = "agentUserName"
Member = tuple[str, str, str]  # id, kind, name
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


EVERYTHING = Selection()


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
        self._issuer = base_url

    def location(self, table: Table, id: str) -> str:
        return f"{self.root}/{table.endpoint}/{id}"

    def text(self, table: Table, record: Record, computed: dict[str, Any], chosen: Selection) -> bytes:
        """A person or group: the stored text between what we compute."""
        document = record.document
        urns = [table.urn] + [urn for urn, _ in table.extensions.values() if f'"{urn}"' in document]
        if '"manager":' in document:
            document = self._with_manager(document)
        tail = {**computed, "meta": self._meta(table, record)}
        whole = b"%b,%b,%b" % (
            orjson.dumps(self._head(urns, record))[:-1],
            document[1:-1].encode(),
            orjson.dumps(tail)[1:],
        )
        return orjson.dumps(cut(orjson.loads(whole), chosen)) if chosen else whole

    def group(self, table: Table, record: Record, members: list[Member], chosen: Selection, *, named: bool) -> bytes:
        """A group: its members, of whom there may be very many, are written as text at once; `named`: with what they are called."""
        listed = self._members(members, named)
        if chosen:
            return self.text(table, record, {"members": orjson.loads(listed)} if members else {}, chosen)
        whole = self.text(table, record, {}, chosen)
        return b'%b,"members":%b}' % (whole[:-1], listed) if members else whole

    def agent(
        self,
        table: Table,
        record: Record,
        document: dict[str, Any],
        computed: dict[str, Any],
        facts: Facts,
        chosen: Selection,
        *,
        view: str,
    ) -> bytes:
        """An agent, in the words of the view (schema.py)."""
        for owner in document.get("owners", []):
            self._refer(owner)
        governance = document.pop(GOVERNANCE, {})
        if sponsor := governance.get("sponsor"):
            self._refer(sponsor)
            sponsor.pop("type", None)
        urns = [table.urn]
        hidden = HIDDEN[view]
        if GOVERNANCE not in hidden and (
            governance or facts.credentials or facts.last_seen
        ):  # a client may have removed the whole extension
            document[GOVERNANCE] = governance | self._governance(record, facts)
            urns.append(GOVERNANCE)
        if parent := document.get("parent"):
            parent["$ref"] = f"{self.root}/Agents/{parent['value']}"
        answer = self._head(urns, record) | document
        answer |= {"subject": record.id, **computed, "meta": self._meta(table, record)}
        answer = {name: value for name, value in answer.items() if name not in hidden or name == _HANDLE}
        answer = cut(answer, chosen) if chosen else answer
        if view == "wahl":
            return orjson.dumps(_as_identity(answer))
        if view != "wzdk" and _HANDLE in answer:  # after the cut: attributes=name chooses it under either of its names
            answer["name"] = answer[_HANDLE]
        if _HANDLE in hidden:
            answer.pop(_HANDLE, None)
        return orjson.dumps(answer)

    def application(self, table: Table, record: Record, document: dict[str, Any], chosen: Selection) -> bytes:
        for agent in document.get("agents", []):
            agent["$ref"] = f"{self.root}/Agents/{agent['value']}"
        answer = self._head([table.urn], record) | document | {"meta": self._meta(table, record)}
        return orjson.dumps(cut(answer, chosen) if chosen else answer)

    def groups(self, memberships: list[tuple[str, str, bool]]) -> dict[str, Any]:
        """The computed `groups` of a user or agent; through another group they are `indirect` (RFC 7643 section 4.1.2)."""
        listed = [
            {
                "value": id,
                "$ref": f"{self.root}/Groups/{id}",
                "display": name,
                "type": "direct" if direct else "indirect",
            }
            for id, name, direct in memberships
        ]
        return {"groups": listed} if listed else {}

    def applications(self, used: list[tuple[str, str | None, str]]) -> dict[str, Any]:
        """The computed `applications` of an agent."""
        listed = [
            {
                "value": id,
                "$ref": f"{self.root}/AgenticApplications/{id}",
                "display": name,
                **({"type": type} if type else {}),
            }
            for id, type, name in used
        ]
        return {"applications": listed} if listed else {}

    def _with_manager(self, document: str) -> str:
        """The text with the manager's `$ref`, unless the client gave one."""
        parsed = orjson.loads(document)
        manager = parsed.get(ENTERPRISE, {}).get("manager")
        if not manager or "$ref" in manager or "value" not in manager:
            return document
        manager["$ref"] = f"{self.root}/Users/{manager['value']}"
        return orjson.dumps(parsed).decode()

    def _members(self, members: list[Member], named: bool) -> bytes:
        root = orjson.dumps(self.root)[:-1].decode()
        display, shown = (',"display":', _quoted) if named else ("", _unsaid)
        around = {
            kind: (f'","$ref":{root}/{endpoint}/', f'","type":"{type}"{display}')
            for kind, (type, endpoint) in _TYPES.items()
        }
        texts = [f'{{"value":"{id}{around[kind][0]}{id}{around[kind][1]}{shown(name)}}}' for id, kind, name in members]
        return ("[" + ",".join(texts) + "]").encode()

    def _governance(self, record: Record, facts: Facts) -> dict[str, Any]:
        told: dict[str, Any] = {"issuer": self._issuer, "subject": record.id}
        if facts.last_seen:
            told["lastSeen"] = facts.last_seen
        if facts.credentials:
            told["credentials"] = [_credential(one, facts.now) for one in facts.credentials]
        return told

    def _head(self, urns: list[str], record: Record) -> dict[str, Any]:
        head: dict[str, Any] = {"schemas": urns, "id": record.id}
        if record.external_id is not None:
            head["externalId"] = record.external_id
        return head

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


def _as_identity(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer as draft-wahl-scim-agent-schema-01 has it."""
    if _HANDLE in answer:
        answer["displayName"] = answer.pop(_HANDLE)
    if used := answer.pop("applications", None):
        answer["agenticApplicationId"] = used[0]["value"]
    return answer


_TYPES = {"person": ("User", "Users"), "agent": ("Agent", "Agents"), "group": ("Group", "Groups")}


def _quoted(text: str) -> str:
    """As a JSON text; names rarely need more than the quotes."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return orjson.dumps(text).decode()


def _unsaid(text: str) -> str:
    return ""


def _credential(held: Credential, now: str) -> dict[str, Any]:
    told = {
        "notBefore": held.not_before,
        "notAfter": held.not_after,
        "lastUsed": held.last_used,
        "thumbprint": held.thumbprint,
    }
    shown = {name: value for name, value in told.items() if value is not None}
    return {"value": held.id, "type": held.kind, "status": credentials.status(held, now), **shown}


def cut(answer: dict[str, Any], chosen: Selection) -> dict[str, Any]:
    """The answer with the chosen attributes only; what is handed in may be changed."""
    return _keep(answer, chosen.only) if chosen.only else _drop(answer, chosen.without)


def listing(
    total: int, start: int | None, resources: list[bytes], before: str | None = None, behind: str | None = None
) -> bytes:
    """A ListResponse; `start` where paging is by index, else the cursors of the pages before and behind (RFC 9865 section 2)."""
    head: dict[str, Any] = {"schemas": _LIST, "totalResults": total, "itemsPerPage": len(resources)}
    if start is not None:
        head["startIndex"] = start
    if before is not None:
        head["previousCursor"] = before
    if behind is not None:
        head["nextCursor"] = behind
    return b'%b,"Resources":[%b]}' % (orjson.dumps(head)[:-1], b",".join(resources))


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
