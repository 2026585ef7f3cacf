"""Accounts of a directory target, whatever its kind: entries below accounts_base.

In: plain values. Out: Account values. Each write asks the directory for the entry as it is then, so that most need two calls.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import suppress

from connector.targets import ldap_names as names
from connector.targets.base import Account, AlreadyExists, Capability, Changes, Missing, Rejected, Value
from connector.targets.ldap_answers import SECRETS, Entry, equals
from connector.targets.ldap_entries import LdapEntries, has
from connector.targets.ldap_options import DirectoryOptions
from connector.targets.ldap_wire import ADD, REPLACE, LdapWire, Step


class LdapAccounts(LdapEntries):
    """The calls of the Target protocol."""

    def __init__(self, name: str, options: DirectoryOptions, wire: LdapWire) -> None:
        self.name = name
        self.capabilities = frozenset({Capability.DISABLE, Capability.DELETE})
        if options.groups_base:
            self.capabilities |= {Capability.GROUPS}
        if options.people_base:
            self.capabilities |= {Capability.PEOPLE}
        if options.groups_base and options.people_base:
            self.capabilities |= {Capability.DIRECTORY}
        self._options = options
        self._wire = wire

    def close(self) -> None:
        self._wire.close()

    @abstractmethod
    def _vendor(self) -> str:
        """What the directory says that it is."""

    @abstractmethod
    def _new_account(self, account: Account) -> Mapping[str, list[str]]:
        """The attributes of a new entry, with its state. Rejected where one cannot be right."""

    def _texts(self, attribute: str, value: Value) -> list[str]:
        """A value as the directory shall hold it. Rejected where it cannot be right."""
        return names.as_texts(attribute, value)

    def _about_to_delete(self, entry: Entry) -> None:
        """What must go before the entry, where the directory does not see to it."""

    def _was_renamed(self, old: Entry, new: Entry) -> None:
        """What must follow a new name, where the directory does not see to it."""

    def check(self) -> str:
        vendor = self._vendor()
        for base in (self._options.groups_base, self._options.people_base):
            if base and self._wire.at(base) is None:
                raise Rejected(f"{base} is not there, or may not be read")
        pages = self._wire.pages(self._options.accounts_base, self._accounts_filter, ("1.1",))
        count = sum(len(page) for page in pages)
        return f"{vendor} at {self._wire.url}, {count} accounts below {self._options.accounts_base}"

    def accounts(self) -> Iterator[Account]:
        pages = self._wire.pages(self._options.accounts_base, self._accounts_filter, self._read)
        return (self._account(entry) for page in pages for entry in page)

    def read(self, account_id: str) -> Account | None:
        entry = self._entry(account_id)
        return self._account(entry) if entry else None

    def find(self, attribute: str, value: str) -> list[Account]:
        query = f"(&{self._accounts_filter}{equals(attribute, value)})"
        found = self._wire.search(self._options.accounts_base, query, (*self._read, attribute))
        matches = [entry for entry in found if has(entry, attribute, value)]
        for entry in matches:
            self._must_be_ours(entry)
        return [self._account(entry) for entry in matches]

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
        attributes = {name: values for name, values in self._new_account(account).items() if values}
        try:
            return self._account(self._wire.add(dn, attributes, read=self._read))
        except AlreadyExists as taken:
            there = self._wire.at(dn, (self._anchor,))
            raise AlreadyExists(taken.detail, id=self._id(there) if there else "", attribute=taken.attribute) from taken

    def update(self, account_id: str, changes: Changes) -> Account:
        entry = self._changeable(account_id)
        wanted = {name: self._texts(name, value) for name, value in changes.set.items()}
        wanted |= {name: [] for name in changes.clear}
        if changes.rename is not None:
            entry = self._renamed(entry, names.own_name(changes.rename), account_id)
        steps: list[Step] = []
        for name, values in wanted.items():
            if name.lower() == "objectclass":  # classes that others gave the entry stay
                has_already = {one.lower() for one in entry.values(name)}
                missing = [one for one in values if one.lower() not in has_already]
                steps += [(name, ADD, missing)] if missing else []
            else:
                steps.append((name, REPLACE, values))
        return self._account(self._wire.modify(entry.dn, steps, read=self._read) if steps else entry)

    def set_active(self, account_id: str, active: bool) -> Account:
        entry = self._changeable(account_id)
        if self._is_active(entry) != active:
            entry = self._wire.modify(entry.dn, [self._state(entry, active)], read=self._read)
        return self._account(entry)

    def delete(self, account_id: str) -> None:
        entry = self._entry(account_id)
        if entry is None:
            return
        self._must_be_ours(entry)
        self._about_to_delete(entry)
        with suppress(Missing):
            self._wire.delete(entry.dn)

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
        self._was_renamed(entry, renamed)
        return renamed
