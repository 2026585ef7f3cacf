"""Options of targets at the real directories, and Entra's stand-in with the target, for every contract that is kept there."""

from collections.abc import Callable, Iterator

import pytest

from connector.targets.base import Account
from connector.targets.entra_users import EntraUsers
from connector.targets.registry import open_target
from tests.conftest import Clock
from tests.servers.entra_fake import SECRET, EntraFake
from tests.servers.fake import serving
from tests.servers.samba import Samba

OpenEntra = Callable[..., EntraUsers]


@pytest.fixture
def graph() -> Iterator[EntraFake]:
    made = EntraFake()
    with serving(made):
        yield made


@pytest.fixture
def entra(graph: EntraFake, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> OpenEntra:
    """Opens a target at the stand-in, as often as it is called."""
    monkeypatch.setenv("GRAPH_SECRET", SECRET)

    def make(**options: str) -> EntraUsers:
        target = open_target("entra", "entra", graph.options | options, clock=clock)
        assert isinstance(target, EntraUsers)
        return target

    return make


def an_agent(name: str = "bot@contoso.example", **more: object) -> Account:
    """An agent as a user of Entra."""
    attributes = {"userPrincipalName": name, "displayName": "Bot", "mailNickname": "bot", "employeeType": "agent"}
    return Account(attributes={**attributes, **more})  # type: ignore[arg-type]


@pytest.fixture
def domain_options(samba: Samba, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("AD_PASSWORD", samba.bind_password)
    return {**samba.target_options("env:AD_PASSWORD"), "read_timeout": "5"}
