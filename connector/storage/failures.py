"""What errors of the database mean: the driver's and SQLAlchemy's in, ours out."""

import sqlite3

import sqlalchemy as sa

from connector.core.errors import Invalid, Unavailable

_RETRIED = ("40001", "40P01", "55P03")  # PostgreSQL: serialization failure, deadlock, lock not available
_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_FILE = {  # SQLite: what is wrong with the file
    sqlite3.SQLITE_CANTOPEN: "the database's file cannot be opened",
    sqlite3.SQLITE_READONLY: "the database's file, or its folder, may not be written to",
    sqlite3.SQLITE_PERM: "the database's file may not be used",
    sqlite3.SQLITE_FULL: "the disk that the database is on is full",
    sqlite3.SQLITE_IOERR: "the disk that the database is on fails",
    sqlite3.SQLITE_CORRUPT: "the database's file is damaged",
    sqlite3.SQLITE_NOTADB: "the database's file is no SQLite database",
}


def translated(problem: BaseException) -> Exception | None:
    """What an error of the database means to the caller; None where it means nothing to them."""
    original = getattr(problem, "orig", None) or problem
    if isinstance(original, sa.exc.TimeoutError):  # every session is in use
        return busy()
    if isinstance(original, sqlite3.Error):
        return _of_sqlite(getattr(original, "sqlite_errorcode", 0) & 0xFF)  # 0 where the driver raised by itself
    code = getattr(original, "sqlstate", None)
    kind = {base.__name__ for base in type(original).__mro__}
    if code in _RETRIED:
        return busy()
    if "OperationalError" in kind and (code is None or code.startswith(("08", "57P"))):
        return Unavailable("the database does not answer", retry_after=5)
    if "DataError" in kind:  # PostgreSQL keeps no U+0000 in a text
        return Invalid("a value holds something that the database cannot keep, such as the character U+0000")
    return None


def busy() -> Unavailable:
    return Unavailable("the database is busy with another change; try again", retry_after=1)


def _of_sqlite(code: int) -> Unavailable | None:
    if code in _LOCKED:
        return busy()
    return Unavailable(_FILE[code], retry_after=5) if code in _FILE else None
