"""A stand-in for SCIM service providers that cannot be had here: a plain store, and rules that a subclass lays down.

Everything that a maker publishes as a limit is refused here with 400, so that a client that oversteps one fails its contract.
"""

import copy
import json
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from flask import jsonify, request

from tests.servers.fake import Answer, Fake

TOKEN = "scim-fake-token"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
_TERM = re.compile(r'([\w:.$-]+) eq ("(?:[^"\\]|\\.)*")')
_PATH = re.compile(r'(?:(urn:.+):)?(\w+)(?:\[(\w+) eq ("(?:[^"\\]|\\.)*")\])?(?:\.(\w+))?')

Json = dict[str, Any]


class Refused(Exception):
    def __init__(self, status: int, detail: str, kind: str = "") -> None:
        super().__init__(detail)
        self.status, self.detail, self.kind = status, detail, kind


class ScimFake(Fake):
    """`places` are the endpoints of users and groups; what is refused beyond RFC 7644 is in the methods below."""

    places = ("Users", "Groups")
    list_key = "Resources"
    patch_answers_204 = False

    def __init__(self) -> None:
        super().__init__()
        self.users: dict[str, Json] = {}
        self.groups: dict[str, Json] = {}
        self.app.register_error_handler(Refused, lambda problem: self.error(problem))
        for place, store in zip(self.places, (self.users, self.groups), strict=True):
            self._routes(place, store)

    # what a subclass says

    def check_query(self, place: str, terms: Mapping[str, str]) -> None:
        """Refuse parameters and filters of a list that the maker does not support."""

    def check_new(self, place: str, body: Json) -> None:
        """Refuse a body that the maker would not take."""

    def check_patch(self, place: str, operations: list[Json]) -> None:
        """Refuse operations that the maker would not take."""

    def check_id(self, anchor: str) -> None:
        """Refuse an id that the maker would not take for one."""

    def shown(self, place: str, resource: Json) -> Json:
        return resource

    def page(self, found: list[Json]) -> Json:
        raise NotImplementedError

    # what all share

    def refuse(self) -> Answer | None:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.error(Refused(401, "the token is not valid"))
        return None

    def error(self, problem: Refused) -> Answer:
        body = {"schemas": [ERROR], "status": str(problem.status), "detail": problem.detail}
        return jsonify(body | ({"scimType": problem.kind} if problem.kind else {})), problem.status

    def is_users(self, place: str) -> bool:
        return place == self.places[0]

    def _routes(self, place: str, store: dict[str, Json]) -> None:
        self._route("GET", f"/{place}", lambda: self._listed(place, store))
        self._route("POST", f"/{place}", lambda: self._made(place, store))
        self._route("GET", f"/{place}/<anchor>", lambda anchor: (self.shown(place, self._one(store, anchor)), 200))
        self._route("PUT", f"/{place}/<anchor>", lambda anchor: self._put(place, store, anchor))
        self._route("PATCH", f"/{place}/<anchor>", lambda anchor: self._patched(place, store, anchor))
        self._route("DELETE", f"/{place}/<anchor>", lambda anchor: self._deleted(store, anchor))

    def _route(self, method: str, path: str, view: Callable[..., Any]) -> None:
        def locked(**given: str) -> Any:
            with self.lock:
                return view(**given)

        self.route(method, path)(locked)

    def _listed(self, place: str, store: dict[str, Json]) -> Answer:
        terms = _terms(request.args.get("filter", ""))
        self.check_query(place, terms)
        found = [one for one in store.values() if all(self._fits(place, one, *term) for term in terms.items())]
        return jsonify(self.page([self.shown(place, one) for one in found])), 200

    def _fits(self, place: str, one: Json, attribute: str, value: str) -> bool:
        if attribute == "groups.value":
            return any(member["value"] == one["id"] for member in self.groups.get(value, {}).get("members", []))
        if attribute in ("members", "members.value"):
            return value in [member["value"] for member in one.get("members", [])]
        found = one.get(attribute)
        if attribute.startswith("urn:"):
            schema, _, name = attribute.rpartition(":")
            found = one.get(schema, {}).get(name)
        exact = attribute in ("id", "externalId")
        return found == value if exact else str(found).casefold() == value.casefold()

    def _made(self, place: str, store: dict[str, Json]) -> Answer:
        body = _body()
        self.check_new(place, body)
        self._free(place, store, body, "")
        kept = {name: value for name, value in body.items() if name != "password"}
        made = {**kept, "id": str(uuid.uuid4()), "meta": {"resourceType": place}}
        store[made["id"]] = made
        return jsonify(self.shown(place, made)), 201

    def _put(self, place: str, store: dict[str, Json], anchor: str) -> Answer:
        self._one(store, anchor)
        body = _body()
        self.check_new(place, body)
        self._free(place, store, body, anchor)
        store[anchor] = {**body, "id": anchor}
        return jsonify(self.shown(place, store[anchor])), 200

    def _patched(self, place: str, store: dict[str, Json], anchor: str) -> Answer:
        after = copy.deepcopy(self._one(store, anchor))
        operations = _body().get("Operations") or []
        self.check_patch(place, operations)
        for operation in operations:
            _apply(after, operation)
        self._free(place, store, after, anchor)
        store[anchor] = after
        return ("", 204) if self.patch_answers_204 else (jsonify(self.shown(place, after)), 200)

    def _deleted(self, store: dict[str, Json], anchor: str) -> Answer:
        self._one(store, anchor)
        del store[anchor]
        for group in self.groups.values():
            group["members"] = [one for one in group.get("members", []) if one["value"] != anchor]
        return "", 204

    def _one(self, store: dict[str, Json], anchor: str) -> Json:
        self.check_id(anchor)
        if anchor not in store:
            raise Refused(404, f"there is no {anchor}")
        return store[anchor]

    def _free(self, place: str, store: dict[str, Json], body: Json, anchor: str) -> None:
        name = "userName" if self.is_users(place) else "displayName"
        for other in store.values():
            if other["id"] != anchor and str(other.get(name)).casefold() == str(body.get(name)).casefold():
                raise Refused(409, f"{name} is taken", "uniqueness")


def required(body: Json, *paths: str) -> None:
    for path in paths:
        part, value = body, None
        schema, colon, rest = path.rpartition(":")
        for name in [schema, *rest.split(".")] if colon else path.split("."):
            value = part.get(name) if isinstance(part, dict) else None
            part = value if isinstance(value, dict) else {}
        if value in (None, "", []):
            raise Refused(400, f"{path} is required", "invalidValue")


def _body() -> Json:
    body = request.get_json(silent=True, force=True)
    if not isinstance(body, dict):
        raise Refused(400, "no JSON object", "invalidSyntax")
    return body


def _terms(text: str) -> dict[str, str]:
    terms: dict[str, str] = {}
    rest = text
    while rest:
        found = _TERM.match(rest)
        if found is None:
            raise Refused(400, "only eq, joined by and, is supported", "invalidFilter")
        terms[found[1]] = json.loads(found[2])
        rest = rest[found.end() :]
        if rest and not rest.startswith(" and "):
            raise Refused(400, "only eq, joined by and, is supported", "invalidFilter")
        rest = rest.removeprefix(" and ")
    return terms


def _apply(resource: Json, operation: Json) -> None:
    found = _PATH.fullmatch(str(operation.get("path", "")))
    if found is None:
        raise Refused(400, "no such path", "invalidPath")
    schema, name, by, like, sub = found.groups()
    inside = resource.setdefault(schema, {}) if schema else resource
    remove, value = operation.get("op") == "remove", operation.get("value")
    if by:
        items = [one for one in inside.get(name) or [] if one.get(by) == json.loads(like)]
        if remove and not sub:
            inside[name] = [one for one in inside.get(name) or [] if one not in items]
        for item in items if sub else []:
            item.pop(sub, None) if remove else item.update({sub: value})
    elif sub:
        part = inside.setdefault(name, {})
        part.pop(sub, None) if remove else part.update({sub: value})
    elif remove:
        inside.pop(name, None)
    elif operation.get("op") == "add" and isinstance(value, list):
        inside[name] = [*(inside.get(name) or []), *(one for one in value if one not in (inside.get(name) or []))]
    else:
        inside[name] = value
