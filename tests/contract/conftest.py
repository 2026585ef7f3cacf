"""Options of targets at the real directories, for every contract that is kept there."""

import pytest

from tests.servers.samba import Samba


@pytest.fixture
def domain_options(samba: Samba, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("AD_PASSWORD", samba.bind_password)
    return {
        "url": samba.url,
        "ca_file": str(samba.ca_file),
        "bind_dn": samba.bind_dn,
        "password": "env:AD_PASSWORD",
        "accounts_base": samba.agents,
        "groups_base": samba.groups,
        "people_base": samba.people,
        "read_timeout": "5",
    }
