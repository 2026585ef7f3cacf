"""The checklist of docs/scim-checklist.md names tests that exist, and no point is left out."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINES = [
    re.fullmatch(r"\| (\d+) \| .+ \| (.+) \|", line)
    for line in (ROOT / "docs" / "scim-checklist.md").read_text().splitlines()
]
POINTS = {int(line[1]): re.findall(r"`(test_\w+)`", line[2]) for line in LINES if line}


def test_every_point_of_the_checklist_has_tests_that_exist() -> None:
    files = (ROOT / "tests" / "protocol" / "scim").glob("test_*.py")
    there = {name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)}

    assert list(POINTS) == list(range(1, 86))
    assert {number: names for number, names in POINTS.items() if not names or set(names) - there} == {}
