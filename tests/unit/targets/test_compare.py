"""Differences between the wanted and the found account: only about what is ours, and only where there are any."""

from typing import Any

import pytest

from connector.targets.base import Account, Changes
from connector.targets.compare import differences, is_nothing, same_value


def account(name: str = "", **attributes: Any) -> Account:
    return Account(name=name, attributes=attributes)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a", "a", True),
        ("a", "A", False),
        ("a", ["a"], True),
        (["a", "b"], ["b", "a"], True),
        (["a", "a"], "a", True),
        (True, "true", True),
        (True, "false", False),
        (7, "7", True),
        (None, "", True),
        (None, [], True),
        (None, False, False),
        ([{"value": "x", "type": "work"}], [{"Type": "work", "value": "x"}], True),
        ([{"value": "x"}], [{"value": "y"}], False),
    ],
)
def test_values_are_compared_as_directories_do(one: Any, other: Any, same: bool) -> None:
    assert same_value(one, other) is same
    assert same_value(other, one) is same


def test_only_what_differs_is_set_and_names_are_the_same_in_any_case() -> None:
    changes = differences(account(userName="a", title="new"), account(USERNAME="a", title="old", phone="1"))

    assert changes == Changes(set={"title": "new"})


def test_what_is_managed_and_unassigned_is_cleared_and_the_rest_is_left() -> None:
    found = account(userName="a", Title="old", phone="1")

    changes = differences(account(userName="a"), found, managed=("userName", "title", "manager"))

    assert changes == Changes(clear=("title",))


def test_a_new_address_is_a_rename() -> None:
    assert differences(account("uid=b"), account("uid=a")).rename == "uid=b"
    assert is_nothing(differences(account(""), account("uid=a")))


def test_what_the_target_does_not_store_is_not_compared() -> None:
    def without_external_id(one: Account) -> Account:
        return Account(attributes={name: value for name, value in one.attributes.items() if name != "externalId"})

    changes = differences(account(externalId="1", a="x"), account(a="y"), normalise=without_external_id)

    assert changes == Changes(set={"a": "x"})
