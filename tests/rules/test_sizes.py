"""No file grows beyond what a person reads in one go."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
TO_BE_SPLIT = {"tests/protocol/scim/test_crud.py"}  # debt, not a rule: take the name out once the file is split


def test_no_file_has_more_than_400_lines() -> None:
    files = [*(ROOT / "connector").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    sizes = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in files}
    too_long = {name: size for name, size in sizes.items() if size > 400}
    assert too_long.keys() <= TO_BE_SPLIT, too_long
