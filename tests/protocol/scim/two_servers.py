"""Our edge and scim2-server side by side: the same step goes to both, and what differs is told. Used by test_differential.py."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from scim2_models import ResourceType, Schema, ScimPolicy, ScimProvider
from scim2_server.memory import InMemoryStorage
from scim2_server.service import ScimService
from scim2_server.testserver.application import BearerTokenApplication
from scim2_server.utils import (
    load_default_resource_types,
    load_default_schemas,
    load_default_service_provider_config,
)
from werkzeug.test import Client

from connector.edges.scim import schema

ENDPOINTS = {"u": "/Users", "g": "/Groups", "a": "/Agents"}
_NAMES = {"/Users": "userName", "/Groups": "displayName", "/Agents": "name"}  # no two have the same
POLICIES = {
    "strict": ScimPolicy(),
    "default": ScimPolicy(unknown=ScimPolicy.Unknown.ignore, remove_value_as_filter=ScimPolicy.RemoveValue.apply),
}
# Not compared, since only one of the two can say it: addresses, and what scim2-server does not compute: a user's groups (RFC 7643
# section 4.1.2), URNs in `schemas` by what data there is (section 3), an agent's subject and lifecycle.
OURS_TO_SAY = frozenset({"$ref", "groups", "schemas", "subject", "issuer", "lifecycleState"})
_EMPTY = (None, "", [], {})  # one state to us (checklist, point 14); scim2-server keeps an empty text here and there
_REFERRING = {"value", "type", "display", "primary"}  # of a member, owner or parent: we fill in all but the value


@dataclass(frozen=True)
class Step:
    """One request, about what is in a slot (`u0` is a user)."""

    what: str
    slot: str = "u0"
    body: Any = None
    query: Any = None
    match: str = ""

    @property
    def endpoint(self) -> str:
        return ENDPOINTS[self.slot[0]]


@dataclass
class Side:
    """One server, and what the slots of the conversation are called there."""

    http: Client
    prefix: str
    bearer: str
    ids: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)

    def send(self, method: str, path: str, body: Any = None, query: Any = None, **headers: str) -> Any:
        more = {} if body is None else {"json": body, "content_type": "application/scim+json"}
        named = {"Authorization": f"Bearer {self.bearer}", **headers}
        return self.http.open(self.prefix + path, method=method, headers=named, query_string=query, **more)

    def real(self, value: Any) -> Any:
        """Slots (`$u0`) as this server's ids, everywhere in a value."""
        if isinstance(value, dict):
            return {name: self.real(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self.real(one) for one in value]
        if isinstance(value, str) and "$" in value:
            for slot, id in self.ids.items():
                value = value.replace(f"${slot}", id)
        return value

    def plain(self, value: Any) -> Any:
        """A body with slots instead of ids, without times, addresses and versions, lists in one order."""
        if isinstance(value, list):
            kept = [self.plain(one) for one in value if not self._is_deleted(one)]
            return sorted(kept, key=lambda one: str(sorted(one.items())) if isinstance(one, dict) else str(one))
        if isinstance(value, dict):
            found = {name: self.plain(one) for name, one in value.items() if name not in OURS_TO_SAY}
            if "resourceType" in found:
                return found["resourceType"]  # of meta
            if found.keys() <= _REFERRING and str(found.get("value", "")).startswith("$"):
                return found["value"]
            return {name: one for name, one in found.items() if one not in _EMPTY}
        slots = {id: slot for slot, id in self.ids.items()}
        return f"${slots[value]}" if isinstance(value, str) and value in slots else value

    def _is_deleted(self, one: Any) -> bool:
        """scim2-server keeps members who are gone; RFC 7644 section 3.6 wants what is deleted gone from everywhere."""
        return isinstance(one, dict) and one.get("value") in self.deleted

    def do(self, step: Step) -> Any:
        """Send the step; the answer."""
        path = f"{step.endpoint}/{self.ids.get(step.slot, 'nobody')}"
        tag = self.tags.get(step.slot, 'W/"none"')
        condition = {"": {}, "present": {"If-Match": tag}, "past": {"If-Match": 'W/"past"'}, "*": {"If-Match": "*"}}
        if step.what == "create":
            answer = self.send("POST", step.endpoint, self.real(step.body))
            if answer.status_code == 201:
                self.ids[step.slot] = answer.get_json()["id"]
        elif step.what == "list":
            answer = self.send("GET", step.endpoint, query=self.real(step.query))
        elif step.what == "search":
            answer = self.send("POST", f"{step.endpoint}/.search", self.real(step.query))
        elif step.what == "unchanged":
            answer = self.send("GET", path, **{"If-None-Match": tag})
        else:
            method = {"patch": "PATCH", "replace": "PUT", "delete": "DELETE"}[step.what]
            answer = self.send(method, path, self.real(step.body), **condition[step.match])
            if step.what == "delete" and answer.status_code == 204:
                self.deleted.add(self.ids.pop(step.slot))
                self.tags.pop(step.slot, None)
        if (tag := answer.headers.get("ETag")) and answer.status_code < 300:
            self.tags[step.slot] = tag
        return answer


@cache  # the provider takes longer to make than a conversation to hold
def _scim2_service(profile: str) -> tuple[ScimProvider, ScimService]:
    """RFC 7643's own users and groups, and the agents that we describe in the abbey dialect."""
    described = schema.schema_documents(["Agents"], "abbey").values()
    types = schema.type_documents(["Agents"]).values()
    provider = ScimProvider.from_discovery(
        [*load_default_schemas().values(), *(Schema.model_validate(one) for one in described)],
        [*load_default_resource_types().values(), *(ResourceType.model_validate(one) for one in types)],
        config=load_default_service_provider_config(),
        policy=POLICIES[profile],
    )
    return provider, ScimService(provider, secret=secrets.token_urlsafe(32))


def scim2_server(profile: str) -> Side:
    """scim2-server, with nothing in it yet."""
    app = BearerTokenApplication(InMemoryStorage(), *_scim2_service(profile), bearer_tokens=["theirs"])
    return Side(Client(app), "", "theirs")


def differences(conversation: list[Step], ours: Side, theirs: Side) -> Iterator[tuple[Step, str, list[str]]]:
    """Hold the conversation with both, up to the first difference: the step, what differs, and both answers."""
    for step in conversation:
        if step.what == "create" and step.slot in ours.ids:
            continue
        answers = ours.do(step), theirs.do(step)
        told = _difference(step, *answers, ours, theirs)
        if told is None and step.what in ("create", "patch", "replace") and step.slot in ours.ids:
            after = [side.send("GET", f"{step.endpoint}/{side.ids[step.slot]}") for side in (ours, theirs)]
            told = _difference(step, *after, ours, theirs)
        if told is not None:
            yield step, told, [one.get_data(as_text=True) for one in answers]
            return


def _difference(step: Step, ours: Any, theirs: Any, side: Side, other: Side) -> str | None:
    """What differs between two answers; None where nothing does."""
    if ours.status_code // 100 != theirs.status_code // 100 or (
        ours.status_code != theirs.status_code and ours.status_code >= 300
    ):
        return f"status {ours.status_code} against {theirs.status_code}"
    mine, others = ours.get_json(silent=True), theirs.get_json(silent=True)
    if ours.status_code >= 400:
        mine, others = mine.get("scimType"), others.get("scimType")
        return None if mine == others else f"scimType {mine} against {others}"
    if mine is None or others is None:
        return None
    if "Resources" in mine or "Resources" in others:
        return _different_pages(step, mine, others, side, other)
    mine, others = side.plain(mine), other.plain(others)
    if mine == others:
        return None
    return f"{'values' if _values(mine) == _values(others) else 'body'} {mine} against {others}"


def _different_pages(step: Step, mine: Any, others: Any, side: Side, other: Side) -> str | None:
    numbers = [[one.get(name) for name in ("totalResults", "itemsPerPage", "startIndex")] for one in (mine, others)]
    if numbers[0] != numbers[1]:
        return f"numbers {numbers[0]} against {numbers[1]}"
    listed = [[one.plain(found) for found in page["Resources"]] for one, page in ((side, mine), (other, others))]
    by = step.query["sortBy"]
    if by != _NAMES[step.endpoint]:  # equals come in each server's own order
        listed = [[_at(one, by) for one in page] for page in listed]
    return None if listed[0] == listed[1] else f"page by {by} {listed[0]} against {listed[1]}"


def _values(body: dict[str, Any]) -> dict[str, Any]:
    """The body with each type and value once in a list, and without elements that have neither value nor anything like one."""
    found = {}
    for name, value in body.items():
        if isinstance(value, list) and all(isinstance(one, dict) for one in value):
            once = {(one.get("type"), one.get("value")): one for one in reversed(value)}.values()
            value = [one for one in value if one in once and not one.keys() <= {"type", "primary"}]
            value = [one for number, one in enumerate(value) if one not in value[:number]]
        found[name] = value
    return {name: one for name, one in found.items() if one not in _EMPTY}


def _at(data: Any, path: str) -> Any:
    for name in path.split("."):
        data = (data or {}).get(name)
    return data.lower() if isinstance(data, str) else data
