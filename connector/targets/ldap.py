"""A directory of RFC 4511, such as OpenLDAP: accounts are entries below one base, groups are groupOfNames below another.

The anchor is entryUUID (RFC 4530). Disabled means locked for good by the password policy overlay, until it is enabled again.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from connector.targets import ldap_names as names
from connector.targets.base import (
    Account,
    AlreadyExists,
    Capability,
    Changes,
    Group,
    Missing,
    NotAllowed,
    Rejected,
    Value,
)
from connector.targets.ldap_options import LdapOptions
from connector.targets.ldap_wire import ADD, DELETE, REPLACE, SECRETS, Entry, LdapWire, Step, code_of, equals

LOCK = "pwdAccountLockedTime"
LOCKED_FOR_GOOD = "000001010000Z"
_READ = ("*", "entryUUID", LOCK)
_NOT_ATTRIBUTES = frozenset({"entryuuid", LOCK.lower()})
_IS_IN_ALREADY, _IS_NOT_IN, _NEEDS_A_MEMBER = 20, 16, 65


class LdapTarget:
    """A directory as a target."""

    def __init__(self, name: str, options: LdapOptions) -> None:
        self.name = name
        self.capabilities = frozenset({Capability.DISABLE, Capability.DELETE})
        if options.groups_base:
            self.capabilities |= {Capability.GROUPS}
        if options.people_base:
            self.capabilities |= {Capability.PEOPLE}
        self._options = options
        self._accounts_filter = equals("objectClass", options.account_class)
        self._wire = LdapWire(options)

    def close(self) -> None:
        self._wire.close()

    def check(self) -> str:
        root = self._wire.at("", ("objectClass", "vendorName"))
        vendor = next(iter(root.values("vendorName")), "LDAP directory") if root else "LDAP directory"
        if root and "OpenLDAProotDSE" in root.values("objectClass"):
            vendor = "OpenLDAP"
        for base in (self._options.groups_base, self._options.people_base):
            if base and self._wire.at(base) is None:
                raise Rejected(f"{base} is not there, or may not be read")
        count = len(self._wire.search(self._options.accounts_base, self._accounts_filter))
        return f"{vendor} at {self._wire.url}, {count} accounts below {self._options.accounts_base}"

    def accounts(self) -> Iterator[Account]:
        found = self._wire.search(self._options.accounts_base, self._accounts_filter, _READ)
        return (_account(entry) for entry in found)

    def read(self, account_id: str) -> Account | None:
        entry = self._entry(account_id)
        return _account(entry) if entry else None

    def find(self, attribute: str, value: str) -> list[Account]:
        query = f"(&{self._accounts_filter}{equals(attribute, value)})"
        found = self._wire.search(self._options.accounts_base, query, (*_READ, attribute))
        return [_account(entry) for entry in found if _has(entry, attribute, value)]

    def find_person(self, attribute: str, value: str) -> list[str]:
        if not self._options.people_base:
            return []
        found = self._wire.search(self._options.people_base, equals(attribute, value), (attribute,))
        hidden = names.canonical(self._options.placeholder)
        return [one.dn for one in found if _has(one, attribute, value) and names.canonical(one.dn) != hidden]

    def normalise(self, account: Account) -> Account:
        """One spelling of names and classes, all values as text. Passwords are written and not compared."""
        attributes: dict[str, Value] = {
            name: list[object](names.normal_texts(name, value))
            for name, value in account.attributes.items()
            if name.lower() not in SECRETS
        }
        own = next(iter(names.relative_names(account.name)), "")
        return Account(id=account.id, name=own, active=account.active, attributes=attributes)

    def create(self, account: Account) -> Account:
        dn = f"{names.own_name(account.name)},{self._options.accounts_base}"
        attributes = {name: names.as_texts(name, value) for name, value in account.attributes.items()}
        if not account.active:
            attributes[LOCK] = [LOCKED_FOR_GOOD]
        try:
            self._wire.add(dn, {name: values for name, values in attributes.items() if values})
        except AlreadyExists as taken:
            there = self._wire.at(dn, ("entryUUID",))
            raise AlreadyExists(taken.detail, id=_id(there) if there else "", attribute=taken.attribute) from taken
        made = self._wire.at(dn, _READ)
        if made is None:
            raise Missing(f"{dn} was made, but is not there any more")
        return _account(made)

    def update(self, account_id: str, changes: Changes) -> Account:
        entry = self._present(account_id)
        if changes.rename is not None:
            entry = self._renamed(entry, names.own_name(changes.rename), account_id)
        wanted = {name: names.as_texts(name, value) for name, value in changes.set.items()}
        wanted |= {name: [] for name in changes.clear}
        steps: list[Step] = []
        for name, values in wanted.items():
            if name.lower() == "objectclass":  # classes that others gave the entry stay
                has = {one.lower() for one in entry.values(name)}
                missing = [one for one in values if one.lower() not in has]
                steps += [(name, ADD, missing)] if missing else []
            else:
                steps.append((name, REPLACE, values))
        if steps:
            self._wire.modify(entry.dn, steps)
        return _account(self._present(account_id))

    def set_active(self, account_id: str, active: bool) -> Account:
        entry = self._present(account_id)
        if _is_active(entry) != active:  # a lock for too many wrong passwords is not ours to take away
            self._wire.modify(entry.dn, [(LOCK, REPLACE, [] if active else [LOCKED_FOR_GOOD])])
        return _account(self._present(account_id))

    def delete(self, account_id: str) -> None:
        entry = self._entry(account_id)
        if entry is None:
            return
        for group in self._groups_with(entry.dn):  # else a later account of that name would be a member
            with suppress(NotAllowed):
                self._take_out(group.dn, entry.dn)
        with suppress(Missing):
            self._wire.delete(entry.dn)

    def find_group(self, name: str) -> Group | None:
        query = f"(&(objectClass=groupOfNames){equals('cn', name)})"
        found = self._wire.search(self._groups_base(), query, ("cn", "entryUUID"))
        groups = [
            Group(_id(entry), cn) for entry in found for cn in entry.values("cn") if names.same_text("cn", cn, name)
        ]
        if len({group.id for group in groups}) > 1:
            raise Rejected(f"{len(groups)} groups are named {name!r}: a person must decide")
        return groups[0] if groups else None

    def create_group(self, name: str, *, first_member: str) -> Group:
        there = self.find_group(name)
        if there is not None:
            raise AlreadyExists(f"there is a group named {name!r} already", id=there.id, attribute="cn")
        member = self._present(first_member).dn
        dn = f"{names.relative_name('cn', name)},{self._groups_base()}"
        self._wire.add(dn, {"objectClass": ["groupOfNames"], "cn": [name], "member": [member]})
        made = self._wire.at(dn, ("entryUUID",))
        if made is None:
            raise Missing(f"{dn} was made, but is not there any more")
        return Group(_id(made), name)

    def memberships(self, account_id: str, group_ids: Iterable[str]) -> frozenset[str]:
        asked, entry = frozenset(group_ids), self._entry(account_id)
        return asked & {_id(group) for group in self._groups_with(entry.dn)} if entry and asked else frozenset()

    def join(self, group_id: str, account_id: str) -> None:
        group, member = self._group(group_id), self._present(account_id).dn
        if group is None:
            raise Missing(f"the group {group_id} is not at the target (any more)")
        self._modify(group.dn, [("member", ADD, [member])], fine=(_IS_IN_ALREADY,))
        self._modify(group.dn, [("member", DELETE, [self._options.placeholder])], fine=(_IS_NOT_IN,))

    def leave(self, group_id: str, account_id: str) -> None:
        group, entry = self._group(group_id), self._entry(account_id)
        if group is not None and entry is not None:
            self._take_out(group.dn, entry.dn)

    def _take_out(self, group_dn: str, member: str) -> None:
        out: Step = ("member", DELETE, [member])
        with suppress(Missing):
            try:
                self._modify(group_dn, [out], fine=(_IS_NOT_IN,))
            except Rejected as problem:
                if code_of(problem) != _NEEDS_A_MEMBER:
                    raise
                self._modify(group_dn, [("member", ADD, [self._options.placeholder]), out], fine=(_IS_NOT_IN,))

    def _modify(self, dn: str, steps: list[Step], *, fine: tuple[int, ...]) -> None:
        try:
            self._wire.modify(dn, steps)
        except Rejected as problem:
            if code_of(problem) not in fine:
                raise

    def _renamed(self, entry: Entry, relative_name: str, account_id: str) -> Entry:
        wanted = names.relative_names(relative_name)[0]
        if names.relative_names(entry.dn)[0] == wanted:
            return entry
        try:
            self._wire.rename(entry.dn, relative_name)
        except Missing:  # sent twice over a broken connection, the second time says so
            entry = self._present(account_id)
            if names.relative_names(entry.dn)[0] != wanted:
                raise
            return entry
        renamed = self._present(account_id)
        for group in self._groups_with(entry.dn):  # a directory with the refint overlay may do the same meanwhile
            moved: list[Step] = [("member", ADD, [renamed.dn]), ("member", DELETE, [entry.dn])]
            with suppress(Missing, NotAllowed):
                self._modify(group.dn, moved, fine=(_IS_IN_ALREADY, _IS_NOT_IN))
        return renamed

    def _groups_with(self, member: str) -> list[Entry]:
        if not self._options.groups_base:
            return []
        return self._wire.search(self._options.groups_base, equals("member", member), ("entryUUID",))

    def _groups_base(self) -> str:
        if not self._options.groups_base:
            raise Rejected(f"the target {self.name} has no groups_base, so it keeps no groups")
        return self._options.groups_base

    def _group(self, group_id: str) -> Entry | None:
        return next(iter(self._wire.search(self._groups_base(), equals("entryUUID", group_id))), None)

    def _entry(self, account_id: str) -> Entry | None:
        found = self._wire.search(self._options.accounts_base, equals("entryUUID", account_id), _READ)
        return next((entry for entry in found if _id(entry) == account_id), None)

    def _present(self, account_id: str) -> Entry:
        entry = self._entry(account_id)
        if entry is None:
            raise Missing(f"the account {account_id} is not at the target (any more)")
        return entry


def _id(entry: Entry) -> str:
    return next(iter(entry.values("entryUUID")), "")


def _is_active(entry: Entry) -> bool:
    return LOCKED_FOR_GOOD not in entry.values(LOCK)


def _has(entry: Entry, attribute: str, value: str) -> bool:
    held = entry.values(attribute)
    if not held:  # the directory matched what it does not show under that name: nothing can be concluded
        raise Rejected(f"{entry.dn} matches by {attribute}, but shows no such attribute", attribute=attribute)
    return any(names.same_text(attribute, one, value) for one in held)


def _account(entry: Entry) -> Account:
    attributes: dict[str, Value] = {
        name: values[0] if len(values) == 1 else list[object](values)
        for name, values in entry.attributes.items()
        if name.lower() not in _NOT_ATTRIBUTES and values
    }
    return Account(id=_id(entry), name=entry.dn, active=_is_active(entry), attributes=attributes)
