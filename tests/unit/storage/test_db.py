"""Transactions and the sessions behind them: nothing half-done stays, and no broken session is handed out for long."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest
import sqlalchemy as sa

from connector.core.errors import Unavailable
from connector.storage.db import Database, Transaction
from tests.servers.postgres import PostgresServer

# Says that it holds the queue, and holds it until it is killed.
_HOLDER = """
import sys, time
from connector.storage.db import Database
with Database(sys.argv[1]).transaction():
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def notes(database: Database) -> Iterator[Database]:
    """The database with a small table of its own."""
    with database.transaction() as tx:
        tx.execute(sa.text("CREATE TABLE notes (note VARCHAR(20) PRIMARY KEY)"))
    return database


@pytest.fixture
def postgres_notes(notes: Database) -> Database:
    if notes.dialect != "postgresql":
        pytest.skip("a connection to a server is needed")
    return notes


def write(tx: Transaction, note: str) -> None:
    tx.execute(sa.text("INSERT INTO notes VALUES (:note)"), {"note": note})


def read(database: Database) -> list[str]:
    with database.snapshot() as tx:
        return list(tx.execute(sa.text("SELECT note FROM notes ORDER BY note")).scalars())


def glanced(database: Database) -> int:
    with database.glance() as tx:
        return int(tx.run("SELECT count(*) FROM notes", ()).fetchone()[0])


def cut(database: Database) -> None:
    """The server ends every connection to this database."""
    url = database.url
    with psycopg.connect(
        host=url.host, port=url.port, user=url.username, dbname="postgres", autocommit=True
    ) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", (url.database,)
        )


def sessions(database: Database) -> int:
    """How many connections are taken from SQLAlchemy's pool: idle sessions and lost ones."""
    return int(database.engine.pool.checkedout())  # type: ignore[attr-defined]


def test_an_exception_undoes_the_whole_transaction_and_its_session_serves_the_next(notes: Database) -> None:
    for number in range(60):  # more than there are sessions
        with pytest.raises(ZeroDivisionError), notes.transaction() as tx:
            write(tx, f"n{number}")
            raise ZeroDivisionError

    assert read(notes) == []
    assert sessions(notes) == 1


def test_a_statement_that_fails_leaves_no_session_in_a_failed_transaction(notes: Database) -> None:
    with notes.transaction() as tx:
        write(tx, "a")
    for _ in range(60):
        with pytest.raises(sa.exc.IntegrityError), notes.transaction() as tx:
            write(tx, "b")
            write(tx, "a")
        with pytest.raises(sa.exc.DBAPIError), notes.snapshot() as tx:
            tx.execute(sa.text("SELECT nothing FROM notes"))
        with pytest.raises(sa.exc.DBAPIError), notes.glance() as tx:
            tx.execute(sa.text("SELECT nothing FROM notes"))

    assert read(notes) == ["a"]
    assert sessions(notes) == 1


def test_a_generator_that_is_closed_amid_a_transaction_gives_its_session_back(notes: Database) -> None:
    def streaming() -> Iterator[str]:
        with notes.transaction() as tx:
            write(tx, "half")
            yield "first"
            yield "second"

    stream = streaming()
    assert next(stream) == "first"
    stream.close()

    assert read(notes) == []
    assert sessions(notes) == 1


def test_a_savepoint_undoes_its_own_part_only(notes: Database) -> None:
    with notes.transaction() as tx:
        write(tx, "kept")
        with pytest.raises(sa.exc.IntegrityError), tx.savepoint():
            write(tx, "undone")
            write(tx, "kept")
        with tx.savepoint():
            write(tx, "outer")
            with pytest.raises(ZeroDivisionError), tx.savepoint():
                write(tx, "inner")
                raise ZeroDivisionError

    assert read(notes) == ["kept", "outer"]


def test_a_transaction_that_swallowed_a_failure_is_not_acknowledged_where_nothing_was_kept(notes: Database) -> None:
    try:
        with notes.transaction() as tx:
            write(tx, "a")
            with pytest.raises(sa.exc.IntegrityError):  # PostgreSQL will answer the COMMIT with ROLLBACK
                write(tx, "a")
        acknowledged = True
    except RuntimeError:
        acknowledged = False

    assert read(notes) == (["a"] if acknowledged else [])


def test_threads_share_the_sessions_and_every_write_is_kept(notes: Database) -> None:
    start = Barrier(8)

    def work(thread: int) -> None:
        start.wait()
        for number in range(20):
            with notes.transaction() as tx:
                write(tx, f"{thread}-{number}")
            glanced(notes)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    assert len(read(notes)) == 160
    assert sessions(notes) <= 8


def test_a_process_that_is_killed_frees_the_writer_queue(notes: Database) -> None:
    url = notes.url.render_as_string(hide_password=False)
    holder = subprocess.Popen([sys.executable, "-c", _HOLDER, url], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    try:
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(_write_one, notes, "after")
            if notes.dialect == "sqlite":
                time.sleep(0.2)
                assert not waiting.done()
            holder.send_signal(signal.SIGKILL)
            waiting.result(timeout=10)
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()

    assert read(notes) == ["after"]


def test_a_forked_child_with_a_database_of_its_own_queues_with_its_parent(notes: Database) -> None:
    url = notes.url.render_as_string(hide_password=False)
    glanced(notes)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            own = Database(url)
            for number in range(20):
                _write_one(own, f"child-{number}")
            code = 0
        finally:
            os._exit(code)
    for number in range(20):
        _write_one(notes, f"parent-{number}")

    assert os.waitpid(child, 0)[1] == 0
    assert len(read(notes)) == 40


def _write_one(database: Database, note: str) -> None:
    with database.transaction() as tx:
        write(tx, note)


@pytest.mark.parametrize("how", ["transaction", "snapshot", "glance"])
def test_sessions_whose_connections_were_cut_while_idle_are_noticed_once_at_most(
    postgres_notes: Database, how: str
) -> None:
    with postgres_notes.snapshot(), postgres_notes.snapshot(), postgres_notes.snapshot():
        pass  # three idle sessions
    cut(postgres_notes)

    failed = 0
    for number in range(5):
        try:
            with getattr(postgres_notes, how)() as tx:
                tx.run("SELECT count(*) FROM notes", ()).fetchone()
        except Unavailable:
            failed += 1
            assert number == 0  # a glance has no BEGIN to notice it by

    assert failed == (1 if how == "glance" else 0)
    assert sessions(postgres_notes) == 1


@pytest.mark.parametrize("how", ["transaction", "snapshot", "glance"])
@pytest.mark.parametrize("run", ["execute", "run"])
def test_a_connection_that_is_cut_amid_work_is_unavailable_and_the_next_one_works(
    postgres_notes: Database, how: str, run: str
) -> None:
    text = "SELECT count(*) FROM notes"

    with pytest.raises(Unavailable) as problem, getattr(postgres_notes, how)() as tx:
        cut(postgres_notes)
        tx.execute(sa.text(text)) if run == "execute" else tx.run(text, ())

    assert problem.value.retry_after > 0
    for _ in range(3):
        assert glanced(postgres_notes) == 0
    _write_one(postgres_notes, "works")
    assert read(postgres_notes) == ["works"]
    assert sessions(postgres_notes) == 1


def test_a_connection_that_is_cut_before_the_commit_keeps_nothing(postgres_notes: Database) -> None:
    with pytest.raises(Unavailable), postgres_notes.transaction() as tx, tx.savepoint():
        write(tx, "lost")
        cut(postgres_notes)

    assert read(postgres_notes) == []


def test_a_server_that_is_down_is_unavailable_and_works_again_when_it_is_back() -> None:
    server = PostgresServer.start()
    database = Database(server.url)
    try:
        database.upgrade()
        with database.transaction() as tx:
            tx.execute(sa.text("CREATE TABLE notes (note VARCHAR(20) PRIMARY KEY)"))
        server.pause()
        for way in (database.transaction, database.snapshot, database.glance):
            for _ in range(60):  # more than there are sessions: a leak would show
                with pytest.raises(Unavailable), way() as tx:
                    tx.run("SELECT 1", ())
        server.resume()

        _write_one(database, "back")
        assert (read(database), glanced(database)) == (["back"], 1)
        assert sessions(database) == 1
    finally:
        database.close()
        server.stop()


def test_more_transactions_than_sessions_are_told_that_the_database_is_busy(database: Database) -> None:
    held = [database.snapshot() for _ in range(48)]
    database.engine.pool._timeout = 0.1  # type: ignore[attr-defined]  # nobody wants to wait 30 s for this
    for one in held:
        one.__enter__()
    try:
        with pytest.raises(Unavailable), database.snapshot():
            pass
    finally:
        for one in held:
            one.__exit__(None, None, None)
