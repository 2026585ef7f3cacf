"""Every shipped mapping against its golden cases: `tests/mappings/<mapping>/<case>.yaml`, facts -> expected account."""

from pathlib import Path

import pytest
import yaml

from connector.mapping.load import load, shipped_folder
from connector.mapping.render import correlators, group_names, render
from connector.mapping.schema import json_schema_text

HERE = Path(__file__).parent
CASES = sorted(HERE.glob("*/*.yaml"))
SHIPPED = sorted(path.stem for path in shipped_folder().glob("*.yaml"))


@pytest.mark.parametrize("case", CASES, ids=[f"{path.parent.name}-{path.stem}" for path in CASES])
def test_the_mapping_gives_the_golden_account(case: Path, request: pytest.FixtureRequest) -> None:
    document = yaml.safe_load(case.read_text())
    mapping = load(case.parent.name, [shipped_folder()])

    rendered = render(mapping, document["facts"])

    given = {
        "name": rendered.name,
        "attributes": dict(rendered.attributes),
        "correlate": [[key.attribute, key.value] for key in correlators(mapping, document["facts"])],
        "groups": list(group_names(mapping, document["facts"])),
    }
    if request.config.getoption("--update", default=False):
        document["expected"] = given
        case.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120))
    assert given == document["expected"]


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_mapping_has_golden_cases(name: str) -> None:
    assert len(list((HERE / name).glob("*.yaml"))) >= 2


def test_the_schema_for_editors_is_in_step_with_the_loader() -> None:
    written = (shipped_folder() / "schema.json").read_text()

    assert written == json_schema_text(), "run python -m connector.mapping.schema"
