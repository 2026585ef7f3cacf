"""Options of targets at the real directories, for every contract that is kept there."""

import pytest

from tests.servers.samba import Samba
from tests.servers.slapd import BASE_DN, Slapd


@pytest.fixture
def ldap_options(slapd: Slapd, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("LDAP_PASSWORD", slapd.bind_password)
    return {
        "url": slapd.url,
        "ca_file": str(slapd.ca_file),
        "bind_dn": slapd.bind_dn,
        "password": "env:LDAP_PASSWORD",
        "accounts_base": f"ou=agents,{BASE_DN}",
        "groups_base": f"ou=groups,{BASE_DN}",
        "people_base": f"ou=people,{BASE_DN}",
        "placeholder": f"cn=nobody,{BASE_DN}",
        "read_timeout": "5",
    }


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
