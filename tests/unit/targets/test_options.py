"""Options of targets: all problems at once, secrets only by reference, help for every option."""

import pytest

from connector.core.errors import Misconfigured
from connector.mapping.schema import OBJECTS
from connector.targets.memory import MemoryTarget
from connector.targets.registry import KINDS, describe, open_target


def test_an_unknown_kind_says_which_there_are() -> None:
    with pytest.raises(Misconfigured, match='no kind "paper"; there are: .*memory'):
        open_target("paper", "x", {})


def test_an_object_that_the_kind_does_not_have_says_which_there_are() -> None:
    with pytest.raises(Misconfigured, match='memory has no objects "robot"; there are: account'):
        open_target("memory", "x", {}, object="robot")


def test_mappings_and_targets_agree_on_kinds_and_objects() -> None:
    assert {kind: tuple(one.objects) for kind, one in KINDS.items()} == OBJECTS


def test_a_misspelt_option_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(Misconfigured, match='stor: no such option; did you mean "store"'):
        open_target("memory", "x", {"stor": "a"})


def test_options_have_defaults() -> None:
    target = open_target("memory", "by-name", {})

    assert isinstance(target, MemoryTarget)
    assert MemoryTarget.stores["by-name"] is target.store


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_option_has_help(kind: str) -> None:
    assert all(option.help and not option.help.endswith(".") for option in describe(kind))
