"""Active Directory: agents are users below one base, groups are global security groups below another.

The anchor is objectGUID. Disabled is one bit of userAccountControl, the other bits stay. A new account gets a password that nobody
knows. What the domain needs for itself, and whoever is or was an administrator, is never adopted and never changed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

from connector.targets import active_directory_rules as rules
from connector.targets import ldap_names as names
from connector.targets.active_directory_changes import ActiveDirectoryChanges
from connector.targets.base import Account, AlreadyExists, Capability, Changes, Missing, Rejected, Value
from connector.targets.ldap_accounts import LdapAccounts
from connector.targets.ldap_answers import Entry, Refused, equals, escaped, sid_bytes
from connector.targets.ldap_ber import Control
from connector.targets.ldap_groups import LdapGroups
from connector.targets.ldap_options import ActiveDirectoryOptions
from connector.targets.ldap_people import MANAGER, LdapPeople
from connector.targets.ldap_wire import ADD, DELETE, REPLACE, LdapWire, Step

CONTROL = "userAccountControl"
LOGON_NAME, PRINCIPAL = "sAMAccountName", "userPrincipalName"
_CLASSES = ["top", "person", "organizationalPerson", "user"]
_NO_REFERRALS: Control = ("1.2.840.113556.1.4.1339", False, None)
_WITH_ANCHORS: Control = ("1.2.840.113556.1.4.529", True, b"\x30\x03\x02\x01\x01")
_PROTECTION = ("objectSid", LOGON_NAME, "adminCount", "isCriticalSystemObject")
_IS_IN, _IS_NOT_IN = 20, 16


class ActiveDirectoryTarget(LdapAccounts, LdapGroups, LdapPeople, ActiveDirectoryChanges):
    """A domain as a target."""

    _options: ActiveDirectoryOptions
    _anchor = "objectGUID"
    _read: tuple[str, ...] = ("*",)
    _not_attributes: frozenset[str] = frozenset({"objectguid", "objectsid", CONTROL.lower(), "iscriticalsystemobject"})
    _accounts_filter = _person = "(&(objectCategory=person)(objectClass=user))"
    _group = "(objectCategory=group)"
    _group_manager = "managedBy"
    _members_at_once: ClassVar[int] = 1000  # servers give at most 1500 values of an attribute (MaxValRange)

    def __init__(self, name: str, options: ActiveDirectoryOptions) -> None:
        super().__init__(name, options, LdapWire(options, rules.explain, always=(_NO_REFERRALS,)))
        self.capabilities |= {Capability.CHANGES}

    def unique(self) -> str:
        """The domain controller refuses a sAMAccountName that the domain has."""
        return "sAMAccountName"

    def _vendor(self) -> str:
        blind = "" if self._sees_deletions() else ", where we see no deleted entries"
        return f"Active Directory ({self._root().first('dnsHostName')}{blind})"

    def _must_be_ours(self, entry: Entry) -> None:
        if why := rules.why_protected(entry):
            raise Rejected(f"{entry.dn} is protected: {why}; it is never adopted and never changed")

    def _is_active(self, entry: Entry) -> bool:
        return not rules.control_of(entry) & rules.DISABLED

    def _state(self, entry: Entry, active: bool) -> Step:
        bits = rules.control_of(entry)
        wanted = bits & ~rules.DISABLED if active else bits | rules.DISABLED
        return (CONTROL, REPLACE, [str(wanted)])

    def _new_account(self, account: Account) -> Mapping[str, list[str]]:
        given = {name.lower() for name in account.attributes}
        attributes = {name: self._texts(name, value) for name, value in account.attributes.items()}
        if LOGON_NAME.lower() not in given:
            rules.logon_name("")
        if "objectclass" not in given:
            attributes["objectClass"] = _CLASSES
        if "unicodepwd" not in given:
            attributes["unicodePwd"] = [rules.new_password()]
        bits = rules.NORMAL_ACCOUNT | (0 if account.active else rules.DISABLED)
        rules.common_name(names.own_value(account.name))
        return {**attributes, CONTROL: [str(bits)]}

    def _texts(self, attribute: str, value: Value) -> list[str]:
        if attribute.lower() == CONTROL.lower():
            raise Rejected(f"{CONTROL} follows the state of the agent; a mapping must not give it", attribute=CONTROL)
        texts = super()._texts(attribute, value)
        if attribute.lower() == LOGON_NAME.lower():
            return [rules.logon_name(text) for text in texts or [""]]
        if attribute.lower() == PRINCIPAL.lower():
            return [self._principal(text) for text in texts]
        return texts

    def _principal(self, text: str) -> str:
        return text if "@" in text else f"{text}@{self._options.suffix}"

    def normalise(self, account: Account) -> Account:
        full = {
            name: self._principal(value) if name.lower() == PRINCIPAL.lower() and isinstance(value, str) else value
            for name, value in account.attributes.items()
        }
        return super().normalise(replace(account, attributes=full))

    def find(self, attribute: str, value: str) -> list[Account]:
        is_principal = attribute.lower() == PRINCIPAL.lower()
        return super().find(attribute, self._principal(value) if is_principal else value)

    def update(self, account_id: str, changes: Changes) -> Account:
        if changes.rename is not None:
            rules.common_name(names.own_value(changes.rename))
        return super().update(account_id, changes)

    def _new_group(self, name: str, member: str) -> Mapping[str, list[str]]:
        logon_name = rules.group_logon_name(rules.common_name(name))
        if self._wire.search(self._options.domain, equals(LOGON_NAME, logon_name)):  # accounts and groups share them
            logon_name = rules.other_logon_name(name)
        return {
            "objectClass": ["top", "group"],
            LOGON_NAME: [logon_name],
            "groupType": [rules.GLOBAL_SECURITY_GROUP],
            "member": [member],
        }

    def _holding(self, entry: Entry) -> str:
        """By `member`, and by the primary group, which has no such value for the account."""
        domain = entry.first("objectSid").rpartition("-")[0]
        primary = sid_bytes(f"{domain}-{entry.first('primaryGroupID')}")
        return f"(|{equals('member', entry.dn)}(objectSid={escaped(primary)}))"

    def join(self, group_id: str, account_id: str) -> None:
        group, account = self._present_group(group_id, _PROTECTION), self._changeable(account_id)
        self._must_be_ours(group)
        try:
            self._change_members(group.dn, [("member", ADD, [account.dn])], fine=(_IS_IN,))
        except AlreadyExists:  # is a member, perhaps because it is its primary group
            return

    def leave(self, group_id: str, account_id: str) -> None:
        group, account = self._group_entry(group_id, _PROTECTION), self._entry(account_id)
        if group is None or account is None:
            return
        if rules.relative_id(group.first("objectSid")) == int(account.first("primaryGroupID") or 0):
            raise Rejected(f"{group.dn} is the primary group of {account.dn}, which an account cannot leave")
        try:
            self._change_members(group.dn, [("member", DELETE, [account.dn])], fine=(_IS_NOT_IN,))
        except Refused as problem:
            if problem.code != 53 or self._still_in(group, account):
                raise

    def _still_in(self, group: Entry, account: Entry) -> bool:
        """Windows and Samba refuse to take out who is not in, each in words of its own."""
        return group.dn in {one.dn for one in self._groups_with(account)}

    def members(self, group_id: str) -> Iterator[str]:
        """By ranges of values ([MS-ADTS] 3.1.1.3.1.3.3), each with its anchor; then those whose primary group it is."""
        group = self._present_group(group_id, ("objectSid",))
        first = 0
        while True:
            wanted = f"member;range={first}-{first + self._members_at_once - 1}"
            entry = self._wire.at(group.dn, (wanted,), controls=(_WITH_ANCHORS,))
            if entry is None:
                raise Missing(f"{group.dn} went away while its members were read")
            name, values = next(iter(entry.attributes.items()), ("", []))
            yield from (_named(value)[0] for value in values)
            if not values or name.endswith("*") or ";range=" not in name:
                break
            first += len(values)
        query = f"(&{self._person}(primaryGroupID={rules.relative_id(group.first('objectSid'))}))"
        seen: set[str] = set()
        for base in (self._people_base(), self._options.accounts_base):
            for page in self._wire.pages(base, query, (self._anchor,)):
                for one in page:
                    if self._id(one) not in seen:
                        seen.add(self._id(one))
                        yield self._id(one)

    def _person_pages(self) -> Iterator[list[Entry]]:
        """Without the domain's own, such as Guest and krbtgt."""
        wanted = (*self._options.people_attributes, self._anchor, CONTROL, "isCriticalSystemObject")
        for page in self._wire.pages(self._people_base(), self._person, wanted, controls=(_WITH_ANCHORS,)):
            plain = (_without_anchors(entry) for entry in page)
            yield [one for one in plain if one.first("isCriticalSystemObject") != "TRUE"]

    def _anchor_of(self, manager: str, known: dict[str, str]) -> str:
        return manager  # came with its anchor


def _named(value: str) -> tuple[str, str]:
    """Anchor and name from `<GUID=…>;<SID=…>;CN=…`; without an anchor ("", name)."""
    if not value.startswith("<GUID="):
        return "", value
    anchor, _, rest = value.removeprefix("<GUID=").partition(">;")
    return anchor, rest.partition(">;")[2] if rest.startswith("<SID=") else rest


def _without_anchors(entry: Entry) -> Entry:
    attributes = {
        name: [_named(value)[0 if name.lower() == MANAGER else 1] for value in values]
        for name, values in entry.attributes.items()
    }
    return Entry(_named(entry.dn)[1], attributes)
