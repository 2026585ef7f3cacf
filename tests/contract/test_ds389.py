"""The LDAP target keeps the contract at a real 389 Directory Server too, which locks accounts its own way."""

from collections.abc import Iterator

import ldap3
import pytest

from connector.targets.base import Account, PersonTarget
from connector.targets.ldap import LdapTarget
from connector.targets.registry import open_target
from tests.contract.target_contract import GroupContract, Shape
from tests.servers.availability import require
from tests.servers.ds389 import BASE_DN, BIND_DN, BIND_PASSWORD, Ds389

pytestmark = pytest.mark.xdist_group("ds389")


@pytest.fixture(scope="module")
def directory() -> Iterator[Ds389]:
    require("ds389")
    server = Ds389.start()
    with _connected(server) as root:
        for unit in ("people", "agents", "groups"):
            root.add(f"ou={unit},{BASE_DN}", ["organizationalUnit"])
        person = {"cn": "Ada", "sn": "Lovelace", "mail": "ada@x.example"}
        root.add(f"uid=ada,ou=people,{BASE_DN}", ["inetOrgPerson"], person)
    yield server
    server.stop()


def _connected(server: Ds389) -> ldap3.Connection:
    tls = ldap3.Tls(validate=2, ca_certs_file=str(server.ca_file))
    return ldap3.Connection(ldap3.Server(server.url, tls=tls), BIND_DN, BIND_PASSWORD, auto_bind=True)


@pytest.fixture
def target(directory: Ds389, monkeypatch: pytest.MonkeyPatch) -> Iterator[LdapTarget]:
    monkeypatch.setenv("DS_PASSWORD", directory.bind_password)
    options = {
        "url": directory.url,
        "ca_file": str(directory.ca_file),
        "bind_dn": directory.bind_dn,
        "password": "env:DS_PASSWORD",
        "accounts_base": f"ou=agents,{BASE_DN}",
        "groups_base": f"ou=groups,{BASE_DN}",
        "people_base": f"ou=people,{BASE_DN}",
        "placeholder": f"cn=nobody,{BASE_DN}",
        "disabled_by": "nsAccountLock",
    }
    opened = open_target("ldap", "directory", options)
    assert isinstance(opened, LdapTarget)
    yield opened
    opened.close()


class Test389Target(GroupContract):
    @pytest.fixture
    def shape(self) -> Shape:
        fixed: dict[str, object] = {"objectClass": ["inetOrgPerson", "aiAgent"], "cn": "bot", "sn": "(agent)"}
        return Shape(handle="uid", fixed=fixed, address="uid")


def test_who_is_disabled_cannot_sign_in_and_can_again_afterwards(target: LdapTarget, directory: Ds389) -> None:
    values = {"objectClass": ["inetOrgPerson", "aiAgent"], "uid": "locked", "cn": "bot", "sn": "(agent)"}
    made = target.create(Account(name="uid=locked", attributes={**values, "userPassword": "pass-word-1"}))  # type: ignore[arg-type]

    assert _binds(directory, "locked")
    assert not target.set_active(made.id, False).active
    assert not _binds(directory, "locked")
    assert target.set_active(made.id, True).active
    assert _binds(directory, "locked")


def test_it_says_who_it_is_and_finds_people(target: LdapTarget) -> None:
    assert target.check().startswith("389 Project at ldaps://localhost")
    assert isinstance(target, PersonTarget)
    assert target.find_person("mail", "ada@x.example") == [f"uid=ada,ou=people,{BASE_DN}"]


def _binds(server: Ds389, uid: str) -> bool:
    tls = ldap3.Tls(validate=2, ca_certs_file=str(server.ca_file))
    connection = ldap3.Connection(ldap3.Server(server.url, tls=tls), f"uid={uid},ou=agents,{BASE_DN}", "pass-word-1")
    try:
        return bool(connection.bind())
    finally:
        connection.unbind()
