"""The SCIM target against Canaille: no filters, no unique errors, names that never change, members by userName."""

from collections.abc import Iterator

import pytest

from connector.targets.base import Account, Target
from connector.targets.registry import open_target
from tests.contract.directory_contract import DirectoryContract
from tests.contract.target_contract import GroupContract, Shape
from tests.servers.canaille import Canaille


class TestCanaille(GroupContract, DirectoryContract):
    @pytest.fixture
    def shape(self) -> Shape:
        fixed = {"name.familyName": "(agent)", "name.formatted": "(agent)"}
        return Shape(fixed=fixed, handle_is_fixed=True, keeps_empty_groups=False)

    @pytest.fixture
    def target(self, canaille: Canaille, monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
        monkeypatch.setenv("CANAILLE_TOKEN", canaille.token)
        options = {"url": canaille.url, "token": "env:CANAILLE_TOKEN", "profile": "canaille"}
        yield open_target("scim", "canaille", options)

    def test_what_it_drops_is_no_difference(self, target: Target) -> None:
        wanted = Account(attributes={"userName": "a", "externalId": "1", "userType": "Agent"})

        assert target.normalise(wanted).attributes == {"userName": "a"}
