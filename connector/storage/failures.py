"""What errors of the database mean: the driver's and SQLAlchemy's in, ours out."""

import sqlite3

import sqlalchemy as sa

from connector.core.errors import Invalid, Unavailable

_RETRIED = ("40001", "40P01", "55P03")  # PostgreSQL: serialization failure, deadlock, lock not available


def translated(problem: BaseException) -> Exception | None:
    """What an error of the database means to the caller; None where it means nothing to them."""
    original = getattr(problem, "orig", None) or problem
    if isinstance(original, sa.exc.TimeoutError):  # every session is in use
        return busy()
    if isinstance(original, sqlite3.OperationalError):
        locked = original.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
        return busy() if locked else None
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
