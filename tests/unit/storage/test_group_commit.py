"""Writers of SQLite who wait for each other share a commit; what one of them does wrong harms none of the others."""

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
import sqlalchemy as sa

from connector.core.errors import Unavailable
from connector.storage.db import Database
from connector.storage.session import Session

NOT_KEPT = "the database could not keep the change; try again"


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/notes.db")
    with database.transaction() as tx:
        tx.run("CREATE TABLE notes (note VARCHAR(20) PRIMARY KEY)", ())
    yield database
    database.close()


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every COMMIT from now on."""
    seen: list[str] = []
    end = Session.end

    def counted(self: Session, statement: str | None) -> None:
        seen.extend([statement] if statement == "COMMIT" else [])
        end(self, statement)

    monkeypatch.setattr(Session, "end", counted)
    return seen


class Together:
    """Writers that all wait while the first one is in its turn."""

    def __init__(self, database: Database, first: Callable[[], None], *others: Callable[[], None]) -> None:
        self._database = database
        self._entered, self._go = Event(), Event()
        with ThreadPoolExecutor() as pool:
            self.results: list[Future[None]] = [pool.submit(self._write, first, hold=True)]
            assert self._entered.wait(5)
            self.results += [pool.submit(self._write, other) for other in others]
            writers = database._writers
            assert writers is not None
            while writers._waiting < len(others):
                assert not self.results[0].done()
            self._go.set()

    def _write(self, body: Callable[[], None], *, hold: bool = False) -> None:
        with self._database.transaction() as tx:
            tx.run("INSERT INTO notes VALUES (?)", (body.__name__,))
            if hold:
                self._entered.set()
                assert self._go.wait(5)
            body()


def first() -> None:
    """Does nothing wrong."""


def second() -> None:
    """Does nothing wrong."""


def third() -> None:
    """Does nothing wrong."""


def wrong() -> None:
    raise LookupError("something is missing")


def broken(message: str) -> sqlite3.OperationalError:
    problem = sqlite3.OperationalError(message)
    problem.sqlite_errorcode = sqlite3.SQLITE_IOERR  # as the driver sets it
    return problem


def read(database: Database) -> list[str]:
    with database.snapshot() as tx:
        return [row[0] for row in tx.run("SELECT note FROM notes ORDER BY note", ()).fetchall()]


def test_those_who_wait_share_one_commit(notes: Database, commits: list[str]) -> None:
    Together(notes, first, second, third)

    written = commits.copy()
    assert read(notes) == ["first", "second", "third"]
    assert written == ["COMMIT"]


@pytest.mark.parametrize("order", [(wrong, second, third), (first, wrong, third), (first, second, wrong)])
def test_one_that_fails_loses_only_its_own(notes: Database, order: tuple[Callable[[], None], ...]) -> None:
    results = Together(notes, *order).results

    failed = [isinstance(one.exception(), LookupError) for one in results]
    assert failed == [body is wrong for body in order]
    assert read(notes) == sorted(body.__name__ for body in order if body is not wrong)


def test_a_value_that_is_taken_is_refused_to_the_second_and_kept_for_the_first(notes: Database) -> None:
    results = Together(notes, first, first, second).results

    assert sum(one.exception() is not None for one in results) == 1
    assert read(notes) == ["first", "second"]


def test_where_the_commit_fails_every_member_is_told(notes: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    end = Session.end

    def full(self: Session, statement: str | None) -> None:
        if statement == "COMMIT" and self.driver.in_transaction and self.driver.total_changes > 1:
            raise broken("database or disk is full")
        end(self, statement)

    monkeypatch.setattr(Session, "end", full)
    results = Together(notes, first, second, third).results
    monkeypatch.undo()

    problems = [one.exception() for one in results]
    assert all(isinstance(one, Unavailable) for one in problems)
    assert sorted(str(one) for one in problems) == [*[NOT_KEPT] * 2, "the disk that the database is on fails"]
    assert read(notes) == []


def test_where_sqlite_gives_the_transaction_up_no_member_is_told_that_it_was_kept(notes: Database) -> None:
    def lost() -> None:
        writers = notes._writers
        assert writers is not None
        assert writers._open is not None
        writers._open.session.driver.execute("ROLLBACK")  # as SQLite itself does where the disk fails
        raise broken("disk I/O error")

    results = Together(notes, first, lost).results

    assert [str(one.exception()) for one in results] == [NOT_KEPT, "the disk that the database is on fails"]
    assert read(notes) == []
    with notes.transaction() as tx:
        tx.run("INSERT INTO notes VALUES ('after')", ())
    assert read(notes) == ["after"]


def test_a_member_does_not_wait_forever_for_one_that_was_interrupted(notes: Database) -> None:
    writers = notes._writers
    assert writers is not None
    writers._waiting += 1  # somebody who will never come
    with notes.transaction() as tx:
        tx.run("INSERT INTO notes VALUES ('kept')", ())
    writers._waiting -= 1

    assert read(notes) == ["kept"]


def test_what_was_put_off_is_written_with_the_rest_and_undone_with_its_savepoint(notes: Database) -> None:
    insert = "INSERT INTO notes VALUES (?)"
    with notes.transaction() as tx:
        tx.put_off(insert, ("a",))
        with pytest.raises(LookupError), tx.savepoint():
            tx.put_off(insert, ("b",))
            wrong()
        tx.put_off(insert, ("c",))
        assert tx.run("SELECT * FROM notes", ()).fetchall() == [("a",)]  # what stood before a savepoint stays

    assert read(notes) == ["a", "c"]


def test_core_statements_see_what_was_put_off(notes: Database) -> None:
    with notes.transaction() as tx:
        tx.put_off("INSERT INTO notes VALUES (?)", ("a",))
        assert tx.execute(sa.text("SELECT * FROM notes")).scalars().all() == ["a"]
