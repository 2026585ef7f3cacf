"""Every target is documented, and every option of it."""

from pathlib import Path

import pytest

from connector.targets.registry import KINDS, describe

DOCS = Path(__file__).parents[3] / "docs" / "targets"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_option_of_a_target_is_documented(kind: str) -> None:
    rows = [line.split("|")[1] for line in (DOCS / f"{kind}.md").read_text().splitlines() if line.startswith("| `")]
    documented = {word.strip().strip("`") for row in rows for word in row.split(",")}

    assert {option.name for option in describe(kind)} <= documented
