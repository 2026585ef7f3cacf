"""A directory of RFC 4511, such as OpenLDAP: accounts are entries below one base, groups are groupOfNames below another.

The anchor is entryUUID (RFC 4530). Disabled means locked for good, until it is enabled again: by the password policy overlay of
OpenLDAP, or by 389 Directory Server's own attribute.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from connector.targets import ldap_names as names
from connector.targets.base import Account, Capability, Missing, NotAllowed, Rejected
from connector.targets.ldap_accounts import LdapAccounts
from connector.targets.ldap_answers import Entry, Refused, equals, nothing_more
from connector.targets.ldap_changes import SYNC_REQUEST, LdapChanges
from connector.targets.ldap_groups import LdapGroups
from connector.targets.ldap_options import LdapOptions
from connector.targets.ldap_people import LdapPeople
from connector.targets.ldap_wire import ADD, DELETE, REPLACE, LdapWire, Step

# By the option disabled_by: the attribute that locks an entry, and its value that no time undoes.
_LOCKS = {"ppolicy": ("pwdAccountLockedTime", "000001010000Z"), "nsAccountLock": ("nsAccountLock", "true")}
_IS_IN_ALREADY, _IS_NOT_IN, _NEEDS_A_MEMBER = 20, 16, 65
_FEW = 20  # so many names are looked up one by one before the directory is asked for all members at once


class LdapTarget(LdapAccounts, LdapGroups, LdapPeople, LdapChanges):
    """A directory as a target."""

    _options: LdapOptions
    _anchor = "entryUUID"
    _person = "(objectClass=person)"
    _group = "(objectClass=groupOfNames)"
    _group_manager = "owner"  # RFC 4519 section 3.5

    def __init__(self, name: str, options: LdapOptions) -> None:
        super().__init__(name, options, LdapWire(options, nothing_more))
        self._lock, self._locked_for_good = _LOCKS[options.disabled_by]
        self._read = ("*", self._anchor, self._lock)
        self._not_attributes = frozenset({self._anchor.lower(), self._lock.lower()})
        if options.changes != "none":
            self.capabilities |= {Capability.CHANGES}

    @property
    def _accounts_filter(self) -> str:
        return equals("objectClass", self._options.account_class)

    def has_any(self, keys: Sequence[tuple[str, str]]) -> bool:
        either = "".join(equals(attribute, value) for attribute, value in keys)
        return bool(self._wire.search(self._options.accounts_base, f"(&{self._accounts_filter}(|{either}))"))

    def _vendor(self) -> str:
        root = self._wire.at("", ("objectClass", "vendorName", "supportedControl"))
        if self._options.changes == "sync" and (root is None or SYNC_REQUEST not in root.values("supportedControl")):
            raise Rejected("changes=sync: the directory has no content synchronisation (RFC 4533), or does not say so")
        if root and "OpenLDAProotDSE" in root.values("objectClass"):
            return "OpenLDAP"
        return (root.first("vendorName") if root else "") or "LDAP directory"

    def _must_be_ours(self, entry: Entry) -> None:
        """Whatever is below accounts_base is."""

    def _is_active(self, entry: Entry) -> bool:
        locks = [value.lower() for value in entry.values(self._lock)]
        return self._locked_for_good.lower() not in locks  # a lock for too many wrong passwords is not ours

    def _state(self, entry: Entry, active: bool) -> Step:
        return (self._lock, REPLACE, [] if active else [self._locked_for_good])

    def _new_account(self, account: Account) -> Mapping[str, list[str]]:
        attributes = {name: self._texts(name, value) for name, value in account.attributes.items()}
        return attributes if account.active else {**attributes, self._lock: [self._locked_for_good]}

    def _about_to_delete(self, entry: Entry) -> None:
        for group in self._groups_with(entry):  # else a later account of that name would be a member
            with suppress(NotAllowed):
                self._take_out(group.dn, entry.dn)

    def _was_renamed(self, old: Entry, new: Entry) -> None:
        for group in self._groups_with(old):  # a directory with the refint overlay may do the same meanwhile
            moved: list[Step] = [("member", ADD, [new.dn]), ("member", DELETE, [old.dn])]
            with suppress(Missing, NotAllowed):
                self._change_members(group.dn, moved, fine=(_IS_IN_ALREADY, _IS_NOT_IN))

    def _new_group(self, name: str, member: str) -> Mapping[str, list[str]]:
        return {"objectClass": ["groupOfNames"], "cn": [name], "member": [member]}

    def _holding(self, entry: Entry) -> str:
        return equals("member", entry.dn)

    def join(self, group_id: str, account_id: str) -> None:
        group, member = self._present_group(group_id), self._present(account_id).dn
        self._change_members(group.dn, [("member", ADD, [member])], fine=(_IS_IN_ALREADY,))
        self._change_members(group.dn, [("member", DELETE, [self._options.placeholder])], fine=(_IS_NOT_IN,))

    def leave(self, group_id: str, account_id: str) -> None:
        group, entry = self._group_entry(group_id), self._entry(account_id)
        if group is not None and entry is not None:
            self._take_out(group.dn, entry.dn)

    def _take_out(self, group_dn: str, member: str) -> None:
        out: Step = ("member", DELETE, [member])
        with suppress(Missing):
            try:
                self._change_members(group_dn, [out], fine=(_IS_NOT_IN,))
            except Refused as problem:
                if problem.code != _NEEDS_A_MEMBER:
                    raise
                instead: Step = ("member", ADD, [self._options.placeholder])
                self._change_members(group_dn, [instead, out], fine=(_IS_NOT_IN,))

    def find_person(self, attribute: str, value: str) -> list[str]:
        hidden = names.canonical(self._options.placeholder)
        return [one for one in super().find_person(attribute, value) if names.canonical(one) != hidden]

    def members(self, group_id: str) -> Iterator[str]:
        """Members' names as anchors; what has no entry (any more), such as the placeholder, is nobody."""
        group = self._present_group(group_id, ("member",))
        hidden = names.canonical(self._options.placeholder)
        dns = {names.canonical(dn): dn for dn in group.values("member")}
        dns.pop(hidden, None)
        if len(dns) > _FEW:
            for entry in self._said_to_be_in(group):
                if dns.pop(names.canonical(entry.dn), None) is not None:
                    yield self._id(entry)
        for dn in dns.values():
            found = self._wire.at(dn, (self._anchor,))
            if found is not None:
                yield self._id(found)

    def _said_to_be_in(self, group: Entry) -> Iterator[Entry]:
        """Entries that say themselves that they are in the group, which not every directory keeps (memberOf)."""
        for base in {self._options.accounts_base, self._people_base()}:
            for page in self._wire.pages(base, equals("memberOf", group.dn), (self._anchor,)):
                yield from page

    def _person_pages(self) -> Iterator[list[Entry]]:
        wanted = (*self._options.people_attributes, self._anchor, self._lock)
        hidden = names.canonical(self._options.placeholder)
        for page in self._wire.pages(self._people_base(), self._person, wanted):
            yield [entry for entry in page if names.canonical(entry.dn) != hidden]

    def _anchor_of(self, manager: str, known: dict[str, str]) -> str:
        key = names.canonical(manager)
        if key not in known:
            entry = self._wire.at(manager, (self._anchor,))
            known[key] = self._id(entry) if entry else ""
        return known[key]
