"""Groups of a directory target, whatever its kind: entries below groups_base, named by cn, with their members' names in `member`."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar

from connector.targets import ldap_names as names
from connector.targets.base import AlreadyExists, Group, Missing, Rejected
from connector.targets.ldap_answers import Entry, Refused, equals
from connector.targets.ldap_entries import LdapEntries
from connector.targets.ldap_people import MANAGER
from connector.targets.ldap_wire import Step


class LdapGroups(LdapEntries):
    """The calls of the GroupTarget protocol but joining and leaving, and the groups of the DirectoryTarget protocol."""

    _group_manager: ClassVar[str]  # the attribute of a group that names who looks after it

    @abstractmethod
    def _new_group(self, name: str, member: str) -> Mapping[str, list[str]]:
        """The attributes of a new group that holds the entry of that name."""

    @abstractmethod
    def _holding(self, entry: Entry) -> str:
        """A filter for the groups that hold the entry."""

    def groups(self) -> Iterator[Group]:
        pages = self._wire.pages(self._groups_base(), self._group, ("cn", self._anchor))
        return (Group(self._id(entry), entry.first("cn")) for page in pages for entry in page)

    def find_group(self, name: str) -> Group | None:
        query = f"(&{self._group}{equals('cn', name)})"
        found = self._wire.search(self._groups_base(), query, ("cn", self._anchor))
        groups = [
            Group(self._id(entry), cn)
            for entry in found
            for cn in entry.values("cn")
            if names.same_text("cn", cn, name)
        ]
        if len({group.id for group in groups}) > 1:
            raise Rejected(f"{len(groups)} groups are named {name!r}: a person must decide")
        return groups[0] if groups else None

    def create_group(self, name: str, *, first_member: str) -> Group:
        there = self.find_group(name)
        if there is not None:
            raise AlreadyExists(f"there is a group named {name!r} already", id=there.id, attribute="cn")
        first = self._present(first_member)
        attributes = dict(self._new_group(name, first.dn))
        if self._options.groups_managed_by == "owner" and first.values(MANAGER):
            attributes[self._group_manager] = first.values(MANAGER)[:1]
        dn = f"{names.relative_name('cn', name)},{self._groups_base()}"
        return Group(self._id(self._wire.add(dn, attributes, read=(self._anchor,))), name)

    def memberships(self, account_id: str, group_ids: Iterable[str]) -> frozenset[str]:
        asked, entry = frozenset(group_ids), self._entry(account_id)
        if entry is None or not asked:
            return frozenset()
        return asked & {self._id(group) for group in self._groups_with(entry)}

    def _groups_with(self, entry: Entry) -> list[Entry]:
        if not self._options.groups_base:
            return []
        return self._wire.search(self._options.groups_base, self._holding(entry), (self._anchor,))

    def _groups_base(self) -> str:
        if not self._options.groups_base:
            raise Rejected(f"the target {self.name} has no groups_base, so it keeps no groups")
        return self._options.groups_base

    def _group_entry(self, group_id: str, attributes: Sequence[str] = ("1.1",)) -> Entry | None:
        return next(iter(self._wire.search(self._groups_base(), self._by_anchor(group_id), attributes)), None)

    def _present_group(self, group_id: str, attributes: Sequence[str] = ("1.1",)) -> Entry:
        group = self._group_entry(group_id, attributes)
        if group is None:
            raise Missing(f"the group {group_id} is not at the target (any more)")
        return group

    def _change_members(self, dn: str, steps: list[Step], *, fine: tuple[int, ...]) -> None:
        try:
            self._wire.modify(dn, steps)
        except Refused as problem:
            if problem.code not in fine:
                raise
