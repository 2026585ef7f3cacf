"""The catalogue file: every problem is told at once, by where it is."""

from pathlib import Path

import pytest

from connector.core.errors import Misconfigured
from connector.edges.scim.catalogue_file import Catalogue, read
from connector.parts import assemble
from connector.settings import Settings


def wrong(path: Path, text: str) -> list[str]:
    path.write_text(text)
    with pytest.raises(Misconfigured) as raised:
        read(path)
    return [problem.removeprefix(f"{path}: ") for problem in raised.value.problems]


def test_no_file_is_an_empty_catalogue() -> None:
    assert read(None) == Catalogue()


def test_wrong_keys_and_values_are_told_together(tmp_path: Path) -> None:
    text = """
accept = "some"
[[roles]]
value = 1
colour = "red"
[[roles]]
value = " "
supported = "yes"
[[entitlements]]
totalAssignmentsPermitted = -1
"""
    told = wrong(tmp_path / "c.toml", text)

    assert [one.partition(":")[0] for one in told] == [
        "accept",
        "roles[0].value",
        "roles[0].colour",
        "roles[1].value",
        "roles[1].supported",
        "entitlements[0].value",
        "entitlements[0].totalAssignmentsPermitted",
    ]
    assert "there is no such key; there are value, display" in told[2]
    assert told[5].endswith("is required")


def test_entries_that_contradict_each_other_are_told_together(tmp_path: Path) -> None:
    text = """
[[roles]]
value = "a"
primary = true
contains = ["A", "b", "c"]
[[roles]]
value = "B"
primary = true
[[roles]]
value = "b"
limitedAssignmentsPermitted = false
totalAssignmentsPermitted = 3
"""
    assert wrong(tmp_path / "c.toml", text) == [
        "roles[2].value: 'b' is roles[1] already (case does not count)",
        "roles[2].totalAssignmentsPermitted: limitedAssignmentsPermitted is false",
        "roles[0].contains: 'A' is not the value of another entry of roles",
        "roles[0].contains: 'c' is not the value of another entry of roles",
        "roles: primary is true of more than one entry",
    ]


def test_a_file_that_is_not_there_or_no_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot read .*absent.toml: No such file"):
        read(tmp_path / "absent.toml")
    assert "end of document" in wrong(tmp_path / "c.toml", "roles = [")[0]


def test_the_service_does_not_start_with_a_wrong_file(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("[[roles]]")
    with pytest.raises(Misconfigured, match=r"roles\[0\].value: is required"):
        assemble(Settings(data_dir=tmp_path / "var", catalogue_file=path))
    assert not (tmp_path / "var").exists()
