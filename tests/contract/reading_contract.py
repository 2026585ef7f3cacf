"""What a directory promises that tells its changes and shows its people, as tests. A subclass gives the target and a way to change it.

`target` has accounts, groups and people in bases of its own for each test, and gives changes and members in small pages.
"""

import uuid
from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, Protocol

import pytest

from connector.targets.base import (
    Account,
    Capability,
    ChangedPage,
    Changes,
    ChangesTarget,
    CookieExpired,
    DirectoryTarget,
    GroupTarget,
    Target,
)


class Readable(Target, GroupTarget, DirectoryTarget, ChangesTarget, Protocol):
    """A target with everything that is read here."""


class Place(Protocol):
    """The directory behind the target, as somebody else changes it."""

    def add_person(self, handle: str, **attributes: Any) -> str:
        """A person in the target's own base; the name of the entry."""

    def disable_person(self, name: str) -> None: ...

    def move_away(self, account: Account) -> None:
        """To a place that is not below the target's base."""


class ReadingContract:
    """Subclasses define the fixtures `target`, `place` and `expired`, and what an account looks like."""

    @abstractmethod
    def account(self, handle: str, **attributes: Any) -> Account: ...

    @abstractmethod
    def renamed(self, handle: str) -> str:
        """The relative name of an account."""

    def make(self, target: Readable, many: int) -> list[Account]:
        return [target.create(self.account(f"bot-{uuid.uuid4().hex[:10]}")) for _ in range(many)]

    def test_a_first_look_names_everything_and_says_that_it_is_whole(self, target: Readable) -> None:
        made = self.make(target, 5)

        pages = list(target.changes(""))

        assert Capability.CHANGES in target.capabilities
        assert ids(pages) == {account.id for account in made}
        assert all(page.whole for page in pages)

    def test_nothing_has_changed_after_a_look(self, target: Readable) -> None:
        self.make(target, 2)
        first = last_cookie(target.changes(""))

        pages = list(target.changes(first))
        again = list(target.changes(pages[-1].cookie))

        assert ids(pages) == ids(again) == set()
        assert not any(page.whole for page in [*pages, *again])

    def test_a_look_tells_what_was_added_changed_renamed_and_deleted_since_the_last(self, target: Readable) -> None:
        kept, changed, renamed, disabled, deleted = self.make(target, 5)
        cookie = last_cookie(target.changes(""))

        target.update(changed.id, Changes(set={"title": "new"}))
        target.update(renamed.id, Changes(rename=self.renamed("other-" + uuid.uuid4().hex[:8])))
        target.set_active(disabled.id, False)
        target.delete(deleted.id)
        (added,) = self.make(target, 1)
        pages = list(target.changes(cookie))

        now = {account.id: account for page in pages for account in page.accounts}
        assert set(now) == {changed.id, renamed.id, disabled.id, added.id}
        assert now[changed.id].attributes["title"] == "new"
        assert now[renamed.id].name != renamed.name
        assert not now[disabled.id].active
        assert deleted.id in gone(pages)
        assert not {kept.id, *now} & gone(pages)
        assert not any(page.whole for page in pages)

    def test_an_account_that_was_moved_away_is_gone(self, target: Readable, place: Place) -> None:
        moved, kept = self.make(target, 2)
        cookie = last_cookie(target.changes(""))

        place.move_away(moved)
        pages = list(target.changes(cookie))

        assert moved.id in gone(pages)
        assert kept.id not in gone(pages)

    def test_going_on_from_the_cookie_of_a_page_in_the_middle_loses_nothing(self, target: Readable) -> None:
        (deleted,) = self.make(target, 1)
        cookie = last_cookie(target.changes(""))
        target.delete(deleted.id)
        made = {account.id for account in self.make(target, 12)}

        first = next(iter(target.changes(cookie)))
        rest = list(target.changes(first.cookie))

        assert 0 < len(ids([first])) < 12
        assert ids([first, *rest]) == made
        assert deleted.id in gone([first, *rest])
        assert ids(target.changes(rest[-1].cookie)) == set()

    def test_a_cookie_that_the_directory_cannot_know_is_expired(self, target: Readable, expired: list[str]) -> None:
        for cookie in expired:
            with pytest.raises(CookieExpired):
                list(target.changes(cookie))

    def test_people_are_shown_with_their_state_and_the_anchor_of_their_manager(
        self, target: Readable, place: Place
    ) -> None:
        boss, rosa = (f"{name}-{uuid.uuid4().hex[:8]}" for name in ("boss", "rosa"))
        manager = place.add_person(boss, title="Head of finance")
        place.disable_person(place.add_person(rosa, manager=manager))
        self.make(target, 1)

        people = {str(person.attributes["cn"]): person for person in target.people()}

        assert set(people) == {boss, rosa}  # and no agent
        assert people[boss].active and not people[rosa].active
        assert people[rosa].attributes["manager"] == people[boss].id
        assert people[boss].attributes["title"] == "Head of finance"
        assert people[boss].attributes["mail"] == f"{boss}@example.com"
        assert "manager" not in people[boss].attributes

    def test_groups_and_all_their_members_are_shown(self, target: Readable) -> None:
        accounts = self.make(target, 25)
        name = f"g-{uuid.uuid4().hex[:8]}"
        group = target.create_group(name, first_member=accounts[0].id)
        small = target.create_group(f"{name}-2", first_member=accounts[1].id)
        for account in accounts[1:]:
            target.join(group.id, account.id)

        members = list(target.members(group.id))

        assert Capability.DIRECTORY in target.capabilities
        assert {group, small} <= set(target.groups())
        assert sorted(members) == sorted(account.id for account in accounts)
        assert list(target.members(small.id)) == [accounts[1].id]

    def test_a_group_whose_last_member_left_shows_nobody(self, target: Readable) -> None:
        (account,) = self.make(target, 1)
        group = target.create_group(f"g-{uuid.uuid4().hex[:8]}", first_member=account.id)

        target.leave(group.id, account.id)

        assert list(target.members(group.id)) == []


def last_cookie(pages: Iterable[ChangedPage]) -> str:
    return list(pages)[-1].cookie


def ids(pages: Iterable[ChangedPage]) -> set[str]:
    return {account.id for page in pages for account in page.accounts}


def gone(pages: Iterable[ChangedPage]) -> set[str]:
    return {anchor for page in pages for anchor in page.gone}
