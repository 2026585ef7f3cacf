"""Microsoft Graph as far as the target uses it, with Entra's rules: `$ref`, advanced queries, delays after a creation, quotas, delta.

While `lag` is set, a new object answers that many calls by its id with "not there", and is in no list until then. `used` is the share of
the quota that is told in the throttle header.
"""

import itertools
import re
import uuid
from typing import Any
from urllib.parse import parse_qs

from flask import Response, jsonify, request

from tests.servers.fake import Answer, Fake

CLIENT, SECRET, TOKEN = "app-1", "graph-client-secret", "graph-access-token"
USUAL = (
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "officeLocation",
    "surname",
    "userPrincipalName",
)
_SIMPLE = ("userPrincipalName", "mail", "displayName", "givenName", "surname", "mailNickname", "employeeId")
_EQUALS = re.compile(r"(?:(?P<name>[\w/]+) eq |tags/any\(t:t eq )'(?P<value>(?:[^']|'')*)'\)?")
_NOT_READABLE = ("passwordProfile", "manager", "deleted")


class EntraFake(Fake):
    def __init__(self) -> None:
        super().__init__()
        self.tenant = str(uuid.uuid4())  # what a process remembers of one tenant must not reach the next test
        self.objects: dict[str, dict[str, Any]] = {}  # users and groups by id, with "kind"
        self.deleted: dict[str, dict[str, Any]] = {}
        self.members: dict[str, list[str]] = {}
        self.hidden: dict[str, int] = {}
        self.assertion = ""  # the last one that a token was asked for with
        self.lag = 0
        self.used = 0.0
        self.changes: list[str] = []  # ids, in the order of their changes; a delta token is a place in it
        self.forgotten = 0  # delta tokens below are expired
        self.numbers = itertools.count(1)
        self.page_size = 3
        self._token_route()
        self._user_routes()
        self._manager_routes()
        self._group_routes()
        self._member_routes()
        self._batch_route()
        self._delta_route()

    @property
    def base(self) -> str:
        return f"{self.url}/v1.0"

    @property
    def options(self) -> dict[str, str]:
        """Of a target that speaks to it; the secret is in the environment as GRAPH_SECRET."""
        where = {"url": self.base, "login_url": self.url, "tenant": self.tenant}
        return where | {"client_id": CLIENT, "client_secret": "env:GRAPH_SECRET"}

    def refuse(self) -> Answer | None:
        if request.path.startswith("/v1.0") and request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.error(401, "InvalidAuthenticationToken", "Access token is empty.")
        return None

    def decorate(self, response: Response) -> None:
        response.headers["request-id"] = f"req-{len(self.calls)}"
        if self.used >= 0.8:
            response.headers["x-ms-throttle-limit-percentage"] = str(self.used)

    def error(self, status: int, code: str, message: str, *details: dict[str, str]) -> Answer:
        inner = {"date": "2026-11-23T10:00:00", "request-id": "r", "client-request-id": "c"}
        return {"error": {"code": code, "message": message, "innerError": inner, "details": list(details)}}, status

    def absent(self, id: str) -> Answer:
        words = f"Resource '{id}' does not exist or one of its queried reference-property objects are not present."
        return self.error(404, "Request_ResourceNotFound", words)

    def add(self, kind: str, **properties: Any) -> dict[str, Any]:
        made = {"kind": kind, "id": str(uuid.uuid4()), **properties}
        self.objects[made["id"]] = made
        self.changed(made["id"])
        if self.lag:
            self.hidden[made["id"]] = self.lag
        return made

    def changed(self, id: str) -> None:
        self.changes.append(id)

    def get(self, id: str, kind: str = "") -> dict[str, Any] | None:
        """The object, unless it is not shown yet; each call brings that nearer."""
        if self.hidden.get(id, 0) > 0:
            self.hidden[id] -= 1
            return None
        found = self.objects.get(id)
        return found if found and (not kind or found["kind"] == kind) else None

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.objects.values() if one["kind"] == kind and not self.hidden.get(one["id"])]

    def shown(self, thing: dict[str, Any]) -> dict[str, Any]:
        names = [name for name in request.args.get("$select", "").split(",") if name] or ["id", *USUAL]
        made = {name: thing.get(name) for name in dict.fromkeys(["id", *names]) if name not in _NOT_READABLE}
        if "manager" in request.args.get("$expand", "") and thing.get("manager"):
            made["manager"] = {"@odata.type": "#microsoft.graph.user", "id": thing["manager"]}
        return made

    def page(self, things: list[dict[str, Any]], usual: int = 100) -> Response | Answer:
        """What the filter leaves, one page of it, with a link to the next one."""
        if request.args.get("$count") == "true" and request.args.get("$expand"):
            return self.error(400, "Request_UnsupportedQuery", "Unsupported or invalid query filter clause: $expand.")
        if sought := request.args.get("$filter"):
            found = _EQUALS.fullmatch(sought)
            assert found, f"a filter that Graph would refuse: {sought}"
            name, value = found["name"] or "tags", found["value"].replace("''", "'")
            advanced = request.headers.get("ConsistencyLevel") == "eventual" and request.args.get("$count") == "true"
            if name not in _SIMPLE and not advanced:
                return self.error(
                    400, "Request_UnsupportedQuery", f"Unsupported or invalid query filter clause for {name}."
                )
            things = [one for one in things if _is(one, name, value)]
        top, skip = int(request.args.get("$top", usual)), int(request.args.get("$skiptoken", 0))
        size = min(top, self.page_size)
        body: dict[str, Any] = {"@odata.context": "x", "value": [self.shown(one) for one in things[skip : skip + size]]}
        if skip + size < len(things):
            kept = [part for part in request.environ["QUERY_STRING"].split("&") if "skiptoken" not in part]
            body["@odata.nextLink"] = f"{self.url}{request.path}?{'&'.join([*kept, f'$skiptoken={skip + size}'])}"
        return jsonify(body)

    def bound(self, body: dict[str, Any], name: str) -> list[str]:
        return [one.rpartition("/")[2] for one in body.get(f"{name}@odata.bind", [])]

    def _token_route(self) -> None:
        @self.route("POST", f"/{self.tenant}/oauth2/v2.0/token")
        def token() -> Answer:
            form = {name: values[0] for name, values in parse_qs(request.get_data(as_text=True)).items()}
            self.assertion = form.get("client_assertion", "")
            if (form.get("client_secret") != SECRET and not self.assertion) or form.get(
                "scope"
            ) != f"{self.url}/.default":
                return {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret"}, 401
            return {"token_type": "Bearer", "expires_in": 3599, "access_token": TOKEN}, 200

    def conflict(self, name: str) -> Answer:
        words = f"Another object with the same value for property {name} already exists."
        return self.error(
            400, "Request_BadRequest", words, {"code": "ObjectConflict", "message": words, "target": name}
        )

    def _taken(self, name: Any, own: str = "") -> bool:
        users = [one for one in self.objects.values() if one["kind"] == "user" and one["id"] != own]
        return any(str(one["userPrincipalName"]).casefold() == str(name).casefold() for one in users)

    def _user_routes(self) -> None:
        @self.route("GET", "/v1.0/users")
        def list_users() -> Answer:
            return self.page(self.of_kind("user"))

        @self.route("POST", "/v1.0/users")
        def create_user() -> Answer:
            body = request.get_json()
            for name in ("accountEnabled", "displayName", "mailNickname", "userPrincipalName", "passwordProfile"):
                if body.get(name) in (None, ""):
                    return self.error(
                        400, "Request_BadRequest", f"A value is required for property '{name}' of resource 'User'."
                    )
            if self._taken(body["userPrincipalName"]):
                return self.conflict("userPrincipalName")
            made = self.add("user", **body)
            return {name: made.get(name) for name in ("id", *USUAL)}, 201

        @self.route("GET", "/v1.0/users/<id>")
        def read_user(id: str) -> Answer:
            user = self.get(id, "user")
            return self.absent(id) if user is None else (self.shown(user), 200)

        @self.route("PATCH", "/v1.0/users/<id>")
        def patch_user(id: str) -> Answer:
            user = self.get(id, "user")
            if user is None:
                return self.absent(id)
            body = request.get_json()
            if "userPrincipalName" in body and self._taken(body["userPrincipalName"], id):
                return self.conflict("userPrincipalName")
            for name, value in body.items():
                user[name] = {**(user.get(name) or {}), **value} if isinstance(value, dict) else value
            self.changed(id)
            return "", 204

        @self.route("DELETE", "/v1.0/users/<id>")
        def delete_user(id: str) -> Answer:
            return self.absent(id) if self.get(id, "user") is None else self.discard(id)

        @self.route("DELETE", "/v1.0/directory/deletedItems/<id>")
        def purge(id: str) -> Answer:
            return ("", 204) if self.deleted.pop(id, None) else self.absent(id)

        @self.route("GET", "/v1.0/users/<id>/memberOf")
        def groups_of_user(id: str) -> Answer:
            return self.groups_of(id)

    def groups_of(self, id: str) -> Answer:
        if self.get(id) is None:
            return self.absent(id)
        return self.page([self.objects[group] for group, held in self.members.items() if id in held])

    def discard(self, id: str) -> Answer:
        """The soft deletion of a directory object."""
        self.deleted[id] = self.objects.pop(id)
        self.changed(id)
        for held in self.members.values():
            held[:] = [one for one in held if one != id]
        return "", 204

    def _manager_routes(self) -> None:
        @self.route("PUT", "/v1.0/users/<id>/manager/$ref")
        def set_manager(id: str) -> Answer:
            user, manager = self.get(id, "user"), request.get_json()["@odata.id"].rpartition("/")[2]
            if user is None or self.get(manager) is None:
                return self.absent(id if user is None else manager)
            user["manager"] = manager
            self.changed(id)
            return "", 204

        @self.route("DELETE", "/v1.0/users/<id>/manager/$ref")
        def no_manager(id: str) -> Answer:
            user = self.get(id, "user")
            return ("", 204) if user and user.pop("manager", None) else self.absent(id)

    def _group_routes(self) -> None:
        @self.route("GET", "/v1.0/groups")
        def list_groups() -> Answer:
            return self.page(self.of_kind("group"))

        @self.route("POST", "/v1.0/groups")
        def create_group() -> Answer:
            body = request.get_json()
            bound = self.bound(body, "members")
            assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", body["mailNickname"])
            if len(bound) > 20:
                return self.error(400, "Request_BadRequest", "The number of references exceeds the limit of 20.")
            if missing := next((one for one in bound if self.get(one) is None), None):
                return self.absent(missing)
            made = self.add("group", **{name: value for name, value in body.items() if "@" not in name})
            self.members[made["id"]] = bound
            return {name: made.get(name) for name in ("id", "displayName", "mailNickname")}, 201

        @self.route("GET", "/v1.0/groups/<id>")
        def read_group(id: str) -> Answer:
            group = self.get(id, "group")
            return self.absent(id) if group is None else (self.shown(group), 200)

        @self.route("PATCH", "/v1.0/groups/<id>")
        def patch_group(id: str) -> Answer:
            if len(self.bound(request.get_json(), "members")) > 20:
                return self.error(400, "Request_BadRequest", "The number of references exceeds the limit of 20.")
            return "", 204

    def _member_routes(self) -> None:
        @self.route("GET", "/v1.0/groups/<id>/members")
        def members(id: str) -> Answer:
            return (
                self.absent(id) if self.get(id) is None else self.page([self.objects[one] for one in self.members[id]])
            )

        @self.route("POST", "/v1.0/groups/<id>/members/$ref")
        def join(id: str) -> Answer:
            member = request.get_json()["@odata.id"].rpartition("/")[2]
            if missing := next((one for one in (id, member) if self.get(one) is None), None):
                return self.absent(missing)
            if member in self.members[id]:
                words = "One or more added object references already exist for the following modified properties: 'members'."
                return self.error(400, "Request_BadRequest", words)
            self.members[id].append(member)
            return "", 204

        @self.route("DELETE", "/v1.0/groups/<id>/members/<member>/$ref")
        def leave(id: str, member: str) -> Answer:
            if self.get(id) is None or member not in self.members[id]:
                return self.absent(member)
            self.members[id].remove(member)
            return "", 204

        @self.route("DELETE", "/v1.0/groups/<id>/members/<member>")
        def trap(id: str, member: str) -> Answer:
            """Without `$ref` the address is that of the member itself."""
            return self.discard(member)

    def _batch_route(self) -> None:
        @self.route("POST", "/v1.0/$batch")
        def batch() -> Answer:
            wanted = request.get_json()["requests"]
            if len(wanted) > 20:
                return self.error(400, "BadRequest", "Number of batch request steps exceeds the maximum value of 20.")
            return {"responses": [self._answer(one) for one in reversed(wanted)]}, 200

    def _answer(self, wanted: dict[str, str]) -> dict[str, Any]:
        """One request of a batch: a user with the manager."""
        user = self.get(wanted["url"].removeprefix("/users/").partition("?")[0], "user")
        if user is None:
            return {"id": wanted["id"], "status": 404, "headers": {}, "body": self.absent("x")[0]}
        body = {"id": user["id"], **({"manager": {"id": user["manager"]}} if user.get("manager") else {})}
        return {"id": wanted["id"], "status": 200, "headers": {}, "body": body}

    def _delta_route(self) -> None:
        @self.route("GET", "/v1.0/users/delta")
        def delta() -> Answer:
            place, token = int(request.args.get("$skiptoken", 0)), request.args.get("$deltatoken")
            if token == "latest":
                return {"value": [], "@odata.deltaLink": f"{self._delta_link()}&$deltatoken={len(self.changes)}"}, 200
            since = int(request.args.get("since", 0)) if token is None else int(token)
            if token is not None and since < self.forgotten:
                return self.error(410, "SyncStateNotFound", "The sync state generation is not found; please resync.")
            ids = [id for id in dict.fromkeys(self.changes[since:]) if self._is_user(id)]
            shown = [self._delta_entry(id) for id in ids[place : place + self.page_size]]
            link = self._delta_link()
            if place + self.page_size < len(ids):
                return {
                    "value": shown,
                    "@odata.nextLink": f"{link}&since={since}&$skiptoken={place + self.page_size}",
                }, 200
            return {"value": shown, "@odata.deltaLink": f"{link}&$deltatoken={len(self.changes)}"}, 200

    def _delta_link(self) -> str:
        return f"{self.base}/users/delta?$select={request.args['$select']}"

    def _is_user(self, id: str) -> bool:
        return (self.objects.get(id) or self.deleted.get(id) or {}).get("kind") == "user"

    def _delta_entry(self, id: str) -> dict[str, Any]:
        """Without the manager as a property, and without what was never set."""
        if id in self.deleted:
            return {"id": id, "@removed": {"reason": "changed"}}
        return {name: value for name, value in self.shown(self.objects[id]).items() if value is not None}


def _is(thing: dict[str, Any], name: str, value: str) -> bool:
    held: Any = thing
    for part in name.split("/"):
        held = held.get(part) if isinstance(held, dict) else None
    each = held if isinstance(held, list) else [held]
    return value.casefold() in [str(one).casefold() for one in each if one is not None]
