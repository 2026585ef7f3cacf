"""A heavy server is started by one worker: every file whose tests use one is in its group."""

import re
from pathlib import Path

import pytest

from tests.servers.groups import group_of

TESTS = Path(__file__).parents[1]
USES = {"keycloak": re.compile(r"\bkeycloak: Keycloak\b")}


@pytest.mark.parametrize("group", sorted(USES))
def test_the_tests_of_a_heavy_server_are_in_its_group(group: str) -> None:
    users = [file for file in TESTS.rglob("test_*.py") if USES[group].search(file.read_text())]

    assert users
    assert {file.name: group_of(file) for file in users} == {file.name: group for file in users}


def test_a_file_without_a_group_is_in_none() -> None:
    assert group_of(TESTS / "unit" / "test_settings.py") == ""
