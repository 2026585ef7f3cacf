"""The SCIM target against SCIMMY: whole lists in one page, filters that mind the case and refuse an escaped quote."""

from collections.abc import Iterator

import pytest

from connector.targets.base import Target
from connector.targets.registry import open_target
from tests.contract.directory_contract import ChangesContract, DirectoryContract
from tests.contract.target_contract import GroupContract
from tests.servers.scimmy import Scimmy


class TestScimmy(GroupContract, DirectoryContract, ChangesContract):
    @pytest.fixture
    def target(self, scimmy: Scimmy, monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
        monkeypatch.setenv("SCIM_TOKEN", scimmy.token)
        yield open_target("scim", "scimmy", {"url": scimmy.url, "token": "env:SCIM_TOKEN"})
