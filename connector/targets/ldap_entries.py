"""What a directory target knows of its kind of directory, and how an entry is found by its anchor.

The halves of a target (accounts, groups, people) are built on it; a kind of directory fills in what is abstract here.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from connector.targets import ldap_names as names
from connector.targets.base import Account, Missing, Rejected, Value
from connector.targets.ldap_answers import Entry, equals
from connector.targets.ldap_options import DirectoryOptions
from connector.targets.ldap_wire import LdapWire, Step


class LdapEntries(ABC):
    """Entries of one directory, by anchor."""

    name: str
    _options: DirectoryOptions
    _wire: LdapWire
    _anchor: ClassVar[str]
    _read: tuple[str, ...]  # what is asked for of an account
    _not_attributes: frozenset[str]  # what of it is no attribute of an account; lower case
    _person: ClassVar[str]  # a filter
    _group: ClassVar[str]  # a filter

    @property
    @abstractmethod
    def _accounts_filter(self) -> str:
        """What every account matches."""

    @abstractmethod
    def _is_active(self, entry: Entry) -> bool:
        """Whether the account may sign in."""

    @abstractmethod
    def _state(self, entry: Entry, active: bool) -> Step:
        """What makes the account active, or not."""

    def _by_anchor(self, anchor: str) -> str:
        """A filter for the entry with that anchor."""
        return equals(self._anchor, anchor)

    @abstractmethod
    def _must_be_ours(self, entry: Entry) -> None:
        """Rejected for an entry that must never be changed."""

    def _id(self, entry: Entry) -> str:
        return entry.first(self._anchor)

    def _entry(self, account_id: str) -> Entry | None:
        found = self._wire.search(self._options.accounts_base, self._by_anchor(account_id), self._read)
        return next((entry for entry in found if self._id(entry) == account_id), None)

    def _present(self, account_id: str) -> Entry:
        entry = self._entry(account_id)
        if entry is None:
            raise Missing(f"the account {account_id} is not at the target (any more)")
        return entry

    def _changeable(self, account_id: str) -> Entry:
        entry = self._present(account_id)
        self._must_be_ours(entry)
        return entry

    def _account(self, entry: Entry) -> Account:
        attributes: Mapping[str, Value] = {
            name: values[0] if len(values) == 1 else list[object](values)
            for name, values in entry.attributes.items()
            if values and name.lower() not in self._not_attributes
        }
        return Account(id=self._id(entry), name=entry.dn, active=self._is_active(entry), attributes=attributes)


def has(entry: Entry, attribute: str, value: str) -> bool:
    """Whether a match is one: directories compare in ways of their own."""
    held = entry.values(attribute)
    if not held:  # the directory matched what it does not show under that name: nothing can be concluded
        raise Rejected(f"{entry.dn} matches by {attribute}, but shows no such attribute", attribute=attribute)
    return any(names.same_text(attribute, one, value) for one in held)
