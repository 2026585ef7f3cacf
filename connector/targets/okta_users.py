"""Agents as users of an Okta org, and groups that hold them.

In and out: Account values whose attributes are profile keys (login, email, firstName, userType, and those that the org has added).
A disabled account is suspended. Deleting takes Okta two steps: the first one only deactivates.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from connector.core.clock import Clock
from connector.targets.base import (
    Account,
    AlreadyExists,
    Capability,
    Changes,
    Group,
    Missing,
    NotAllowed,
    Rejected,
)
from connector.targets.line import NotThere
from connector.targets.okta_changes import OktaChanges
from connector.targets.okta_wire import (
    OktaOptions,
    account_of,
    group_of,
    open_wire,
    plain,
)
from connector.targets.rest_values import folded
from connector.targets.sign_in import Json

_SCOPE = "okta.users.manage okta.groups.manage okta.schemas.read"
_OURS = "OKTA_GROUP"  # APP_GROUP and BUILT_IN belong to others and cannot be written
_IN_ANY_CASE = ("login", "email")


class OktaUsers(OktaChanges):
    """One Okta org whose users are our accounts."""

    capabilities = frozenset(
        {
            *(Capability.GROUPS, Capability.PEOPLE, Capability.DIRECTORY),
            *(Capability.CHANGES, Capability.DISABLE, Capability.DELETE),
        }
    )

    def __init__(self, name: str, options: OktaOptions, clock: Clock) -> None:
        super().__init__(name, options, open_wire(options, clock, scope=_SCOPE))
        self._clock = clock

    def unique(self) -> str:
        return "login"

    def check(self) -> str:
        some = next(self._list("api", "v1", "users"), None)
        blind = "" if self._may_read_log() else "; the System Log cannot, so deletions are only found by full reads"
        return f"Okta at {self._wire.url}: users can be read{'' if some else ', there are none yet'}{blind}"

    def read(self, account_id: str) -> Account | None:
        user = self._user(account_id)
        return None if user is None else account_of(user)

    def find(self, attribute: str, value: str) -> list[Account]:
        return [account_of(user) for user in self._users_where(attribute, value)]

    def normalise(self, account: Account) -> Account:
        """Without characters that Okta cannot keep; login and e-mail address in one case."""
        kept = {name: plain(value) for name, value in account.attributes.items()}
        return replace(account, name="", attributes=folded(kept, _IN_ANY_CASE))

    def create(self, account: Account) -> Account:
        login = str(account.attributes.get("login", ""))
        if not login:
            raise Rejected("login is required, and must look like an e-mail address", attribute="login")
        body: Json = {"profile": {name: plain(value) for name, value in account.attributes.items()}}
        if self._options.provider == "FEDERATION":
            body["credentials"] = {"provider": {"type": "FEDERATION", "name": "FEDERATION"}}
        if self._options.user_type:
            body["type"] = {"id": self._options.user_type}
        params = {"activate": "true" if account.active else "false"}
        if self._options.provider == "FEDERATION":
            params["provider"] = "true"
        made = self._changing(account.attributes, login, lambda: self._post("users", body=body, params=params))
        return account_of(made)

    def update(self, account_id: str, changes: Changes) -> Account:
        profile = {name: plain(value) for name, value in changes.set.items()} | dict.fromkeys(changes.clear)
        login = str(changes.set.get("login", ""))
        path = ("users", account_id)
        made = self._changing(changes.set, login, lambda: self._post(*path, body={"profile": profile}))
        if made.get("id") != account_id:
            raise Rejected(f"Okta answered with another user than {account_id}")
        return account_of(made)

    def set_active(self, account_id: str, active: bool) -> Account:
        user = self._user(account_id)
        if user is None:
            raise Missing(f"there is no user {account_id}")
        step = _step_to(active, str(user.get("status")))
        if step:
            self._post("users", account_id, "lifecycle", step, params={"sendEmail": "false"})
            user = self._user(account_id)
        if user is None:
            raise Missing(f"the user {account_id} is gone again")
        return account_of(user)

    def delete(self, account_id: str) -> None:
        """Twice: the first call deactivates an account that is not yet, the second one removes it."""
        if self._user(account_id) is None:
            return
        for _ in range(2):
            try:
                self._wire.write("DELETE", "api", "v1", "users", account_id, params={"sendEmail": "false"})
            except NotThere:
                return

    def find_group(self, name: str) -> Group | None:
        wanted = str(plain(name))
        for group in self._list("api", "v1", "groups", q=wanted):
            found = group_of(group)
            if group.get("type", _OURS) == _OURS and found.name.casefold() == wanted.casefold():
                return found
        return None

    def create_group(self, name: str, *, first_member: str) -> Group:
        holder = self.find_group(name)
        if holder is not None:
            raise AlreadyExists(f"there is a group {holder.name!r} already", id=holder.id, attribute="name")
        group = group_of(self._post("groups", body={"profile": {"name": plain(name)}}))
        self.join(group.id, first_member)
        return group

    def memberships(self, account_id: str, group_ids: Iterable[str]) -> frozenset[str]:
        try:
            held = frozenset(str(group["id"]) for group in self._list("api", "v1", "users", account_id, "groups"))
        except NotThere:
            return frozenset()
        return held & frozenset(group_ids)

    def join(self, group_id: str, account_id: str) -> None:
        try:
            self._wire.write("PUT", "api", "v1", "groups", group_id, "users", account_id)
        except NotThere:
            raise Missing(f"there is no group {group_id}, or no user {account_id}") from None

    def leave(self, group_id: str, account_id: str) -> None:
        try:
            self._wire.write("DELETE", "api", "v1", "groups", group_id, "users", account_id)
        except NotThere:
            return

    def _user(self, account_id: str) -> Json | None:
        """The user of that id; Okta takes a login there, too, and a user found by it is another one."""
        if not re.fullmatch(r"[\w-]+", account_id):
            return None
        try:
            user = self._wire.get("api", "v1", "users", account_id).object
        except NotThere:
            return None
        return user if user.get("id") == account_id else None

    def _post(self, *path: str, body: Json | None = None, params: dict[str, str] | None = None) -> Json:
        try:
            return self._wire.write("POST", "api", "v1", *path, body=body, params=params).object
        except NotThere:
            raise Missing(f"there is no {'/'.join(path)}") from None

    def _changing(self, attributes: Any, login: str, call: Callable[[], Json]) -> Json:
        """The call, its refusal told in terms of what can be done about it."""
        try:
            return call()
        except AlreadyExists as taken:
            holders = [str(user["id"]) for user in self._users_where("login", login)]
            holder = holders[0] if holders else ""
            raise AlreadyExists(taken.detail, id=holder, attribute=taken.attribute or "login") from taken
        except Rejected as refused:
            unknown = self._not_in_schema(attributes)
            if not unknown:
                raise
            names = ", ".join(unknown)
            advice = "add it to the user schema (Directory > Profile Editor), or take it out of the mapping"
            raise Rejected(f"users of this org have no attribute {names}: {advice}", attribute=unknown[0]) from refused

    def _not_in_schema(self, attributes: Iterable[str]) -> list[str]:
        """Those of the attributes that the default user type does not have; none where another type is used."""
        if self._options.user_type:
            return []
        try:
            schema = self._wire.get("api", "v1", "meta", "schemas", "user", "default").object
        except (NotThere, NotAllowed):  # then Okta's own words must do
            return []
        parts = schema.get("definitions") or {}
        known = {name for part in parts.values() for name in (part.get("properties") or {})}
        return [name for name in attributes if known and name not in known]


def _step_to(active: bool, status: str) -> str:
    """The lifecycle operation that leads there; "" where the user is there already. Only ACTIVE can be suspended."""
    if active:
        return {"SUSPENDED": "unsuspend", "STAGED": "activate", "DEPROVISIONED": "activate"}.get(status, "")
    if status == "ACTIVE":
        return "suspend"
    return "" if status in ("SUSPENDED", "STAGED", "DEPROVISIONED") else "deactivate"
