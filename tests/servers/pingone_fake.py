"""PingOne's platform API as far as the target uses it, with PingOne's rules and errors.

`audit` is what happened to users; callers may read it while `may_audit`.
"""

import json
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask import Response, request

from tests.servers.fake import Answer, Fake

ENVIRONMENT, CLIENT, SECRET, TOKEN = "env-1", "worker-1", "ping-client-secret", "ping-access-token"
KNOWN = ("username", "email", "name", "population", "externalId", "type", "nickname", "title", "enabled")
_BASE = f"/v1/environments/{ENVIRONMENT}"
_EQUALS = re.compile(r'([\w.]+) eq ("(?:[^"\\]|\\.)*")')
_PERIOD = re.compile(r'recordedAt gt "([^"]+)" and recordedAt lt "([^"]+)"(?: and ([\w.]+) eq "([^"]+)")?')
_INVALID = "The request could not be completed. One or more validation errors were in the request."


class PingOneFake(Fake):
    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__()
        self.clock = clock
        self.audit: list[dict[str, Any]] = []
        self.may_audit = True
        self.users: dict[str, dict[str, Any]] = {}
        self.groups: dict[str, dict[str, Any]] = {}
        self.members: set[tuple[str, str]] = set()
        self.creates_enabled = False  # whether `enabled` of a creation is passed over
        self._token_route()
        self._user_routes()
        self._group_routes()
        self._member_routes()
        self._audit_route()

    @property
    def options(self) -> dict[str, str]:
        """Of a target that speaks to it; the secret is in the environment as PING_SECRET."""
        where = {"url": f"{self.url}/v1", "auth_url": self.url, "environment": ENVIRONMENT}
        return where | {"client_id": CLIENT, "client_secret": "env:PING_SECRET"}

    def refuse(self) -> Answer | None:
        if request.path.startswith("/v1") and request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.error(
                401, "ACCESS_FAILED", "The request could not be completed. You do not have access to this resource."
            )
        return None

    def decorate(self, response: Response) -> None:
        response.headers["Correlation-Id"] = f"corr-{len(self.calls)}"

    def error(self, status: int, code: str, message: str, *details: dict[str, Any]) -> Answer:
        return {"id": str(uuid.uuid4()), "code": code, "message": message, "details": list(details)}, status

    def absent(self) -> Answer:
        return self.error(404, "NOT_FOUND", "Unable to find resource")

    def invalid(self, code: str, target: str, message: str) -> Answer:
        return self.error(
            400, "INVALID_DATA", _INVALID, {"code": code, "target": target, "message": message, "innerError": {}}
        )

    def page(self, name: str, things: list[dict[str, Any]]) -> Answer:
        limit, start = int(request.args.get("limit", 100)), int(request.args.get("cursor", 0))
        links = {"self": {"href": self.url}}
        if start + limit < len(things):
            kept = [part for part in request.environ["QUERY_STRING"].split("&") if not part.startswith("cursor")]
            links["next"] = {"href": f"{self.url}{request.path}?{'&'.join([*kept, f'cursor={start + limit}'])}"}
        shown = things[start : start + limit]
        return {"_links": links, "_embedded": {name: shown}, "count": len(things), "size": len(shown)}, 200

    def _sought(self, things: list[dict[str, Any]]) -> list[dict[str, Any]]:
        expression = request.args.get("filter", "")
        if not expression:
            return things
        if expression.startswith("memberOfGroups["):
            group = json.loads(expression.partition(" eq ")[2].rstrip("]"))
            return [one for one in things if (group, one["id"]) in self.members]
        found = _EQUALS.fullmatch(expression)
        assert found, f"a filter that PingOne would refuse: {expression}"
        return [one for one in things if str(_at(one, found[1])).casefold() == json.loads(found[2]).casefold()]

    def record(self, action: str, user: dict[str, Any]) -> None:
        moment = self.clock().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        resource = {"type": "USER", "id": user["id"], "name": user["username"]}
        if "population" in user:
            resource["population"] = user["population"]
        entry = {"id": str(uuid.uuid4()), "recordedAt": moment, "action": {"type": action}, "resources": [resource]}
        self.audit.append(entry)

    def _audit_route(self) -> None:
        @self.route("GET", f"{_BASE}/activities")
        def activities() -> Answer:
            if not self.may_audit:
                return self.error(403, "ACCESS_FAILED", "The request could not be completed. You do not have access.")
            found = _PERIOD.fullmatch(request.args.get("filter", ""))
            if found is None:
                return self.error(
                    400, "INVALID_REQUEST", "the filter must bound recordedAt, with one condition more at most"
                )
            period = [one for one in self.audit if found[1] < one["recordedAt"] <= found[2]]
            path = (found[3] or "").removeprefix("resources.")
            about = [one for one in period if not path or str(_at(one["resources"][0], path)) == found[4]]
            return self.page("activities", about)

    def _token_route(self) -> None:
        @self.route("POST", f"/{ENVIRONMENT}/as/token")
        def token() -> Answer:
            given = request.authorization
            if given is None or (given.username, given.password) != (CLIENT, SECRET):
                return {
                    "error": "invalid_client",
                    "error_description": "Request denied: Invalid client credentials",
                }, 401
            return {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600}, 200

    def _problem(self, user: dict[str, Any], own: str = "") -> Answer | None:
        for name in user:
            if name not in KNOWN and name not in ("id", "_links", "identityProvider"):
                return self.invalid("INVALID_VALUE", name, "is not an attribute of the environment's schema")
        for name in ("username", "email"):
            if not user.get(name):
                return self.invalid("REQUIRED_VALUE", name, "must not be empty")
        if any(
            one["id"] != own and one["username"].casefold() == user["username"].casefold()
            for one in self.users.values()
        ):
            return self.invalid("UNIQUENESS_VIOLATION", "username", "is unique violated")
        return None

    def _user_routes(self) -> None:
        @self.route("GET", f"{_BASE}/users")
        def list_users() -> Answer:
            return self.page("users", self._sought(list(self.users.values())))

        @self.route("POST", f"{_BASE}/users")
        def create_user() -> Answer:
            body = request.get_json()
            if problem := self._problem(body):
                return problem
            id = str(uuid.uuid4())
            usual = {"_links": {}, "id": id, "enabled": True, "identityProvider": {"type": "PING_ONE"}}
            self.users[id] = usual | body | ({"enabled": True} if self.creates_enabled else {})
            self.record("USER.CREATED", self.users[id])
            return self.users[id], 201

        @self.route("GET", f"{_BASE}/users/<id>")
        def read_user(id: str) -> Answer:
            return (self.users[id], 200) if id in self.users else self.absent()

        @self.route("PATCH", f"{_BASE}/users/<id>")
        def patch_user(id: str) -> Answer:
            if id not in self.users:
                return self.absent()
            merged = _merge(self.users[id], request.get_json())
            if problem := self._problem(merged, id):
                return problem
            self.users[id] = merged
            self.record("USER.UPDATED", merged)
            return merged, 200

        @self.route("PUT", f"{_BASE}/users/<id>/enabled")
        def enable(id: str) -> Answer:
            if id not in self.users:
                return self.absent()
            self.users[id]["enabled"] = request.get_json()["enabled"]
            self.record("USER.UPDATED", self.users[id])
            return {"enabled": self.users[id]["enabled"]}, 200

        @self.route("DELETE", f"{_BASE}/users/<id>")
        def delete_user(id: str) -> Answer:
            self.members = {one for one in self.members if one[1] != id}
            user = self.users.pop(id, None)
            if user is None:
                return self.absent()
            self.record("USER.DELETED", user)
            return "", 204

    def _group_routes(self) -> None:
        @self.route("GET", f"{_BASE}/groups")
        def list_groups() -> Answer:
            return self.page("groups", self._sought(list(self.groups.values())))

        @self.route("POST", f"{_BASE}/groups")
        def create_group() -> Answer:
            body = request.get_json()
            if any(one["name"].casefold() == body["name"].casefold() for one in self.groups.values()):
                return self.invalid("UNIQUENESS_VIOLATION", "name", "is unique violated")
            id = str(uuid.uuid4())
            self.groups[id] = {"id": id, **body}
            return self.groups[id], 201

        @self.route("GET", f"{_BASE}/groups/<id>")
        def read_group(id: str) -> Answer:
            return (self.groups[id], 200) if id in self.groups else self.absent()

    def _member_routes(self) -> None:
        @self.route("GET", f"{_BASE}/users/<id>/memberOfGroups")
        def groups_of(id: str) -> Answer:
            if id not in self.users:
                return self.absent()
            held = [self.groups[group] for group, user in sorted(self.members) if user == id]
            return self.page(
                "groupMemberships", [{"id": one["id"], "name": one["name"], "type": "DIRECT"} for one in held]
            )

        @self.route("POST", f"{_BASE}/users/<id>/memberOfGroups")
        def join(id: str) -> Answer:
            group = request.get_json()["id"]
            if id not in self.users:
                return self.absent()
            if group not in self.groups or self.groups[group].get("userFilter"):
                return self.invalid("INVALID_VALUE", "id", "is not a group that users can be assigned to")
            if (group, id) in self.members:
                return self.invalid("UNIQUENESS_VIOLATION", "id", "is unique violated")
            self.members.add((group, id))
            return {"id": group, "name": self.groups[group]["name"], "type": "DIRECT"}, 201

        @self.route("DELETE", f"{_BASE}/users/<id>/memberOfGroups/<group>")
        def leave(id: str, group: str) -> Answer:
            if (group, id) not in self.members:
                return self.absent()
            self.members.remove((group, id))
            return "", 204


def _at(thing: dict[str, Any], path: str) -> Any:
    held: Any = thing
    for part in path.split("."):
        held = held.get(part) if isinstance(held, dict) else None
    return held


def _merge(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    merged = {**old, **{name: _merge(old.get(name) or {}, v) if isinstance(v, dict) else v for name, v in new.items()}}
    return {name: value for name, value in merged.items() if value is not None}
