"""Groups of a SCIM target (RFC 7643 section 4.2): the half of ScimTarget that knows members.

In: group and account ids. Out: Group values. Where the server can be asked by a filter whether an account is a member, it is; else
a member is recognised by its value or by the end of its $ref, and either may be the account's id or its userName, because not every
server puts the id there.
"""

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

import orjson

from connector.targets.base import AlreadyExists, Group, Missing, Unsupported
from connector.targets.line import NotThere
from connector.targets.scim_members import Somebody, tail
from connector.targets.scim_paths import PATCH_OP
from connector.targets.scim_profiles import USER
from connector.targets.scim_resources import ScimResources
from connector.targets.sign_in import Json

_CORE_GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"


class ScimGroups(ScimResources):
    """Group calls over the wire that ScimTarget opens."""

    def find_group(self, name: str) -> Group | None:
        endpoint = self._groups()
        if endpoint is None:
            return None
        for found in self._search(endpoint, "displayName", name, self._lean(), any_case=True):
            if str(found.get("displayName", "")).casefold() == name.casefold():
                return Group(str(found["id"]), str(found["displayName"]))
        return None

    def create_group(self, name: str, *, first_member: str) -> Group:
        endpoint, profile = self._need_groups(), self._wire.profile
        self._guard_free_group(name)  # RFC 7643 section 4.2 lets two groups have one name, and many servers do
        members = {"members": [self._member(first_member)]} if profile.group_with_members else {}
        extension = profile.group_extension(name)
        body = {"schemas": [_CORE_GROUP, *extension], "displayName": name, **members, **extension}
        try:
            made = self._wire.write("POST", endpoint, body=body)
        except NotThere:
            raise self._no_groups() from None
        except AlreadyExists as taken:
            holder = self.find_group(name)
            raise AlreadyExists(taken.detail, id=holder.id if holder else "", attribute="displayName") from taken
        group = Group(str(made["id"]), str(made.get("displayName", name)))
        if not members:
            self.join(group.id, first_member)
        return group

    def memberships(self, account_id: str, group_ids: Iterable[str]) -> frozenset[str]:
        if self._groups() is None:
            return frozenset()
        if self._wire.profile.is_member is not None:
            return frozenset(group_id for group_id in group_ids if self._is_member(group_id, account_id))
        who = self._somebody(account_id)
        return frozenset(group_id for group_id in group_ids if any(who.is_(m) for m in self._members(group_id) or ()))

    def join(self, group_id: str, account_id: str) -> None:
        endpoint = self._need_groups()
        operation = {"op": "add", "path": "members", "value": [self._member(account_id)]}
        if self._wire.profile.is_member is not None:
            done = self._is_member(group_id, account_id) or self._patch_members(endpoint, group_id, [operation])
        else:
            members = self._members(group_id)
            who = self._somebody(account_id)
            done = members is not None and (
                any(who.is_(member) for member in members)
                or self._write_members(endpoint, group_id, [operation], [*members, self._member(account_id)])
            )
        if not done:
            raise Missing(f"there is no group {group_id}")

    def leave(self, group_id: str, account_id: str) -> None:
        endpoint = self._groups()
        if endpoint is None:
            return
        if self._wire.profile.is_member is not None:
            if self._is_member(group_id, account_id):
                self._patch_members(endpoint, group_id, [_removal(account_id)])
            return
        members = self._members(group_id) or []
        who = self._somebody(account_id)
        held = [member for member in members if who.is_(member)]
        if held:
            operations = [_removal(str(member.get("value", account_id))) for member in held]
            self._write_members(endpoint, group_id, operations, [one for one in members if one not in held])

    def groups(self) -> Iterator[Group]:
        endpoint = self._groups()
        if endpoint is not None:
            for found in self._wire.pages(endpoint, params=self._lean()):
                yield Group(str(found["id"]), str(found.get("displayName", "")))

    def members(self, group_id: str) -> Iterator[str]:
        group = self._group(group_id, lean=bool(self._wire.profile.members_by))
        if group is None:
            raise Missing(f"there is no group {group_id}")
        if self._wire.profile.members_by:
            query = _filled(self._wire.profile.members_by, group=group_id)
            for found in self._wire.pages(self._place(USER), query=query):
                yield str(found["id"])
            return
        yield from self._anchors([member for member in _listed(group) if member.get("type") != "Group"])

    def _anchors(self, members: list[Json]) -> Iterator[str]:
        """Their ids. Where the server names its members by userName instead, the ids are looked up in the list of users."""
        names = [str(member.get("value") or tail(str(member.get("$ref") or ""))) for member in members]
        known: set[str] = set()
        by_name: dict[str, str] = {}
        if names and not self._is_id(names[0]):
            for user in self._wire.pages(self._place(USER)):
                known.add(str(user["id"]))
                by_name[str(user.get("userName", "")).casefold()] = str(user["id"])
        for name in names:
            yield name if name in known else by_name.get(name.casefold(), name)

    def _is_id(self, name: str) -> bool:
        """Some servers give a user by its userName, too; then the id in the answer is another one."""
        try:
            return self._wire.get(self._place(USER), name)[0].get("id") == name
        except NotThere:
            return False

    def _groups(self) -> str | None:
        return self._wire.endpoint("Group", "Groups")

    def _need_groups(self) -> str:
        endpoint = self._groups()
        if endpoint is None:
            raise self._no_groups()
        return endpoint

    def _no_groups(self) -> Unsupported:
        return Unsupported(f"{self._wire.url} keeps no groups: its ResourceTypes name no Group")

    def _lean(self) -> dict[str, str]:
        # Members are left out where the server seems able to: a group can have very many.
        return (
            {"excludedAttributes": "members"}
            if self._wire.features().filter and not self._wire.profile.members_by
            else {}
        )

    def _group(self, group_id: str, *, lean: bool = False) -> Json | None:
        """None where the group is gone."""
        endpoint = self._groups()
        if endpoint is None:
            return None
        try:
            return self._wire.get(endpoint, group_id, params=self._lean() if lean else None)[0]
        except NotThere:
            return None

    def _members(self, group_id: str) -> list[Json] | None:
        """The members now; None where the group is gone."""
        group = self._group(group_id)
        return None if group is None else _listed(group)

    def _is_member(self, group_id: str, account_id: str) -> bool:
        """By the server's own filter, so that a group of any size costs the same."""
        asked = self._wire.profile.is_member
        assert asked is not None
        kind = self._need_groups() if asked.type == "Group" else self._place(USER)
        anchor = group_id if asked.type == "Group" else account_id
        query = _filled(asked.filter, group=group_id, account=account_id)
        return any(str(found["id"]) == anchor for found in self._wire.pages(kind, query=query))

    def _write_members(self, endpoint: str, group_id: str, operations: list[Json], members: list[Json]) -> bool:
        """One change of the members, by PATCH or by PUT of the whole group; False where the group is gone."""
        if self._by_patch():
            return self._patch_members(endpoint, group_id, operations)
        group = self._group(group_id)
        if group is None:
            return False
        kept = {name: value for name, value in group.items() if name != "meta"}
        try:
            self._wire.write("PUT", endpoint, group_id, body={**kept, "members": members})
        except NotThere:
            return False
        return True

    def _patch_members(self, endpoint: str, group_id: str, operations: list[Json]) -> bool:
        try:
            self._wire.write("PATCH", endpoint, group_id, body={"schemas": [PATCH_OP], "Operations": operations})
        except NotThere:
            return False
        return True

    def _member(self, account_id: str) -> Json:
        # $ref says the type, too; some servers demand it, and some refuse a `type` beside it
        reference = {"$ref": f"{self._wire.url}/{self._place()}/{quote(account_id, safe='')}"}
        return {"value": account_id, **(reference if self._wire.profile.member_with_ref else {})}

    def _somebody(self, account_id: str) -> Somebody:
        def handle() -> str:
            found = self._resource(account_id)
            return "" if found is None else str(found[0].get(self._kind.handle) or "")

        return Somebody(account_id, handle)

    def _guard_free_group(self, name: str) -> None:
        holder = self.find_group(name)
        if holder is not None:
            raise AlreadyExists(f"there is a group {holder.name!r} already", id=holder.id, attribute="displayName")


def _listed(group: Json) -> list[Json]:
    members: list[Any] = group.get("members") or []
    return [one if isinstance(one, dict) else {"value": str(one)} for one in members]


def _filled(template: str, **ids: str) -> str:
    return template.format(**{name: orjson.dumps(value).decode() for name, value in ids.items()})


def _removal(value: str) -> Json:
    return {"op": "remove", "path": f"members[value eq {orjson.dumps(value).decode()}]"}
