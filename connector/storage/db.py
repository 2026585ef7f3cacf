"""The database: engine, transactions, migrations. SQLite in one file by default, PostgreSQL by URL; the same code on both."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from connector.core.clock import Clock, to_text, utc_now
from connector.core.errors import Invalid, Misconfigured, Unavailable
from connector.core.ids import NewId, new_id
from connector.core.query import comparison_key

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_SECONDS = 30
_RETRIED = ("40001", "40P01", "55P03")  # PostgreSQL: serialization failure, deadlock, lock not available


@dataclass(frozen=True)
class Transaction:
    """One transaction: the connection, the moment it began at, and where new ids come from."""

    connection: sa.Connection
    moment: datetime
    new_id: NewId

    @property
    def now(self) -> str:
        return to_text(self.moment)

    @property
    def sqlite(self) -> bool:
        return self.connection.dialect.name == "sqlite"

    def execute(self, statement: sa.Executable, parameters: Any = None) -> sa.CursorResult[*tuple[Any, ...]]:
        return self.connection.execute(statement, parameters)


class Database:
    """Opens transactions. Safe to share between threads; a forked or spawned process makes its own."""

    def __init__(self, url: str, *, clock: Clock = utc_now, new_id: NewId = new_id) -> None:
        self.url = sa.make_url(url)
        self.clock = clock
        self._new_id = new_id
        self.engine = _engine(self.url)
        self.sqlite = self.url.get_backend_name() == "sqlite"

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Read and write; commits durably at the end, rolls back on any exception.

        Unavailable where the database cannot be reached, or where two transactions stood in each other's way.
        """
        with self._begin(writing=True) as transaction:
            yield transaction

    @contextmanager
    def snapshot(self) -> Iterator[Transaction]:
        """Read only."""
        with self._begin(writing=False) as transaction:
            yield transaction

    @contextmanager
    def _begin(self, *, writing: bool) -> Iterator[Transaction]:
        try:
            with self.engine.connect() as connection:
                if writing:
                    connection.execution_options(sqlite_immediate=True)  # PostgreSQL does not look at it
                elif not self.sqlite:  # every statement is to see the same state, as on SQLite
                    connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                with connection.begin():
                    yield Transaction(connection, self.clock(), self._new_id)
        except sa.exc.OperationalError as problem:
            unavailable = _unavailable(problem)
            if unavailable is None:
                raise
            raise unavailable from problem
        except sa.exc.DataError as problem:  # PostgreSQL keeps no U+0000 in a text
            detail = "a value holds something that the database cannot keep, such as the character U+0000"
            raise Invalid(detail) from problem

    def upgrade(self) -> None:
        """Bring the schema up to date; makes it in an empty database. Two processes at once do no harm."""
        with self.engine.connect() as connection:
            connection.execution_options(sqlite_immediate=True)
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('agent-idp-connector'))"))
                config = _alembic()
                config.attributes["connection"] = connection
                command.upgrade(config, "head")

    def check_schema(self) -> None:
        """Misconfigured where the schema is not the one that this version needs."""
        with self.engine.connect() as connection:
            present = MigrationContext.configure(connection).get_current_revision()
        wanted = ScriptDirectory.from_config(_alembic()).get_current_head()
        if present != wanted:
            raise Misconfigured(
                "The database does not have this version's schema.",
                [f"it is at {present or 'nothing'}, {wanted} is needed: run `connector db upgrade`"],
            )

    def close(self) -> None:
        self.engine.dispose()


def _unavailable(problem: sa.exc.OperationalError) -> Unavailable | None:
    busy = Unavailable("the database is busy with another change; try again", retry_after=1)
    if isinstance(problem.orig, sqlite3.Error):
        return busy if problem.orig.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) else None
    code = getattr(problem.orig, "sqlstate", None)
    if code in _RETRIED:
        return busy
    if code is None or code.startswith(("08", "57P")):
        return Unavailable("the database does not answer", retry_after=5)
    return None


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


def _engine(url: sa.URL) -> sa.Engine:
    if url.get_backend_name() == "sqlite":
        engine = sa.create_engine(url, pool_size=16, max_overflow=32, connect_args={"timeout": _BUSY_SECONDS})
        sa.event.listen(engine, "connect", _configure_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
        return engine
    return sa.create_engine(url, pool_size=16, max_overflow=32, pool_pre_ping=True)


def _configure_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, see _begin_sqlite
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        "mmap_size=268435456",
    ):
        connection.execute(f"PRAGMA {pragma}")
    connection.create_function(
        "fold", 1, lambda text: None if text is None else comparison_key(str(text)), deterministic=True
    )


def _begin_sqlite(connection: sa.Connection) -> None:
    # A transaction that reads first and writes later would fail with "locked" at the write: take the write lock at once.
    immediate = connection.get_execution_options().get("sqlite_immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
