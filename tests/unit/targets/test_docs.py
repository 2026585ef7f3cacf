"""Every target is documented, and every option of it with its default."""

from pathlib import Path

import pytest

from connector.targets.registry import KINDS, describe

DOCS = Path(__file__).parents[3] / "docs" / "targets"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_option_of_a_target_is_documented(kind: str) -> None:
    rows = [line.split("|") for line in (DOCS / f"{kind}.md").read_text().splitlines() if line.startswith("| `")]
    documented = {row[1].strip().strip("`"): row[2].strip() for row in rows}

    for option in describe(kind):
        assert option.name in documented
        if option.default is None:
            assert documented[option.name] == "required"
        elif option.default:
            assert documented[option.name] == f"`{option.default}`"
