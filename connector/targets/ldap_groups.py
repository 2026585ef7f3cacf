"""Groups of an LDAP target (RFC 4519 sections 3.5 and 3.6): the half of LdapTarget that knows members.

In: anchors of groups and accounts. Out: Group values. These classes demand a member, so that every group of ours holds a
placeholder, which is nobody; a group of someone else's gets it when its last member leaves.
"""

import uuid
from collections.abc import Iterable

import ldap3

from connector.targets.base import AlreadyExists, Group, Missing, Unreachable
from connector.targets.ldap_names import equals, named, same_text
from connector.targets.ldap_wire import Entry, LdapWire, NotThere, Refused

_ANCHOR = "entryUUID"
_VALUE_IS_THERE = 20  # RFC 4511 appendix A: attributeOrValueExists
_NO_SUCH_VALUE = 16  # noSuchAttribute
_BREAKS_CLASS = 65  # objectClassViolation: the last member of a groupOfNames


class LdapGroups:
    """Group calls over the wire that LdapTarget opens."""

    _wire: LdapWire
    _groups_base: str
    _group_class: str
    _placeholder: str

    def _account_dn(self, account_id: str) -> str:
        raise NotImplementedError

    @property
    def _member(self) -> str:
        return "uniqueMember" if self._group_class == "groupOfUniqueNames" else "member"

    def find_group(self, name: str) -> Group | None:
        if not name or not self._groups_base:
            return None
        query = f"(&{equals('objectClass', self._group_class)}{equals('cn', name)})"
        for entry in self._groups(query, [_ANCHOR, "cn"]):
            held = next((one for one in entry.values.get("cn", []) if same_text(one, name)), None)
            if held is not None:
                return Group(entry.values[_ANCHOR.lower()][0], held)
        return None

    def create_group(self, name: str, *, first_member: str) -> Group:
        holder = self.find_group(name)
        if holder is not None:
            raise AlreadyExists(f"there is a group {holder.name!r} already", id=holder.id, attribute="cn")
        member = self._account_dn(first_member)
        if not member:
            raise Missing(f"there is no account {first_member}")
        dn = f"{named('cn', name)},{self._groups_base}"
        values = {"objectClass": [self._group_class], "cn": [name], self._member: [self._placeholder, member]}
        try:
            self._wire.add(dn, values)
        except NotThere:
            raise self._no_groups() from None
        made = self.find_group(name)
        if made is None:
            raise Missing(f"the group {name!r} is gone again, or we may not read it")
        return made

    def memberships(self, account_id: str, group_ids: Iterable[str]) -> frozenset[str]:
        wanted = {group_id.lower(): group_id for group_id in group_ids if _is_anchor(group_id)}
        member = self._account_dn(account_id) if wanted else ""
        if not member:
            return frozenset()
        # The directory compares the DNs: a group can have more members than anyone would want to read.
        query = f"(&{equals(self._member, member)}(|{''.join(equals(_ANCHOR, one) for one in wanted)}))"
        found = (entry.values[_ANCHOR.lower()][0].lower() for entry in self._groups(query, [_ANCHOR]))
        return frozenset(wanted[anchor] for anchor in found if anchor in wanted)

    def join(self, group_id: str, account_id: str) -> None:
        group, member = self._group_dn(group_id), self._account_dn(account_id)
        if not group or not member:
            raise Missing(f"there is no {'account ' + account_id if group else 'group ' + group_id}")
        try:
            self._wire.modify(group, {self._member: [(ldap3.MODIFY_ADD, [member])]}, expect=(_VALUE_IS_THERE,))
        except Refused:
            return
        except NotThere:
            raise Missing(f"there is no group {group_id}") from None

    def leave(self, group_id: str, account_id: str) -> None:
        group, member = self._group_dn(group_id), self._account_dn(account_id)
        if not group or not member:
            return
        out = (ldap3.MODIFY_DELETE, [member])
        try:
            self._wire.modify(group, {self._member: [out]}, expect=(_NO_SUCH_VALUE, _BREAKS_CLASS))
        except NotThere:
            return
        except Refused as refused:
            if refused.code == _BREAKS_CLASS:
                self._wire.modify(group, {self._member: [(ldap3.MODIFY_ADD, [self._placeholder]), out]})

    def _group_dn(self, group_id: str) -> str:
        if not _is_anchor(group_id) or not self._groups_base:
            return ""
        return next((entry.dn for entry in self._groups(equals(_ANCHOR, group_id), ["1.1"])), "")

    def _groups(self, query: str, attributes: list[str]) -> list[Entry]:
        try:
            return self._wire.search(self._groups_base, query, attributes)
        except NotThere:
            raise self._no_groups() from None

    def _no_groups(self) -> Unreachable:
        return Unreachable(f"groups_base {self._groups_base} is not there, or we may not read it")


def _is_anchor(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
