"""The real servers as session fixtures, one set per xdist worker. Tests share a server: use names of your own in it."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from tests.servers.apache import Apache
from tests.servers.availability import require, unavailable
from tests.servers.canaille import Canaille, venv
from tests.servers.emulate import Emulate
from tests.servers.keycloak import Keycloak
from tests.servers.keycloak_files import distribution
from tests.servers.pki import Pki, make_pki
from tests.servers.postgres import PostgresServer
from tests.servers.process import ServerError
from tests.servers.samba import Samba, may_listen
from tests.servers.scim2_server import Scim2Server
from tests.servers.scimmy import Scimmy
from tests.servers.slapd import BASE_DN, Slapd


def pytest_configure() -> None:
    """Let SIGTERM end a run as Ctrl-C does: fixtures are torn down, and no server outlives its test run."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make_pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="session")
def slapd(tmp_path_factory: pytest.TempPathFactory, pki: Pki) -> Iterator[Slapd]:
    require("slapd")
    server = Slapd.start(tmp_path_factory.mktemp("slapd"), pki)
    yield server
    server.stop()


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


@pytest.fixture(scope="session")
def samba(tmp_path_factory: pytest.TempPathFactory, pki: Pki) -> Iterator[Samba]:
    require("samba")
    if not may_listen():
        unavailable("samba", "its ports are fixed (389 and 636), and this process may not bind them")
    server = Samba.start(tmp_path_factory.mktemp("samba"), pki)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def scim2_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scim2Server]:
    server = Scim2Server.start(tmp_path_factory.mktemp("scim2-server"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def scimmy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scimmy]:
    require("scimmy")
    try:
        server = Scimmy.start(tmp_path_factory.mktemp("scimmy"))
    except ServerError as error:  # no way to npm's registry
        unavailable("scimmy", str(error).replace("\n", " "))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def canaille(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canaille]:
    try:
        venv()
    except ServerError as error:  # no way to a package index
        unavailable("canaille", str(error).replace("\n", " "))
    server = Canaille.start(tmp_path_factory.mktemp("canaille"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def emulate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulate]:
    try:
        server = Emulate.start(tmp_path_factory.mktemp("emulate"))
    except ServerError as error:  # no way to a package index
        unavailable("emulate", str(error).replace("\n", " "))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def keycloak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keycloak]:
    """Heavy: put the tests that use it into the xdist group "keycloak", so that one worker starts it, once."""
    require("keycloak")
    try:
        distribution()
    except ServerError as error:  # no way to Maven Central
        unavailable("keycloak", str(error).replace("\n", " "))
    server = Keycloak.start(tmp_path_factory.mktemp("keycloak"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    require("postgres")
    server = PostgresServer.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def apache_factory() -> Iterator[Callable[[Sequence[tuple[str, str]]], Apache]]:
    """Makes an Apache, not yet started, for a test module to start with an identity provider's metadata and to stop."""
    require("apache")
    made: list[Apache] = []

    def make(attributes: Sequence[tuple[str, str]] = ()) -> Apache:
        made.append(Apache(attributes))
        return made[-1]

    yield make
    for apache in made:
        apache.stop()
