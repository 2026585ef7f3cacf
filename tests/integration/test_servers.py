"""Each real server starts and does the one thing the other tests rely on."""

import ssl
import uuid

import ldap3
import psycopg
import pytest
import requests
from ldap3.core.exceptions import LDAPSocketOpenError

from tests.servers.canaille import Canaille
from tests.servers.pki import Pki
from tests.servers.postgres import PostgresServer
from tests.servers.scim2_server import Scim2Server
from tests.servers.slapd import LOCKED_FOR_GOOD, Slapd

PASSWORD = "correct horse battery"


def unique(stem: str) -> str:
    return f"{stem}-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def person(slapd: Slapd) -> str:
    dn = slapd.add_person(unique("person"))
    slapd.set_password(dn, PASSWORD)
    return dn


def test_slapd_lets_the_connector_bind_over_verified_tls(slapd: Slapd) -> None:
    assert slapd.can_bind(slapd.bind_dn, slapd.bind_password)
    assert not slapd.can_bind(slapd.bind_dn, "wrong")


def test_slapd_presents_a_certificate_of_the_test_ca_on_starttls(slapd: Slapd) -> None:
    tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(slapd.ca_file))
    server = ldap3.Server(slapd.plain_url.replace("127.0.0.1", "localhost"), tls=tls)

    connection = ldap3.Connection(server, slapd.bind_dn, slapd.bind_password, auto_bind=ldap3.AUTO_BIND_TLS_BEFORE_BIND)

    assert connection.tls_started
    connection.unbind()


def test_slapd_takes_a_client_certificate_of_the_test_ca_for_a_sign_in(slapd: Slapd, pki: Pki) -> None:
    certificate, key = pki.client("connector").write(pki.directory, unique("client"))
    tls = ldap3.Tls(str(key), str(certificate), validate=ssl.CERT_REQUIRED, ca_certs_file=str(slapd.ca_file))
    server = ldap3.Server(slapd.url.replace("127.0.0.1", "localhost"), tls=tls)

    connection = ldap3.Connection(server, authentication=ldap3.SASL, sasl_mechanism="EXTERNAL", sasl_credentials="")

    assert connection.bind()
    assert connection.extend.standard.who_am_i() == f"dn:{slapd.bind_dn}"
    connection.unbind()


def test_slapd_refuses_the_bind_of_a_locked_account(slapd: Slapd, person: str) -> None:
    assert slapd.can_bind(person, PASSWORD)

    slapd.modify(person, {"pwdAccountLockedTime": [LOCKED_FOR_GOOD]})

    assert not slapd.can_bind(person, PASSWORD)


def test_slapd_keeps_member_of_in_step_with_groups(slapd: Slapd, person: str) -> None:
    group = f"cn={unique('group')},ou=groups,{slapd.base_dn}"

    slapd.add(group, ["groupOfNames"], {"member": person})

    entry = slapd.entry(person)
    assert entry is not None
    assert entry.attributes["memberOf"] == [group]


def test_slapd_knows_the_agent_object_class(slapd: Slapd) -> None:
    name = unique("agent")

    slapd.add(f"uid={name},ou=agents,{slapd.base_dn}", ["account", "aiAgent"], {"agentId": name})

    assert [entry.attributes["agentId"] for entry in slapd.search(f"(agentId={name})")] == [[name]]


def test_slapd_keeps_its_data_through_an_outage(slapd: Slapd, person: str) -> None:
    slapd.pause()
    with pytest.raises(LDAPSocketOpenError):
        slapd.can_bind(person, PASSWORD)

    slapd.resume()

    assert slapd.can_bind(person, PASSWORD)


def test_slapd_sets_the_password_of_an_entry_without_one(slapd: Slapd) -> None:
    dn = slapd.add(f"uid={unique('agent')},ou=agents,{slapd.base_dn}", ["account", "aiAgent"], {"agentId": "a1"})

    slapd.set_password(dn, PASSWORD)

    assert slapd.can_bind(dn, PASSWORD)


def test_scim2_server_returns_the_user_it_created(scim2_server: Scim2Server) -> None:
    user = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": unique("agent")}

    created = requests.post(f"{scim2_server.url}/Users", json=user, headers=scim2_server.headers, timeout=5)
    read = requests.get(created.json()["meta"]["location"], headers=scim2_server.headers, timeout=5)

    assert created.status_code == 201
    assert read.json()["userName"] == user["userName"]


def test_scim2_server_refuses_a_request_without_its_token(scim2_server: Scim2Server) -> None:
    assert requests.get(f"{scim2_server.url}/Users", timeout=5).status_code == 401


def test_canaille_returns_the_person_created_by_scim(canaille: Canaille) -> None:
    name = unique("person")

    canaille_id = canaille.add_person(name)
    read = requests.get(f"{canaille.url}/Users/{canaille_id}", headers=canaille.headers, timeout=10)

    assert read.status_code == 200
    assert read.json()["userName"] == name


def test_canaille_keeps_its_people_through_an_outage(canaille: Canaille) -> None:
    canaille_id = canaille.add_person(unique("person"))

    canaille.pause()
    canaille.resume()

    address = f"{canaille.url}/Users/{canaille_id}"
    assert requests.get(address, headers=canaille.headers, timeout=10).status_code == 200
    assert requests.get(address, timeout=10).status_code == 401


def test_postgres_answers_in_a_database_of_its_own(postgres_server: PostgresServer) -> None:
    name = unique("own")

    url = postgres_server.create_database(name)

    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == (name,)
    postgres_server.drop_database(name)
