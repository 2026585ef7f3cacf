"""People of a directory target, whatever its kind: entries below people_base that are no accounts of agents."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace

from connector.targets import ldap_names as names
from connector.targets.base import Account, Rejected
from connector.targets.ldap_answers import Entry, equals
from connector.targets.ldap_entries import LdapEntries, has

MANAGER = "manager"


class LdapPeople(LdapEntries):
    """The calls of the PersonTarget protocol, and the people of the DirectoryTarget protocol."""

    @abstractmethod
    def _person_pages(self) -> Iterator[list[Entry]]:
        """People with the attributes of the option, page after page, `manager` as the directory gives it."""

    @abstractmethod
    def _anchor_of(self, manager: str, known: dict[str, str]) -> str:
        """The anchor of the entry that `manager` names, "" where it is not there; `known` is the memory of one walk."""

    def people(self) -> Iterator[Account]:
        """Their `manager` is the anchor of that person, and absent where there is none of that name."""
        known: dict[str, str] = {}
        below = names.relative_names(self._options.accounts_base)
        for page in self._person_pages():
            known |= {names.canonical(entry.dn): self._id(entry) for entry in page}
            for entry in page:
                if not self._is_an_account(entry, below):
                    yield self._with_manager(self._account(entry), known)

    def find_person(self, attribute: str, value: str) -> list[str]:
        if not self._options.people_base:
            return []
        query = f"(&{self._person}{equals(attribute, value)})"
        found = self._wire.search(self._options.people_base, query, (attribute,))
        return [one.dn for one in found if has(one, attribute, value)]

    def _people_base(self) -> str:
        if not self._options.people_base:
            raise Rejected(f"the target {self.name} has no people_base, so it knows no people")
        return self._options.people_base

    def _is_an_account(self, entry: Entry, below: list[str]) -> bool:
        """Accounts of agents are no people, where they are in a part of the people's base that is their own."""
        own = len(below) > len(names.relative_names(self._options.people_base))
        return own and names.relative_names(entry.dn)[-len(below) :] == below

    def _with_manager(self, person: Account, known: dict[str, str]) -> Account:
        attributes = dict(person.attributes)
        name = attributes.pop(MANAGER, None)
        if isinstance(name, str) and (anchor := self._anchor_of(name, known)):
            attributes[MANAGER] = anchor
        return replace(person, attributes=attributes)
