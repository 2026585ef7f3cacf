"""The shipped mappings fit the vendors' targets: what they give can be created, leaves nothing to change, and can become something else."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from connector.mapping.load import load, shipped_folder
from connector.mapping.render import render
from connector.mapping.schema import Mapping
from connector.targets.base import Account, Target
from connector.targets.compare import differences, is_nothing
from connector.targets.registry import open_target
from tests.servers import entra_fake, okta_fake, pingone_fake
from tests.servers.entra_agents_fake import EntraAgentsFake
from tests.servers.fake import Fake, serving
from tests.servers.okta_agents_fake import OktaAgentsFake
from tests.servers.pingone_fake import PingOneFake

CASES = Path(__file__).parents[1] / "mappings"

VENDORS: dict[str, type[OktaAgentsFake | EntraAgentsFake | PingOneFake]] = {
    "okta": OktaAgentsFake,
    "entra": EntraAgentsFake,
    "pingone": PingOneFake,
}
SECRETS = {"OKTA_TOKEN": okta_fake.TOKEN, "GRAPH_SECRET": entra_fake.SECRET, "PING_SECRET": pingone_fake.SECRET}


@pytest.fixture(params=["okta", "okta-agents", "entra", "entra-agents", "pingone"])
def opened(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Mapping, Target, Fake]]:
    mapping = load(request.param, [shipped_folder()])
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    fake = VENDORS[mapping.target]()
    with serving(fake):
        if isinstance(fake, EntraAgentsFake):
            fake.objects["u-9"] = {"kind": "user", "id": "u-9", "userPrincipalName": "rosa@example.com"}
        yield mapping, open_target(mapping.target, "t", fake.options, object=mapping.object), fake


def _rendered(mapping: Mapping, case: str) -> Account:
    facts = yaml.safe_load((CASES / Path(mapping.file).stem / f"{case}.yaml").read_text())["facts"]
    return Account(attributes=render(mapping, facts).attributes)


def test_what_a_mapping_gives_is_created_and_leaves_nothing_to_change(
    opened: tuple[Mapping, Target, Fake],
) -> None:
    mapping, target, _ = opened
    wanted = _rendered(mapping, "owned")

    made = target.create(wanted)

    found = target.read(made.id)
    assert found is not None
    for there in (made, found):
        changes = differences(wanted, there, managed=mapping.managed, normalise=target.normalise)
        assert is_nothing(changes), changes
    for rule in mapping.correlate:
        held = wanted.attributes.get(rule.account)
        assert [one.id for one in target.find(rule.account, str(held))] == [made.id], rule.account


def test_an_account_becomes_that_of_another_case_and_back(opened: tuple[Mapping, Target, Fake]) -> None:
    mapping, target, _ = opened
    if Path(mapping.file).stem == "entra-agents":
        pytest.skip("Entra has no agents without a sponsor, and the other case has nobody")
    first, second = _rendered(mapping, "owned"), _rendered(mapping, "bare")
    there = target.create(first)

    for wanted in (second, first):
        changes = differences(wanted, there, managed=mapping.managed, normalise=target.normalise)
        there = target.update(there.id, changes)

        left = differences(wanted, there, managed=mapping.managed, normalise=target.normalise)
        assert not is_nothing(changes)
        assert is_nothing(left), left
