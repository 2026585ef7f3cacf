"""The memory target keeps the contract."""

import uuid

import pytest

from connector.targets.base import Account, GroupTarget, PersonTarget, Target
from connector.targets.memory import MemoryTarget
from connector.targets.registry import open_target
from tests.contract.target_contract import GroupContract


class TestMemoryTarget(GroupContract):
    @pytest.fixture
    def target(self) -> Target:
        return open_target("memory", "mem", {"store": uuid.uuid4().hex})

    def test_it_keeps_groups_and_knows_people(self, target: Target) -> None:
        assert isinstance(target, GroupTarget)
        assert isinstance(target, PersonTarget)

    def test_a_person_is_found_by_an_attribute(self) -> None:
        target = open_target("memory", "people", {"store": uuid.uuid4().hex})
        assert isinstance(target, MemoryTarget)
        target.store.people["p-1"] = {"userName": "Rosa@example.com"}

        assert target.find_person("username", "rosa@EXAMPLE.com") == ["p-1"]
        assert target.find_person("userName", "other@example.com") == []

    def test_targets_of_one_store_see_the_same_accounts(self) -> None:
        one, two = (open_target("memory", name, {"store": "shared-by-two"}) for name in ("one", "two"))

        account = one.create(Account(attributes={"userName": uuid.uuid4().hex}))

        assert two.read(account.id) == account
        assert account.id in MemoryTarget.stores["shared-by-two"].accounts
