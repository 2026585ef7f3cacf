"""Groups of a SCIM target (RFC 7643 section 4.2): the half of ScimTarget that knows members.

In: group and account ids. Out: Group values. A member is recognised by its value or by the end of its $ref, and either may be the
account's id or its userName, because not every server puts the id there.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any
from urllib.parse import quote, unquote

import orjson

from connector.targets.base import AlreadyExists, Group, Missing, Rejected
from connector.targets.line import NotThere
from connector.targets.scim_paths import PATCH_OP, parse_path
from connector.targets.scim_wire import ScimWire
from connector.targets.sign_in import Json

_CORE_GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"


class ScimGroups(ABC):
    """Group calls over the wire that ScimTarget opens."""

    _wire: ScimWire

    @abstractmethod
    def _by_patch(self) -> bool:
        """Whether changes are sent by PATCH."""

    def find_group(self, name: str) -> Group | None:
        # Members are left out where the server seems able to: a group can have very many.
        lean = {"excludedAttributes": "members"} if self._wire.features().filter else {}
        for found in self._search("Groups", "displayName", name, lean):
            if str(found.get("displayName", "")).casefold() == name.casefold():
                return Group(str(found["id"]), str(found["displayName"]))
        return None

    def create_group(self, name: str, *, first_member: str) -> Group:
        self._guard_free_group(name)  # RFC 7643 section 4.2 lets two groups have one name, and many servers do
        body = {"schemas": [_CORE_GROUP], "displayName": name, "members": [self._member(first_member)]}
        try:
            made = self._wire.write("POST", "Groups", body=body)
        except NotThere:
            raise Rejected(f"{self._wire.url} has no Groups") from None
        except AlreadyExists as taken:
            holder = self.find_group(name)
            raise AlreadyExists(taken.detail, id=holder.id if holder else "", attribute="displayName") from taken
        return Group(str(made["id"]), str(made.get("displayName", name)))

    def memberships(self, account_id: str, group_ids: Iterable[str]) -> frozenset[str]:
        who = _Person(self._wire, account_id)
        return frozenset(group_id for group_id in group_ids if any(who.is_(m) for m in self._members(group_id) or ()))

    def join(self, group_id: str, account_id: str) -> None:
        members = self._members(group_id)
        if members is None:
            raise Missing(f"there is no group {group_id}")
        who = _Person(self._wire, account_id)
        if any(who.is_(member) for member in members):
            return
        operation = {"op": "add", "path": "members", "value": [self._member(account_id)]}
        if not self._write_members(group_id, [operation], [*members, self._member(account_id)]):
            raise Missing(f"there is no group {group_id}")

    def leave(self, group_id: str, account_id: str) -> None:
        members = self._members(group_id) or []
        who = _Person(self._wire, account_id)
        held = [member for member in members if who.is_(member)]
        if held:
            operations = [_removal(str(member.get("value", account_id))) for member in held]
            self._write_members(group_id, operations, [member for member in members if member not in held])

    def _search(self, kind: str, attribute: str, value: str, params: dict[str, str] | None = None) -> Iterator[Json]:
        """What the server's filter gives, or everything where it cannot filter or refuses this filter; never trusted."""
        if self._wire.features().filter:
            try:
                first = list(self._wire.pages(kind, query=_filter(attribute, value), params=params))
            except Rejected:  # some servers refuse an escaped quote, or a filter on this attribute
                yield from self._wire.pages(kind, params=params)
                return
            yield from first
            return
        yield from self._wire.pages(kind, params=params)

    def _members(self, group_id: str) -> list[Json] | None:
        """The members now; None where the group is gone."""
        try:
            group, _ = self._wire.get("Groups", group_id)
        except NotThere:
            return None
        members = group.get("members") or []
        return [m if isinstance(m, dict) else {"value": str(m)} for m in members]

    def _write_members(self, group_id: str, operations: list[Json], members: list[Json]) -> bool:
        """One change of the members, by PATCH or by PUT of the whole group; False where the group is gone."""
        try:
            if self._by_patch():
                self._wire.write("PATCH", "Groups", group_id, body={"schemas": [PATCH_OP], "Operations": operations})
                return True
            group, _ = self._wire.get("Groups", group_id)
            kept = {name: value for name, value in group.items() if name != "meta"}
            self._wire.write("PUT", "Groups", group_id, body={**kept, "members": members})
        except NotThere:
            return False
        return True

    def _member(self, account_id: str) -> Json:
        # $ref says the type, too; some servers demand it, and some refuse a `type` beside it
        return {"value": account_id, "$ref": f"{self._wire.url}/Users/{quote(account_id, safe='')}"}

    def _guard_free_group(self, name: str) -> None:
        holder = self.find_group(name)
        if holder is not None:
            raise AlreadyExists(f"there is a group {holder.name!r} already", id=holder.id, attribute="displayName")


class _Person:
    """One account while members are compared; its userName is read when it is needed, once."""

    def __init__(self, wire: ScimWire, account_id: str) -> None:
        self._wire = wire
        self._id = account_id

    def is_(self, member: Json) -> bool:
        named = {str(member.get("value") or ""), _tail(str(member.get("$ref") or ""))} - {""}
        return self._id in named or (bool(named) and self._user_name in {name.casefold() for name in named})

    @cached_property
    def _user_name(self) -> str:
        try:
            found: Any = self._wire.get("Users", self._id)[0].get("userName")
        except NotThere:
            found = None
        return str(found or "").casefold()


def _tail(reference: str) -> str:
    return unquote(reference.rstrip("/").rpartition("/")[2])


def _filter(attribute: str, value: str) -> str:
    """`attribute eq "value"` (RFC 7644 section 3.4.2.2: the value is JSON). Of a path with an item, the item is left out."""
    path = parse_path(attribute)
    name = f"{path.attribute}.{path.sub}" if path.sub else path.attribute
    return f"{name} eq {orjson.dumps(value).decode()}"


def _removal(value: str) -> Json:
    return {"op": "remove", "path": f"members[value eq {orjson.dumps(value).decode()}]"}
