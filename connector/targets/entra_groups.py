"""People and groups of an Entra tenant: read as the source of owners and groups, and groups that hold our accounts.

In and out: Person accounts and Group values. A member is always added and removed through `$ref`: without it, removing a member from
a group would delete the member.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Final

from connector.core.clock import Clock
from connector.targets.base import Account, AlreadyExists, Group, Missing, Rejected
from connector.targets.entra_recent import Newborns
from connector.targets.entra_wire import EntraOptions, equals, listed, open_wire, reference
from connector.targets.line import NotThere
from connector.targets.rest_values import flat, holds, value_at
from connector.targets.sign_in import Json

_MOST: Final = 999
_GROUP_PARTS: Final = "id,displayName,groupTypes,onPremisesSyncEnabled,mailEnabled,securityEnabled"
_USER_PARTS: Final = (
    "id",
    "accountEnabled",
    "displayName",
    "userPrincipalName",
    "mailNickname",
    "mail",
    "givenName",
    "surname",
    "jobTitle",
    "department",
    "companyName",
    "officeLocation",
    "employeeId",
    "employeeType",
    "onPremisesExtensionAttributes",
)
_PLAIN_FILTERS: Final = (
    "userPrincipalName",
    "mail",
    "displayName",
    "givenName",
    "surname",
    "mailNickname",
    "employeeId",
)


class EntraDirectory:
    """One tenant, with the groups that accounts of `kind` (Graph's collection) can be in."""

    kind = "users"

    def __init__(self, name: str, options: EntraOptions, clock: Clock) -> None:
        self.name = name
        self._options = options
        self._wire = open_wire(options, clock)
        self._newborns = Newborns(f"{self._wire.url}/{options.tenant}", clock, options.propagation)
        self._top = str(min(_MOST, options.page_size))
        self._select = ",".join(dict.fromkeys((*_USER_PARTS, *options.read_also)))

    def find_person(self, attribute: str, value: str) -> list[str]:
        return [str(user["id"]) for user in self._users_where(attribute, value)]

    def people(self) -> Iterator[Account]:
        attribute, _, value = self._options.accounts_where.partition("=")
        for user in listed(self._wire, "users", select=self._select, top=self._top):
            if not attribute or not holds(value_at(user, attribute), value):
                yield user_account(user)

    def groups(self) -> Iterator[Group]:
        for group in listed(self._wire, "groups", select="id,displayName", top=self._top):
            yield _group(group)

    def members(self, group_id: str) -> Iterator[str]:
        try:
            for member in listed(self._wire, "groups", group_id, "members", select="id", top=self._top):
                yield str(member["id"])
        except NotThere:
            self._newborns.guard(group_id)
            raise Missing(f"there is no group {group_id}") from None

    def find_group(self, name: str) -> Group | None:
        """The one group of that name that can be written: names are not unique here."""
        named = listed(self._wire, "groups", filter=equals("displayName", name), select=_GROUP_PARTS)
        fitting = [_group(one) for one in named if _is_ours(one) and holds(one.get("displayName"), name)]
        if len(fitting) > 1:
            raise Rejected(f"{len(fitting)} groups have the name {name!r}: rename all but one, or use a prefix")
        return fitting[0] if fitting else None

    def create_group(self, name: str, *, first_member: str) -> Group:
        holder = self.find_group(name)
        newborn = self._newborns.anchor_of(f"group {name.casefold()}")
        if holder is not None or newborn:
            found = holder.id if holder else newborn
            raise AlreadyExists(f"there is a group {name!r} already", id=found, attribute="displayName")
        body = {
            "displayName": name,
            "mailEnabled": False,
            "mailNickname": _nickname(name),
            "securityEnabled": True,
            "members@odata.bind": [reference(self._wire, first_member)["@odata.id"]],
        }
        made = self._newborns.there(lambda: self._wire.write("POST", "groups", body=body).object, first_member)
        self._newborns.add(str(made["id"]), f"group {name.casefold()}")
        self._newborns.add(f"{made['id']}/{first_member}")
        return _group(made)

    def memberships(self, account_id: str, group_ids: Iterable[str]) -> frozenset[str]:
        try:
            held = {
                str(one["id"])
                for one in listed(self._wire, self.kind, account_id, "memberOf", select="id", top=self._top)
            }
        except NotThere:
            self._newborns.guard(account_id)
            return frozenset()
        return frozenset(group for group in group_ids if group in held)

    def join(self, group_id: str, account_id: str) -> None:
        try:
            self._wire.write("POST", "groups", group_id, "members", "$ref", body=reference(self._wire, account_id))
        except AlreadyExists:
            return  # a member already
        except NotThere:  # the group or the account
            self._exists("groups", group_id)
            self._newborns.guard(account_id)
            raise Missing(f"there is no account {account_id}") from None
        self._newborns.add(f"{group_id}/{account_id}")

    def leave(self, group_id: str, account_id: str) -> None:
        membership = f"{group_id}/{account_id}"
        try:
            self._wire.write("DELETE", "groups", group_id, "members", account_id, "$ref")
        except NotThere:
            self._newborns.guard(membership)
        else:
            self._newborns.forget(membership)

    def _exists(self, *path: str) -> None:
        """Missing where the object is not there, Propagating where it is not shown yet."""
        self._newborns.there(lambda: self._wire.get(*path, params={"$select": "id"}), path[-1])

    def _users_where(self, attribute: str, value: str) -> Iterator[Json]:
        """The users whose property equals value, each checked here again."""
        if not value or not re.fullmatch(r"\w+(\.\w+)?", attribute):
            return
        advanced = attribute not in _PLAIN_FILTERS
        query = {"filter": equals(attribute, value), "select": self._select}
        for user in listed(self._wire, "users", advanced=advanced, **query):
            if holds(value_at(user, attribute), value):
                yield user

    def _discard(self, account_id: str, *path: str) -> None:
        """Delete it, for good where the options say so; what is gone is gone, what is not there yet is not."""
        try:
            self._wire.write("DELETE", *path, account_id)
        except NotThere:
            self._newborns.guard(account_id)
        else:
            self._newborns.forget(account_id)
        if self._options.purge:
            try:
                self._wire.write("DELETE", "directory", "deletedItems", account_id)
            except NotThere:
                return


def user_account(user: Json) -> Account:
    """A user as an account: its properties, with `manager` as the manager's id."""
    attributes = flat(user, without=("id", "accountEnabled", "manager"))
    manager = value_at(user, "manager.id")
    if manager:
        attributes["manager"] = str(manager)
    return Account(id=str(user["id"]), active=user.get("accountEnabled") is not False, attributes=attributes)


def _group(group: Json) -> Group:
    return Group(str(group["id"]), str(group.get("displayName", "")))


def _is_ours(group: Json) -> bool:
    """Members of dynamic, synchronised and mail groups are kept elsewhere."""
    dynamic = "DynamicMembership" in (group.get("groupTypes") or ())
    return not dynamic and not group.get("onPremisesSyncEnabled") and not group.get("mailEnabled")


def _nickname(name: str) -> str:
    """A mail nickname is demanded of every group: ASCII, no blanks, and the same one for the same name."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:40] or "group"
    return f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
