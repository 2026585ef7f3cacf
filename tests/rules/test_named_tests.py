"""Pages that claim something and name the tests that show it: each of those tests exists, and no claim is without one."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LATER = "later"  # the mark of a row about what is not there yet
PAGES = ["reliability.md", "complaints.md"]


def rows(page: str) -> list[list[str]]:
    """The cells of each row of the tables whose last column is `shown by`."""
    found, inside = [], False
    for line in (ROOT / "docs" / page).read_text().splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] if line.startswith("|") else []
        if not cells:
            inside = False
        elif cells[-1] == "shown by":
            inside = True
        elif inside and not set(cells[0]) <= {"-"}:
            found.append(cells)
    return found


@pytest.mark.parametrize("page", PAGES)
def test_every_claim_names_tests_that_exist(page: str) -> None:
    files = (ROOT / "tests").rglob("*.py")
    there = {name for file in files for name in re.findall(r"^ *def (test_\w+)", file.read_text(), re.MULTILINE)}

    claims = rows(page)

    assert len(claims) > 10
    named = {cells[0]: re.findall(r"`(test_\w+)`", cells[-1]) for cells in claims if not cells[-1].startswith(LATER)}
    assert {claim: tests for claim, tests in named.items() if not tests or set(tests) - there} == {}
