"""A complete target in memory: development, demonstrations, and the double that keeps the contract in tests.

In and out: Account and Group values. The accounts live in a store that all targets of the same store name in this process share.
It behaves as a well-made directory does: anchors that survive a rename, a unique attribute, groups that may be empty.
"""

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, ClassVar

from connector.targets.base import Account, AlreadyExists, Capability, Changes, Group, Missing, Rejected, Value
from connector.targets.compare import same_value
from connector.targets.options import option


@dataclass(frozen=True)
class MemoryOptions:
    """Options of a memory target."""

    store: str = option(
        "name of the store; targets of one store see the same accounts (default: the target's name)", default=""
    )
    unique: str = option("attribute that no two accounts may share, and none may lack", default="userName")


@dataclass
class MemoryStore:
    """What a memory target holds. Tests may look inside, and put people there: reference to attributes (`active`: "false")."""

    accounts: dict[str, Account] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)
    people: dict[str, dict[str, str]] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    numbers: Iterator[int] = field(default_factory=lambda: count(1), repr=False)


class MemoryTarget:
    """A directory in this process."""

    stores: ClassVar[dict[str, MemoryStore]] = {}

    capabilities = frozenset(
        {Capability.GROUPS, Capability.PEOPLE, Capability.DIRECTORY, Capability.DISABLE, Capability.DELETE}
    )

    def __init__(self, name: str, options: MemoryOptions) -> None:
        self.name = name
        self.store = self.stores.setdefault(options.store or name, MemoryStore())
        self._unique = options.unique

    def check(self) -> str:
        return f"memory, {len(self.store.accounts)} accounts, {len(self.store.groups)} groups"

    def accounts(self) -> Iterator[Account]:
        with self.store.lock:
            return iter(list(self.store.accounts.values()))

    def read(self, account_id: str) -> Account | None:
        return self.store.accounts.get(account_id)

    def find(self, attribute: str, value: str) -> list[Account]:
        return [account for account in self.accounts() if _holds(_get(account, attribute), value)]

    def normalise(self, account: Account) -> Account:
        return account

    def create(self, account: Account) -> Account:
        with self.store.lock:
            self._guard_unique(account)
            created = replace(account, id=f"mem-{next(self.store.numbers)}", attributes=dict(account.attributes))
            self.store.accounts[created.id] = created
            return created

    def update(self, account_id: str, changes: Changes) -> Account:
        with self.store.lock:
            found = self._present(account_id)
            names = {name.lower() for name in (*changes.set, *changes.clear)}
            kept = {name: value for name, value in found.attributes.items() if name.lower() not in names}
            updated = replace(
                found,
                name=found.name if changes.rename is None else changes.rename,
                attributes={**kept, **changes.set},
            )
            self._guard_unique(updated)
            self.store.accounts[account_id] = updated
            return updated

    def set_active(self, account_id: str, active: bool) -> Account:
        with self.store.lock:
            updated = replace(self._present(account_id), active=active)
            self.store.accounts[account_id] = updated
            return updated

    def delete(self, account_id: str) -> None:
        with self.store.lock:
            self.store.accounts.pop(account_id, None)
            for members in self.store.members.values():
                members.discard(account_id)

    def find_group(self, name: str) -> Group | None:
        with self.store.lock:
            return next((group for group in self.store.groups.values() if group.name.lower() == name.lower()), None)

    def create_group(self, name: str, *, first_member: str) -> Group:
        with self.store.lock:
            taken = self.find_group(name)
            if taken is not None:
                raise AlreadyExists(f"there is a group {taken.name!r} already", id=taken.id, attribute="displayName")
            self._present(first_member)
            group = Group(f"grp-{next(self.store.numbers)}", name)
            self.store.groups[group.id] = group
            self.store.members[group.id] = {first_member}
            return group

    def memberships(self, account_id: str, group_ids: Iterable[str]) -> frozenset[str]:
        with self.store.lock:
            return frozenset(group for group in group_ids if account_id in self.store.members.get(group, ()))

    def groups(self) -> Iterator[Group]:
        with self.store.lock:
            return iter(list(self.store.groups.values()))

    def members(self, group_id: str) -> Iterator[str]:
        with self.store.lock:
            if group_id not in self.store.members:
                raise Missing(f"there is no group {group_id}")
            return iter(sorted(self.store.members[group_id]))

    def people(self) -> Iterator[Account]:
        with self.store.lock:
            return iter(
                [
                    Account(id=id, active=held.get("active") != "false", attributes=dict(held))
                    for id, held in self.store.people.items()
                ]
            )

    def join(self, group_id: str, account_id: str) -> None:
        with self.store.lock:
            if group_id not in self.store.members:
                raise Missing(f"there is no group {group_id}")
            self._present(account_id)
            self.store.members[group_id].add(account_id)

    def leave(self, group_id: str, account_id: str) -> None:
        with self.store.lock:
            self.store.members.get(group_id, set()).discard(account_id)

    def find_person(self, attribute: str, value: str) -> list[str]:
        with self.store.lock:
            wanted = attribute.lower()
            return [
                reference
                for reference, person in self.store.people.items()
                if any(name.lower() == wanted and _holds(held, value) for name, held in person.items())
            ]

    def _present(self, account_id: str) -> Account:
        account = self.store.accounts.get(account_id)
        if account is None:
            raise Missing(f"there is no account {account_id}")
        return account

    def _guard_unique(self, account: Account) -> None:
        value = _get(account, self._unique)
        if not value:
            raise Rejected(f"{self._unique} is required", attribute=self._unique)
        for other in self.store.accounts.values():
            if other.id != account.id and _holds(_get(other, self._unique), str(value)):
                raise AlreadyExists(f"{self._unique} is taken", id=other.id, attribute=self._unique)


def _get(account: Account, attribute: str) -> Value | None:
    wanted = attribute.lower()
    return next((value for name, value in account.attributes.items() if name.lower() == wanted), None)


def _holds(held: Any, value: str) -> bool:
    """Whether an attribute holds the value, compared without case as directories do."""
    return any(
        same_value(str(one).lower(), value.lower()) for one in (held if isinstance(held, list) else [held]) if one
    )
