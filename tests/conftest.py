"""Wires the real servers into pytest, and gives tests one deployment on a fresh database, on SQLite and on PostgreSQL."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask

from connector.app import create_app
from connector.domain import client_access, clients
from connector.domain.unit import SYSTEM
from connector.parts import Parts, assemble
from connector.settings import Settings
from connector.storage import audit
from connector.storage.db import Database
from tests.edge_client import EdgeClient
from tests.servers.availability import pytest_terminal_summary
from tests.servers.migrated import MigratedDatabases
from tests.servers.postgres import PostgresServer

__all__ = ["pytest_terminal_summary"]

pytest_plugins = ["tests.servers.fixtures", "tests.servers.groups"]

BASE_URL = "https://connector.example"
_numbers = itertools.count(1)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2027, 3, 1, 12, 0, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database that the migrations have made, to be copied: making one for each test takes as long as the test."""
    file = tmp_path_factory.mktemp("migrated") / "connector.db"
    made = Database(f"sqlite:///{file}")
    made.upgrade()
    made.close()
    return file


@pytest.fixture(scope="session")
def migrated_databases(postgres_server: PostgresServer) -> MigratedDatabases:
    """The same on PostgreSQL."""
    return MigratedDatabases(postgres_server)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with the present schema and nothing in it."""
    if request.param == "sqlite":
        file = tmp_path / "connector.db"
        shutil.copyfile(request.getfixturevalue("migrated_file"), file)
        yield f"sqlite:///{file}"
        return
    databases = request.getfixturevalue("migrated_databases")
    name = databases.take()
    yield request.getfixturevalue("postgres_server").database_url(name)
    databases.give_back(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without a schema."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server = request.getfixturevalue("postgres_server")
    name = f"empty_{next(_numbers)}"
    yield server.create_database(name)
    server.drop_database(name)


@pytest.fixture
def database(database_url: str, clock: Clock) -> Iterator[Database]:
    """A migrated database."""
    made = Database(database_url, clock=clock)
    made.upgrade()
    yield made
    made.close()


@pytest.fixture(scope="session")
def keys_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys for every deployment of the session: making RSA keys takes long."""
    return tmp_path_factory.mktemp("keys")


@pytest.fixture
def parts(database_url: str, keys_dir: Path, tmp_path: Path, clock: Clock) -> Iterator[Parts]:
    """One deployment; its clock is the fixture `clock`."""
    settings = Settings(data_dir=tmp_path, database_url=database_url, keys_dir=keys_dir, base_url=BASE_URL)
    made = assemble(settings, clock=clock)
    made.domain.database.upgrade()
    yield made
    made.domain.database.close()


@pytest.fixture
def app(parts: Parts) -> Flask:
    return create_app(parts)


@pytest.fixture
def new_client(app: Flask, parts: Parts) -> Callable[..., EdgeClient]:
    """Makes an inbound client with a static bearer: `new_client("hr", scopes={"scim:read"}, dialect="superset")`."""

    def make(name: str, scopes: frozenset[str] | set[str] = frozenset({"scim"}), **options: str) -> EdgeClient:
        with parts.domain.change(SYSTEM) as unit:
            clients.create(unit, name, frozenset(scopes), static_bearer=True, **options)
            bearer = client_access.issue_bearer(unit, name).secret
        return EdgeClient(app.test_client(), bearer)

    return make


@pytest.fixture
def client(new_client: Callable[..., EdgeClient]) -> EdgeClient:
    """A client with the scope scim, the default profile and the dialect wzdk."""
    return new_client("workforce-idp")


@pytest.fixture
def events(parts: Parts) -> Callable[[], list[str]]:
    """The actions in the audit log, oldest first."""

    def actions() -> list[str]:
        with parts.domain.view() as unit:
            return [event.action for event in audit.events(unit.tx)]

    return actions
