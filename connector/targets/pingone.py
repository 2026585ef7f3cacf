"""Agents as users of a PingOne environment, and groups that hold them.

In and out: Account values whose attributes are those of a PingOne user, with a dot into an attribute (name.given). Whether a user is
enabled has a call of its own, and so has each membership.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from connector.core.clock import Clock
from connector.targets.base import Account, AlreadyExists, Capability, Changes, Group, Missing, Rejected
from connector.targets.line import NotThere
from connector.targets.pingone_changes import PingOneChanges
from connector.targets.pingone_wire import PingOneOptions, account_of, equals, listed, open_wire
from connector.targets.rest_values import folded, holds, nested
from connector.targets.sign_in import Json

_IN_ANY_CASE: Final = ("username", "email")


class PingOneTarget(PingOneChanges):
    """One PingOne environment whose users are our accounts."""

    capabilities = frozenset(
        {
            *(Capability.GROUPS, Capability.PEOPLE, Capability.DIRECTORY),
            *(Capability.CHANGES, Capability.DISABLE, Capability.DELETE),
        }
    )

    def __init__(self, name: str, options: PingOneOptions, clock: Clock) -> None:
        self.name = name
        self._options = options
        self._clock = clock
        self._wire = open_wire(options, clock)

    def unique(self) -> str:
        return "username"

    def check(self) -> str:
        some = next(listed(self._wire, "users", limit=1), None)
        blind = "" if self._remembers() else "; the audit cannot, so changes are only found by full reads"
        return f"PingOne at {self._wire.url}: users can be read{'' if some else ', there are none yet'}{blind}"

    def read(self, account_id: str) -> Account | None:
        user = self._user(account_id)
        return None if user is None else account_of(user)

    def find(self, attribute: str, value: str) -> list[Account]:
        return list(self._matching(attribute, value)) if value else []

    def normalise(self, account: Account) -> Account:
        """User names and addresses in one case."""
        return replace(account, name="", attributes=folded(account.attributes, _IN_ANY_CASE))

    def create(self, account: Account) -> Account:
        username = str(account.attributes.get("username", ""))
        if not username:
            raise Rejected("username is required", attribute="username")
        body = nested(account.attributes) | {"enabled": account.active}
        if self._options.population:
            body["population"] = {"id": self._options.population}
        try:
            made = self._wire.write("POST", "users", body=body).object
        except AlreadyExists as taken:
            raise self._told(taken, username) from taken
        created = account_of(made)
        return created if created.active == account.active else self.set_active(created.id, account.active)

    def update(self, account_id: str, changes: Changes) -> Account:
        body = nested({**changes.set, **dict.fromkeys(changes.clear)})
        try:
            return account_of(self._wire.write("PATCH", "users", account_id, body=body).object)
        except NotThere:
            raise Missing(f"there is no user {account_id}") from None
        except AlreadyExists as taken:
            raise self._told(taken, str(changes.set.get("username", ""))) from taken

    def set_active(self, account_id: str, active: bool) -> Account:
        try:
            self._wire.write("PUT", "users", account_id, "enabled", body={"enabled": active})
        except NotThere:
            raise Missing(f"there is no user {account_id}") from None
        user = self._user(account_id)
        if user is None:
            raise Missing(f"the user {account_id} is gone again")
        return account_of(user)

    def delete(self, account_id: str) -> None:
        try:
            self._wire.write("DELETE", "users", account_id)
        except NotThere:
            return

    def find_person(self, attribute: str, value: str) -> list[str]:
        return [account.id for account in self.find(attribute, value)]

    def people(self) -> Iterator[Account]:
        attribute, _, value = self._options.accounts_where.partition("=")
        for user in self._users():
            person = account_of(user)
            if not attribute or not holds(person.attributes.get(attribute), value):
                yield person

    def groups(self) -> Iterator[Group]:
        for group in listed(self._wire, "groups", limit=self._options.page_size):
            yield _group(group)

    def members(self, group_id: str) -> Iterator[str]:
        self._present_group(group_id)
        for user in self._users(filter=f"memberOfGroups[{equals('id', group_id)}]"):
            yield str(user["id"])

    def find_group(self, name: str) -> Group | None:
        """The group of that name whose members are assigned; those of a filter cannot be."""
        for group in listed(self._wire, "groups", filter=equals("name", name)):
            if not group.get("userFilter") and str(group.get("name", "")).casefold() == name.casefold():
                return _group(group)
        return None

    def create_group(self, name: str, *, first_member: str) -> Group:
        try:
            group = _group(self._wire.write("POST", "groups", body={"name": name}).object)
        except AlreadyExists as taken:
            holder = self.find_group(name)
            raise AlreadyExists(taken.detail, id=holder.id if holder else "", attribute="name") from taken
        self.join(group.id, first_member)
        return group

    def memberships(self, account_id: str, group_ids: Iterable[str]) -> frozenset[str]:
        try:
            found = listed(self._wire, "users", account_id, "memberOfGroups")
            held = frozenset(str(group["id"]) for group in found if group.get("type", "DIRECT") == "DIRECT")
        except NotThere:
            return frozenset()
        return held & frozenset(group_ids)

    def join(self, group_id: str, account_id: str) -> None:
        try:
            self._wire.write("POST", "users", account_id, "memberOfGroups", body={"id": group_id})
        except AlreadyExists:
            return  # a member already
        except NotThere:
            raise Missing(f"there is no group {group_id}, or no user {account_id}") from None
        except Rejected:
            self._present_group(group_id)
            raise

    def leave(self, group_id: str, account_id: str) -> None:
        try:
            self._wire.write("DELETE", "users", account_id, "memberOfGroups", group_id)
        except NotThere:
            return

    def _present_group(self, group_id: str) -> None:
        try:
            self._wire.get("groups", group_id)
        except NotThere:
            raise Missing(f"there is no group {group_id}") from None

    def _user(self, account_id: str) -> Json | None:
        try:
            user = self._wire.get("users", account_id).object
        except NotThere:
            return None
        return user if user.get("id") == account_id else None

    def _users(self, **params: str) -> Iterator[Json]:
        return listed(self._wire, "users", limit=self._options.page_size, **params)

    def _matching(self, attribute: str, value: str) -> Iterator[Account]:
        """What the filter gives, each checked here again."""
        for user in self._users(filter=equals(attribute, value)):
            account = account_of(user)
            if holds(account.attributes.get(attribute), value):
                yield account

    def _told(self, taken: AlreadyExists, username: str) -> AlreadyExists:
        holders = self.find("username", username) if taken.attribute in (None, "username") else []
        return AlreadyExists(taken.detail, id=holders[0].id if holders else "", attribute=taken.attribute)


def _group(group: Json) -> Group:
    return Group(str(group["id"]), str(group.get("name", "")))
