"""The promises of targets that show their people and tell their changes, beside those of target_contract.py."""

import uuid
from dataclasses import replace

import pytest

from connector.targets.base import (
    Account,
    Capability,
    ChangesTarget,
    CookieExpired,
    DirectoryTarget,
    GroupTarget,
    Missing,
    Target,
)
from tests.contract.target_contract import Shape, TargetContract


class DirectoryContract(TargetContract):
    """For targets with Capability.DIRECTORY that keep groups."""

    def test_people_are_listed_with_their_state(self, target: Target, wanted: Account, shape: Shape) -> None:
        assert isinstance(target, DirectoryTarget)
        created = target.create(replace(wanted, active=False))

        found = [person for person in target.people() if person.id == created.id]

        assert Capability.DIRECTORY in target.capabilities
        assert [person.active for person in found] == [False]
        assert found[0].attributes[shape.handle] == wanted.attributes[shape.handle]

    def test_groups_and_their_members_are_listed(
        self, target: Target, wanted: Account, shape: Shape, handle: str
    ) -> None:
        assert isinstance(target, DirectoryTarget) and isinstance(target, GroupTarget)
        ids = {target.create(wanted).id, target.create(self.make(shape, handle + "-2")).id}
        stranger = target.create(self.make(shape, handle + "-3"))
        group = target.create_group(f"Directory {handle}", first_member=min(ids))
        target.join(group.id, max(ids))

        members = list(target.members(group.id))

        assert group in list(target.groups())
        assert sorted(members) == sorted(ids)
        assert stranger.id not in members

    def test_the_members_of_a_group_that_is_gone_are_missing(self, target: Target) -> None:
        assert isinstance(target, DirectoryTarget)
        with pytest.raises(Missing):
            list(target.members(str(uuid.uuid4())))


class ChangesContract(TargetContract):
    """For targets with Capability.CHANGES."""

    def test_the_first_look_is_a_full_read_and_the_next_tells_what_has_changed(
        self, target: Target, shape: Shape, handle: str
    ) -> None:
        assert isinstance(target, ChangesTarget)
        before = target.create(self.make(shape, handle))
        first = list(target.changes(""))
        after = target.create(self.make(shape, handle + "-2"))
        target.set_active(before.id, False)

        second = list(target.changes(first[-1].cookie))

        told = {account.id: account.active for page in second for account in page.accounts}
        assert Capability.CHANGES in target.capabilities
        assert all(page.whole for page in first)
        assert before.id in {account.id for page in first for account in page.accounts}
        assert told[after.id] is True
        assert told[before.id] is False

    def test_a_cookie_that_it_never_gave_has_expired(self, target: Target) -> None:
        assert isinstance(target, ChangesTarget)
        with pytest.raises(CookieExpired):
            list(target.changes("no such cookie"))
