"""Okta's Management API as far as the target uses it, with Okta's rules: states, quotas, paging by Link, an index that lags behind.

`schema` is what user profiles may hold. While `indexing` is False, what was written since is not found by `search`. `log` is the System
Log, which callers may read while `may_read_log`.
"""

import itertools
import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from flask import Response, jsonify, request

from tests.servers.fake import Answer, Fake

TOKEN, ACCESS_TOKEN, CLIENT = "okta-api-token", "okta-access-token", "0oaService1"
SCHEMA = (
    "login",
    "email",
    "firstName",
    "lastName",
    "displayName",
    "title",
    "userType",
    "agentId",
    "managerId",
    "manager",
    "department",
)
_EQUALS = re.compile(r'profile\.(\w+) eq ("(?:[^"\\]|\\.)*")')
_DATED = re.compile(r'lastUpdated gt "([^"]+)"(?: and (.+))?')
_EVENTS = re.compile(r'eventType eq "([\w.]+)"')
_CAUSES = {"login": "login: An object with this field already exists in the current organization"}


class OktaFake(Fake):
    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__()
        self.clock = clock
        self.log: list[dict[str, Any]] = []
        self.may_read_log = True
        self.schema = list(SCHEMA)
        self.users: dict[str, dict[str, Any]] = {}
        self.groups: dict[str, dict[str, Any]] = {}
        self.members: dict[str, list[str]] = {}
        self.index: dict[str, dict[str, Any]] = {}
        self.indexing = True
        self.limit, self.remaining = 1_000_000, 1_000_000
        self.numbers = itertools.count(1)
        self.scope = ""  # of the last token that was asked for
        self._token_route()
        self._user_routes()
        self._life_routes()
        self._log_route()
        self._group_routes()

    @property
    def options(self) -> dict[str, str]:
        """Of a target that speaks to it; the token is in the environment as OKTA_TOKEN."""
        return {"url": self.url, "token": "env:OKTA_TOKEN"}

    def new_id(self, prefix: str) -> str:
        return f"{prefix}{next(self.numbers):017d}"

    def refuse(self) -> Answer | None:
        known = (f"SSWS {TOKEN}", f"Bearer {ACCESS_TOKEN}")
        if request.headers.get("Authorization") not in known and not request.path.startswith("/oauth2/"):
            return self.error(401, "E0000011", "Invalid token provided")
        if self.remaining <= 0:
            return self.error(429, "E0000047", "API call exceeded rate limit due to too many requests.")
        self.remaining -= 1
        return None

    def decorate(self, response: Response) -> None:
        response.headers["X-Okta-Request-Id"] = f"req{len(self.calls)}"
        response.headers["X-Rate-Limit-Limit"] = str(self.limit)
        response.headers["X-Rate-Limit-Remaining"] = str(self.remaining)
        response.headers["X-Rate-Limit-Reset"] = str(int(time.time()) + 30)

    def error(self, status: int, code: str, summary: str, *causes: str) -> Answer:
        listed = [{"errorSummary": cause} for cause in causes]
        body = {"errorCode": code, "errorSummary": summary, "errorLink": code, "errorId": "oae1", "errorCauses": listed}
        return body, status

    def absent(self, id: str, kind: str) -> Answer:
        return self.error(404, "E0000007", f"Not found: Resource not found: {id} ({kind})")

    def page(self, items: list[dict[str, Any]], usual: int = 200, key: str = "id") -> Response:
        """One page of a list; the next one is in a Link header."""
        limit, after = int(request.args.get("limit", usual)), request.args.get("after", "")
        start = next((n + 1 for n, item in enumerate(items) if item[key] == after), 0)
        shown = items[start : start + limit]
        response = jsonify(shown)
        query = request.environ["QUERY_STRING"]
        response.headers.add("Link", f'<{self.url}{request.path}?{query}>; rel="self"')
        if start + limit < len(items):
            kept = [part for part in query.split("&") if not part.startswith("after=")]
            following = "&".join([*kept, f"after={shown[-1][key]}"])
            response.headers.add("Link", f'<{self.url}{request.path}?{following}>; rel="next"')
        return response

    def find_user(self, id_or_login: str) -> dict[str, Any] | None:
        named = (user for user in self.users.values() if user["profile"]["login"] == id_or_login)
        return self.users.get(id_or_login) or next(named, None)

    def _listed(self) -> list[dict[str, Any]]:
        if expression := request.args.get("search", request.args.get("filter", "")):
            there = list((self.index if "search" in request.args else self.users).values())
            dated = _DATED.fullmatch(expression)
            if dated:
                there = [user for user in there if user["lastUpdated"] > dated[1]]
                expression = dated[2]
            if not expression:
                return there
            found = _EQUALS.fullmatch(expression)
            assert found, f"an expression that Okta would refuse: {expression}"
            name, value = found[1], json.loads(found[2])
            return [user for user in there if str(user["profile"].get(name)).casefold() == value.casefold()]
        return [user for user in self.users.values() if user["status"] != "DEPROVISIONED"]

    def _problem(self, profile: dict[str, Any], own: str = "") -> Answer | None:
        for name in profile:
            if name not in self.schema:
                return self._invalid(name, f"{name}: Property name and value does not match the schema")
        for name, value in profile.items():
            if isinstance(value, str) and any(ord(letter) > 0xFFFF for letter in value):
                return self._invalid(name, f"{name}: 4-byte UTF-8 characters are not supported")
        for name in ("login", "email", "firstName", "lastName"):
            if not profile.get(name):
                return self._invalid(name, f"{name}: The field cannot be left blank")
        if "@" not in profile["login"]:
            return self._invalid("login", "login: Username must be in the form of an email address")
        for user in self.users.values():
            if user["id"] != own and user["profile"]["login"].casefold() == profile["login"].casefold():
                return self._invalid("login", _CAUSES["login"])
        return None

    def _invalid(self, name: str, cause: str) -> Answer:
        return self.error(400, "E0000001", f"Api validation failed: {name}", cause)

    def _now(self) -> str:
        return self.clock().isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _logs(self, event: str, user: dict[str, Any]) -> None:
        target = {"id": user["id"], "type": "User", "alternateId": user["profile"]["login"]}
        entry = {"uuid": f"log-{next(self.numbers)}", "published": self._now(), "eventType": event, "target": [target]}
        self.log.append(entry)

    def _saved(self, user: dict[str, Any]) -> dict[str, Any]:
        user["lastUpdated"] = self._now()
        self.users[user["id"]] = user
        if self.indexing:
            self.index = {id: json.loads(json.dumps(one)) for id, one in self.users.items()}
        return user

    def _token_route(self) -> None:
        @self.route("POST", "/oauth2/v1/token")
        def token() -> Answer:
            form = {name: values[0] for name, values in parse_qs(request.get_data(as_text=True)).items()}
            if form.get("client_id") != CLIENT or form.get("client_assertion", "").count(".") != 2:
                return {"error": "invalid_client", "error_description": "The client_assertion is invalid."}, 401
            self.scope = form["scope"]
            return {"token_type": "Bearer", "expires_in": 3600, "access_token": ACCESS_TOKEN, "scope": self.scope}, 200

    def _user_routes(self) -> None:
        @self.route("GET", "/api/v1/users")
        def list_users() -> Answer:
            return self.page(self._listed())

        @self.route("POST", "/api/v1/users")
        def create_user() -> Answer:
            body = request.get_json()
            if problem := self._problem(body["profile"]):
                return problem
            federated = body.get("credentials", {}).get("provider", {}).get("type") == "FEDERATION"
            usual = "ACTIVE" if federated else "PROVISIONED"
            status = usual if request.args.get("activate", "true") == "true" else "STAGED"
            user = {
                "id": self.new_id("00u"),
                "status": status,
                "created": "2026-11-23T10:00:00.000Z",
                "activated": None,
            }
            return self._saved(user | {"profile": body["profile"] | {"mobilePhone": None}}), 200

        @self.route("GET", "/api/v1/users/<id>")
        def read_user(id: str) -> Answer:
            user = self.find_user(id)
            return self.absent(id, "User") if user is None else (user, 200)

        @self.route("POST", "/api/v1/users/<id>")
        def change_user(id: str) -> Answer:
            user = self.find_user(id)
            if user is None:
                return self.absent(id, "User")
            profile = user["profile"] | request.get_json()["profile"]
            if problem := self._problem({n: v for n, v in profile.items() if n != "mobilePhone"}, user["id"]):
                return problem
            return self._saved(user | {"profile": profile}), 200

    def _life_routes(self) -> None:
        @self.route("POST", "/api/v1/users/<id>/lifecycle/<step>")
        def lifecycle(id: str, step: str) -> Answer:
            user = self.find_user(id)
            if user is None:
                return self.absent(id, "User")
            states = {
                "activate": (("STAGED", "DEPROVISIONED"), "ACTIVE"),
                "suspend": (("ACTIVE",), "SUSPENDED"),
                "unsuspend": (("SUSPENDED",), "ACTIVE"),
                "deactivate": (("STAGED", "PROVISIONED", "ACTIVE", "SUSPENDED", "LOCKED_OUT"), "DEPROVISIONED"),
            }
            before, after = states[step]
            if user["status"] not in before:
                return self.error(403, "E0000038", "This operation is not allowed in the user's current status.")
            self._saved(user | {"status": after})
            self._logs(f"user.lifecycle.{step}", user)
            return {}, 200

        @self.route("DELETE", "/api/v1/users/<id>")
        def delete_user(id: str) -> Answer:
            user = self.find_user(id)
            if user is None:
                return self.absent(id, "User")
            if user["status"] != "DEPROVISIONED":
                self._saved(user | {"status": "DEPROVISIONED"})
                self._logs("user.lifecycle.deactivate", user)
                return "", 204
            del self.users[user["id"]]
            self._logs("user.lifecycle.delete.initiated", user)
            if self.indexing:
                self.index.pop(user["id"], None)
            for held in self.members.values():
                held[:] = [one for one in held if one != user["id"]]
            return "", 204

        @self.route("GET", "/api/v1/users/<id>/groups")
        def groups_of(id: str) -> Answer:
            if id not in self.users:
                return self.absent(id, "User")
            return self.page([self.groups[group] for group, held in self.members.items() if id in held])

        @self.route("GET", "/api/v1/meta/schemas/user/default")
        def schema() -> Answer:
            properties = {name: {"type": "string"} for name in self.schema}
            return {"id": "#default", "definitions": {"base": {"properties": properties}, "custom": {}}}, 200

    def _log_route(self) -> None:
        @self.route("GET", "/api/v1/logs")
        def logs() -> Answer:
            if not self.may_read_log:
                return self.error(403, "E0000006", "You do not have permission to perform the requested action")
            assert "until" in request.args, "without an end it is a poll, whose last page has a next one, too"
            since, until = request.args["since"], request.args["until"]
            kinds = _EVENTS.findall(request.args.get("filter", ""))
            period = [one for one in self.log if since <= one["published"] <= until]
            wanted = [one for one in period if not kinds or one["eventType"] in kinds]
            return self.page(wanted, key="uuid")

    def _group_routes(self) -> None:
        @self.route("GET", "/api/v1/groups")
        def list_groups() -> Answer:
            start = request.args.get("q", "").casefold()
            named = [one for one in self.groups.values() if one["profile"]["name"].casefold().startswith(start)]
            return self.page(named)

        @self.route("POST", "/api/v1/groups")
        def create_group() -> Answer:
            profile = request.get_json()["profile"]
            if any(ord(letter) > 0xFFFF for letter in profile["name"]):
                return self._invalid("name", "name: 4-byte UTF-8 characters are not supported")
            if any(one["profile"]["name"] == profile["name"] for one in self.groups.values()):
                return self._invalid(
                    "name", "name: An object with this field already exists in the current organization"
                )
            group = {
                "id": self.new_id("00g"),
                "type": "OKTA_GROUP",
                "objectClass": ["okta:user_group"],
                "profile": profile,
            }
            self.groups[group["id"]], self.members[group["id"]] = group, []
            return group, 200

        @self.route("GET", "/api/v1/groups/<id>/users")
        def members(id: str) -> Answer:
            if id not in self.groups:
                return self.absent(id, "UserGroup")
            return self.page([self.users[one] for one in self.members[id]], usual=1000)

        @self.route("PUT", "/api/v1/groups/<id>/users/<user>")
        def join(id: str, user: str) -> Answer:
            if id not in self.groups or user not in self.users:
                return self.absent(id, "UserGroup")
            if self.groups[id]["type"] != "OKTA_GROUP":
                return self.error(403, "E0000006", "You do not have permission to perform the requested action")
            if user not in self.members[id]:
                self.members[id].append(user)
            return "", 204

        @self.route("DELETE", "/api/v1/groups/<id>/users/<user>")
        def leave(id: str, user: str) -> Answer:
            if id not in self.groups or user not in self.users:
                return self.absent(id, "UserGroup")
            self.members[id] = [one for one in self.members[id] if one != user]
            return "", 204
