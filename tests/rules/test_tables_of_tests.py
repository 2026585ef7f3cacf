"""The tables of docs/complaints.md and docs/reliability.md name tests that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
THERE = {
    name
    for file in (ROOT / "tests").rglob("*.py")
    for name in re.findall(r"^ *def (test_\w+)", file.read_text(), re.MULTILINE)
}


@pytest.mark.parametrize(("page", "rows"), [("complaints.md", 45), ("reliability.md", 15)])
def test_every_row_names_tests_that_exist(page: str, rows: int) -> None:
    lines = [line for line in (ROOT / "docs" / page).read_text().splitlines() if line.startswith("| ")][1:]
    named = {line: re.findall(r"`(test_\w+)`", line) for line in lines}

    assert len(lines) >= rows
    assert {line for line, names in named.items() if not names and "| later |" not in line} == set()
    assert {name for names in named.values() for name in names} - THERE == set()
