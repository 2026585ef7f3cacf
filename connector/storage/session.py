"""A connection with both faces: the driver's own, for BEGIN, COMMIT and prepared statements, and SQLAlchemy's, for everything else."""

from typing import Any

import sqlalchemy as sa


class Session:
    """A connection that is kept between transactions: taking one from SQLAlchemy's pool costs more than a small transaction.

    SQLAlchemy is told that the connection commits by itself, so that only we open and close transactions.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self.connection = engine.connect()
        self.driver: Any = self.connection.connection.dbapi_connection

    def begin(self, statement: str | None) -> bool:
        """False where the connection is broken, or the database is locked by somebody who does not queue."""
        try:
            if statement:
                self.driver.execute(statement)
        except self.connection.dialect.loaded_dbapi.OperationalError:
            return False
        return True

    def end(self, statement: str | None) -> None:
        """COMMIT, ROLLBACK, or nothing where nothing was begun."""
        if statement:
            done = self.driver.execute(statement)
            if statement == "COMMIT" and getattr(done, "statusmessage", "COMMIT") != "COMMIT":
                # PostgreSQL answers so where a statement had failed, and our code went on as if it had not
                raise RuntimeError("the transaction had failed before its end: the database has kept nothing of it")
        if self.connection.in_transaction():
            self.connection.rollback()  # SQLAlchemy's own book-keeping: the driver has no transaction any more

    @property
    def broken(self) -> bool:
        """The connection is gone for good; both faces are asked, since either may have noticed."""
        return self.connection.invalidated or bool(getattr(self.driver, "closed", False))

    def discard(self) -> None:
        self.connection.invalidate()
        self.connection.close()
