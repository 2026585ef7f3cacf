"""Any SCIM 2.0 service provider (RFC 7644): accounts are its Users, groups its Groups.

What it can do is read from its ServiceProviderConfig. Every match of a filter is checked here again: there are servers that
ignore filters and give everything back.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from connector.core.clock import Clock
from connector.core.errors import Misconfigured
from connector.core.http import HttpClient
from connector.core.query import comparison_key
from connector.core.secret import Secret
from connector.targets import scim_document as document
from connector.targets.base import Account, AlreadyExists, Capability, Changes, Group, Missing, Rejected, Value
from connector.targets.options import option
from connector.targets.scim_wire import ClientCredentials, ScimWire, quoted

GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
_EXACT = frozenset({"externalid", "id"})


@dataclass(frozen=True)
class ScimOptions:
    """Options of a SCIM target."""

    url: str = option("base URL of the service provider, such as https://idp.example/scim/v2")
    token: Secret = option("static bearer token", default=Secret(""), is_secret=True)
    token_url: str = option("token endpoint, for client credentials instead of a static token", default="")
    client_id: str = option("client id for client credentials", default="")
    client_secret: Secret = option("client secret for client credentials", default=Secret(""), is_secret=True)
    ca_file: str = option("file with the CA certificates to trust instead of the system's", default="")
    connect_timeout: float = option("seconds to wait for a connection", default=5.0)
    read_timeout: float = option("seconds to wait for an answer", default=20.0)

    def __post_init__(self) -> None:
        problems = []
        if not self.url.startswith(("https://", "http://")):
            problems.append("url: must begin with https:// (or http:// on a trusted network)")
        by_token, by_client = bool(self.token.reveal()), bool(self.token_url and self.client_id)
        if by_token == by_client:
            problems.append("token: give either token, or token_url with client_id and client_secret")
        if problems:
            raise Misconfigured("The options have errors", problems)


class ScimTarget:
    """A SCIM service provider as a target."""

    capabilities = frozenset({Capability.GROUPS, Capability.PEOPLE, Capability.DISABLE, Capability.DELETE})

    def __init__(self, name: str, options: ScimOptions, clock: Clock) -> None:
        self.name = name
        http = HttpClient(
            connect_timeout=options.connect_timeout, read_timeout=options.read_timeout, ca_file=options.ca_file or None
        )
        if options.token_url:
            secret = options.client_secret.reveal()
            self._wire = ScimWire(
                options.url, http, ClientCredentials(options.token_url, options.client_id, secret, http), clock
            )
        else:
            header = f"Bearer {options.token.reveal()}"
            self._wire = ScimWire(options.url, http, lambda: header, clock)

    def check(self) -> str:
        features = [name for name in ("patch", "filter", "etag", "bulk") if self._wire.supports(name, default=False)]
        page = self._wire.get("/Users", **({"count": "1"} if "filter" in features else {})) or {}
        total = {key.lower(): value for key, value in page.items()}.get("totalresults", "?")
        return (
            f"SCIM 2.0 at {self._wire.url}, {total} users; it supports {', '.join(features) or 'no optional feature'}"
        )

    def accounts(self) -> Iterator[Account]:
        return (_account(one) for one in self._wire.listing("/Users"))

    def read(self, account_id: str) -> Account | None:
        found = self._wire.get(f"/Users/{_segment(account_id)}")
        return _account(found) if found is not None else None

    def find(self, attribute: str, value: str) -> list[Account]:
        return [_account(one) for one in self._search("/Users", attribute, value)]

    def find_person(self, attribute: str, value: str) -> list[str]:
        return [str(one["id"]) for one in self._search("/Users", attribute, value)]

    def normalise(self, account: Account) -> Account:
        return account

    def create(self, account: Account) -> Account:
        body = document.build({**account.attributes, "active": account.active})
        try:
            made = self._wire.write("POST", "/Users", body)
        except AlreadyExists as taken:
            name = str(account.attributes.get("userName", ""))
            holders = self.find("userName", name) if name else []
            raise AlreadyExists(taken.detail, id=holders[0].id if len(holders) == 1 else "") from taken
        if made is None or not made.get("id"):
            raise Rejected("the target made an account but did not tell its id")
        return _account(made)

    def update(self, account_id: str, changes: Changes) -> Account:
        wanted = {**changes.set, **dict.fromkeys(changes.clear)}
        return self._change(account_id, wanted)

    def set_active(self, account_id: str, active: bool) -> Account:
        return self._change(account_id, {"active": active})

    def delete(self, account_id: str) -> None:
        try:
            self._wire.write("DELETE", f"/Users/{_segment(account_id)}", None)
        except Missing:
            return  # it is gone: that is what was wanted

    def find_group(self, name: str) -> Group | None:
        found = self._search("/Groups", "displayName", name)
        if len(found) > 1:
            raise Rejected(f"{len(found)} groups are named {name!r}: a person must decide")
        return Group(str(found[0]["id"]), str(found[0]["displayName"])) if found else None

    def create_group(self, name: str, *, first_member: str) -> Group:
        there = self.find_group(name)  # many servers let two groups have one name
        if there is not None:
            raise AlreadyExists(f"there is a group named {name!r} already", id=there.id, attribute="displayName")
        body = {"schemas": [GROUP], "displayName": name, "members": [self._member(first_member)]}
        made = self._wire.write("POST", "/Groups", body)
        if made is None or not made.get("id"):
            raise Rejected("the target made a group but did not tell its id")
        return Group(str(made["id"]), name)

    def memberships(self, account_id: str, group_ids: Iterable[str]) -> frozenset[str]:
        user_name: str | None = None
        held = set()
        for id in group_ids:
            group = self._wire.get(f"/Groups/{_segment(id)}")
            members = (group or {}).get("members") or []
            if not members:
                continue
            if user_name is None:
                account = self.read(account_id)
                user_name = str(account.attributes.get("userName", "")) if account else ""
            if any(_is_member(one, account_id, user_name) for one in members):
                held.add(id)
        return frozenset(held)

    def join(self, group_id: str, account_id: str) -> None:
        if group_id in self.memberships(account_id, [group_id]):
            return
        if self._wire.supports("patch", default=True):
            operation = {"op": "add", "path": "members", "value": [self._member(account_id)]}
            self._patch(f"/Groups/{_segment(group_id)}", [operation])
            return
        group = self._group(group_id)
        self._put("/Groups", {**group, "members": [*(group.get("members") or []), self._member(account_id)]})

    def leave(self, group_id: str, account_id: str) -> None:
        if group_id not in self.memberships(account_id, [group_id]):
            return
        path = f"/Groups/{_segment(group_id)}"
        if self._wire.supports("patch", default=True) and self._wire.supports("filter", default=True):
            self._patch(path, [{"op": "remove", "path": f"members[value eq {quoted(account_id)}]"}])
            return
        # A server without filters does not know a filtered path either: only the whole list can be written.
        account = self.read(account_id)
        user_name = str(account.attributes.get("userName", "")) if account else ""
        group = self._group(group_id)
        left = [one for one in group.get("members") or [] if not _is_member(one, account_id, user_name)]
        if self._wire.supports("patch", default=True):
            self._patch(path, [{"op": "replace", "path": "members", "value": left}])
        else:
            self._put("/Groups", {**group, "members": left})

    def _search(self, endpoint: str, attribute: str, value: str) -> list[dict[str, Any]]:
        filter = f"{attribute} eq {quoted(value)}" if self._wire.supports("filter", default=True) else None
        return [one for one in self._wire.listing(endpoint, filter) if _has(one, attribute, value)]

    def _change(self, account_id: str, wanted: dict[str, Value | None]) -> Account:
        path = f"/Users/{_segment(account_id)}"
        before = self._wire.get(path)
        if before is None:
            raise Missing(f"the account {account_id} is not at the target (any more)")
        after = document.copy(before)
        places = list(dict.fromkeys(document.assign(after, name, value) for name, value in wanted.items()))
        etag = before.get("meta", {}).get("version") if self._wire.supports("etag", default=False) else None
        if not self._wire.supports("patch", default=True):
            return _account(self._put("/Users", after))
        operations = [_operation(place, document.fetch(after, place)) for place in places]
        changed = self._patch(path, operations, etag=etag)
        if changed is None:
            changed = self._wire.get(path)
        if changed is None:
            raise Missing(f"the account {account_id} is not at the target (any more)")
        return _account(changed)

    def _patch(self, path: str, operations: list[dict[str, Any]], *, etag: str | None = None) -> dict[str, Any] | None:
        return self._wire.write("PATCH", path, {"schemas": [PATCH], "Operations": operations}, etag=etag)

    def _put(self, endpoint: str, resource: dict[str, Any]) -> dict[str, Any]:
        id = str(resource["id"])
        body = {name: value for name, value in resource.items() if name not in ("meta", "groups")}
        return self._wire.write("PUT", f"{endpoint}/{_segment(id)}", body) or resource

    def _group(self, group_id: str) -> dict[str, Any]:
        group = self._wire.get(f"/Groups/{_segment(group_id)}")
        if group is None:
            raise Missing(f"the group {group_id} is not at the target (any more)")
        return group

    def _member(self, account_id: str) -> dict[str, str]:
        return {"value": account_id, "$ref": f"{self._wire.url}/Users/{_segment(account_id)}", "type": "User"}


def _operation(place: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {"op": "remove", "path": place}
    return {"op": "replace", "path": place, "value": value}


def _account(resource: dict[str, Any]) -> Account:
    flat = document.flatten(resource)
    active = flat.pop("active", True)
    return Account(id=str(resource["id"]), active=active is not False, attributes=flat)


def _has(resource: dict[str, Any], attribute: str, value: str) -> bool:
    found = next((v for name, v in document.flatten(resource).items() if name.lower() == attribute.lower()), None)
    if found is None:
        return False
    return str(found) == value if attribute.lower() in _EXACT else comparison_key(str(found)) == comparison_key(value)


def _is_member(member: dict[str, Any], account_id: str, user_name: str) -> bool:
    """Whether a member entry means the account: some servers put the userName where the id belongs."""
    value, reference = str(member.get("value", "")), str(member.get("$ref") or "")
    tail = reference.rstrip("/").rpartition("/")[2]
    return account_id in (value, tail) or bool(user_name and value == user_name)


def _segment(id: str) -> str:
    if not id or "/" in id or "?" in id or "#" in id:
        raise Rejected(f"{id!r} is not an id that can stand in a URL")
    return id
