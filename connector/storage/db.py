"""The database: engine, transactions, migrations. SQLite in one file by default, PostgreSQL by URL; the same code on both."""

import sqlite3
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from connector.core.clock import Clock, to_text, utc_now
from connector.core.errors import Misconfigured, Unavailable
from connector.core.ids import NewId, new_id
from connector.core.query import comparison_key
from connector.storage.failures import busy, translated
from connector.storage.folding import create_fold
from connector.storage.group_commit import GroupCommit
from connector.storage.session import Session

SCHEMA = "0010"  # the newest file of migrations/versions; a test compares them
_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_SECONDS = 30
_SESSIONS = 48
# Reading first and writing later, a transaction of SQLite could not get the lock any more; PostgreSQL is to show one state to all
# statements of a reader, as SQLite does. None is a single statement, which is a transaction by itself.
_BEGIN = {
    ("sqlite", True): "BEGIN IMMEDIATE",
    ("sqlite", False): "BEGIN",
    ("sqlite", None): None,
    ("postgresql", True): "BEGIN",
    ("postgresql", False): "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    ("postgresql", None): None,
}


class Transaction:
    """One transaction: the moment it began at, where new ids come from, and two ways to run statements."""

    def __init__(self, session: Session, engine: sa.Engine, moment: datetime, new_id: NewId) -> None:
        self.engine = engine
        self.dialect = engine.dialect.name
        self.sqlite = self.dialect == "sqlite"
        self.moment = moment
        self.new_id = new_id
        self._session = session
        self._driver = session.driver
        self._violation = engine.dialect.loaded_dbapi.IntegrityError
        self._put_off: list[tuple[str, Any]] = []

    @cached_property
    def now(self) -> str:
        return to_text(self.moment)

    def execute(self, statement: sa.Executable, parameters: Any = None) -> sa.CursorResult[*tuple[Any, ...]]:
        """Run a Core statement, which sees what was put off."""
        if self._put_off:
            self.flush()
        return self._session.connection.execute(statement, parameters)

    @property
    def connection(self) -> sa.Connection:
        """For SQLAlchemy's inspector."""
        return self._session.connection

    def run(self, text: str, values: Any) -> Any:
        """Run a prepared statement's text; the driver's cursor."""
        try:
            return self._driver.execute(text, values)
        except self._violation as problem:
            raise sa.exc.IntegrityError(text, None, problem) from problem

    def put_off(self, text: str, values: Any) -> None:
        """Run a prepared statement's text at the end of the transaction, in one go with its like: a Bulk has a hundred of them."""
        self._put_off.append((text, values))

    def flush(self) -> None:
        """Run what was put off."""
        alike: dict[str, list[Any]] = {}
        for text, values in self._put_off:
            alike.setdefault(text, []).append(values)
        self._put_off.clear()
        for text, rows in alike.items():
            if len(rows) == 1:
                self.run(text, rows[0])
            else:
                self._driver.cursor().executemany(text, rows)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What happens inside is undone where it raises, and the transaction goes on."""
        self.flush()  # what came before stays, whatever becomes of this
        self._driver.execute("SAVEPOINT step")
        try:
            yield
        except BaseException:
            self._put_off.clear()
            self._driver.execute("ROLLBACK TO SAVEPOINT step")
            self._driver.execute("RELEASE SAVEPOINT step")
            raise
        self._driver.execute("RELEASE SAVEPOINT step")


class Database:
    """Opens transactions. Safe to share between threads; a forked or spawned process makes its own."""

    def __init__(self, url: str, *, clock: Clock = utc_now, new_id: NewId = new_id) -> None:
        self.url = sa.make_url(url)
        self.clock = clock
        self._new_id = new_id
        self.engine = _engine(self.url)
        self._own = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self.dialect = self.url.get_backend_name()
        self._idle: deque[Session] = deque()
        self._writers = (
            self._group_commit(self.url.database) if self.dialect == "sqlite" and self.url.database else None
        )

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Read and write; commits durably at the end, rolls back on any exception.

        Unavailable where the database cannot be reached, or where two transactions stood in each other's way.
        """
        if self._writers is None:
            with self._begun(writing=True) as transaction:
                yield transaction
            return
        try:
            with self._writers.turn() as session:
                transaction = Transaction(session, self._own, self.clock(), self._new_id)
                yield transaction
                transaction.flush()
        except Exception as problem:
            meant = translated(problem)
            if meant is None:
                raise
            raise meant from problem

    def snapshot(self) -> AbstractContextManager[Transaction]:
        """Read only; every statement sees the same state."""
        return self._begun(writing=False)

    def glance(self) -> AbstractContextManager[Transaction]:
        """For one reading statement: it is a transaction by itself, which spares PostgreSQL two messages."""
        return self._begun(writing=None)

    @contextmanager
    def _begun(self, *, writing: bool | None) -> Iterator[Transaction]:
        session = None
        try:
            session = self._begin(_BEGIN[self.dialect, writing])
            transaction = Transaction(session, self._own, self.clock(), self._new_id)
            yield transaction
            transaction.flush()
            session.end("COMMIT" if writing is not None else None)
        except BaseException as problem:
            if session is not None:
                self._roll_back(session, begun=writing is not None)
            meant = translated(problem)
            if meant is None:
                raise
            raise meant from problem
        self._idle.append(session)

    def _group_commit(self, file: str) -> GroupCommit:
        def commit(session: Session) -> None:
            session.end("COMMIT")
            self._idle.append(session)

        return GroupCommit(
            file,
            lambda: self._begin(_BEGIN["sqlite", True]),
            commit,
            lambda session: self._roll_back(session, begun=True),
        )

    def _begin(self, statement: str | None) -> Session:
        while self._idle:
            with suppress(IndexError):  # another thread took the last one
                session = self._idle.pop()
                if session.begin(statement):
                    return session
                self._forget(session)  # the server was restarted since; a fresh connection tells whether it is back
        session = Session(self._own)
        if not session.begin(statement):
            self._forget(session)
            raise busy()
        return session

    def _roll_back(self, session: Session, *, begun: bool) -> None:
        try:
            session.end("ROLLBACK" if begun else None)
        except (sa.exc.SQLAlchemyError, self._own.dialect.loaded_dbapi.Error):
            self._forget(session)
        else:
            if session.broken:  # where nothing was begun, ending it notices nothing
                self._forget(session)
            else:
                self._idle.append(session)

    def _forget(self, session: Session) -> None:
        """Where one connection is broken the others are, too."""
        session.discard()
        while self._idle:
            with suppress(IndexError):
                self._idle.pop().discard()

    def upgrade(self) -> None:
        """Bring the schema up to date; makes it in an empty database. Two processes at once do no harm."""
        if self._schema() == SCHEMA:
            return
        from alembic import command  # imported here: only this needs it, and it takes long to load

        with self.engine.connect() as connection:
            connection.execution_options(sqlite_immediate=True)
            with connection.begin():
                if self.dialect == "postgresql":
                    connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('agent-idp-connector'))"))
                create_fold(connection)
                config = _alembic()
                config.attributes["connection"] = connection
                command.upgrade(config, "head")

    def check_schema(self) -> None:
        """Misconfigured where the schema is not the one that this version needs, Unavailable where there is no database."""
        present = self._schema()
        if present != SCHEMA:
            raise Misconfigured(
                "The database does not have this version's schema.",
                [f"it is at {present or 'nothing'}, {SCHEMA} is needed: run `connector db upgrade`"],
            )

    def _schema(self) -> str | None:
        """Read without Alembic, which every command would wait for."""
        try:
            with self.snapshot() as tx:
                marked = sa.inspect(tx.connection).has_table("alembic_version")
                return tx.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() if marked else None
        except Unavailable as problem:
            reason = getattr(problem.__cause__, "orig", problem.__cause__)
            problem.add_note(f"{self.url.render_as_string(hide_password=True)}: {reason}")
            raise

    def tidy(self) -> None:
        """Copy SQLite's write-ahead log into the database, so that no writer has to when it commits."""
        if self.dialect == "sqlite":
            with self.glance() as transaction:
                transaction.run("PRAGMA wal_checkpoint(PASSIVE)", ()).fetchall()

    def close(self) -> None:
        while self._idle:
            self._idle.pop().discard()
        self.engine.dispose()


def _alembic() -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


def _engine(url: sa.URL) -> sa.Engine:
    options: dict[str, Any] = {"pool_size": _SESSIONS, "max_overflow": 0, "hide_parameters": True}
    if url.get_backend_name() == "sqlite":
        engine = sa.create_engine(url, **options, connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False})
        sa.event.listen(engine, "connect", _configure_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
        return engine
    return sa.create_engine(url, **options)


def _configure_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        "mmap_size=67108864",
        "wal_autocheckpoint=8000",  # pages; where workers run they do it before, see Database.tidy
    ):
        connection.execute(f"PRAGMA {pragma}")
    connection.create_function(
        "fold", 1, lambda text: None if text is None else comparison_key(str(text)), deterministic=True
    )


def _begin_sqlite(connection: sa.Connection) -> None:
    migrating = connection.get_execution_options().get("sqlite_immediate", False)
    if migrating:  # all others begin by themselves
        connection.exec_driver_sql("BEGIN IMMEDIATE")
