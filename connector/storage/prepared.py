"""Statements of the hot path: written with SQLAlchemy Core like all others, turned into text once, run by the driver itself.

Executing a Core statement costs some 150 microseconds of Python, running its text some 10: more than the statement itself does.
Rows come back as plain tuples, as the driver gives them: a boolean is 0 or 1 on SQLite.
"""

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from connector.storage.db import Transaction


class Prepared:
    """A statement whose values are all bound parameters; safe to share between threads and databases."""

    def __init__(self, statement: sa.ClauseElement, *, columns: tuple[str, ...] | None = None) -> None:
        """`columns` are the parameters of an INSERT or UPDATE that takes whole columns by name."""
        self._statement = statement
        self._columns = list(columns) if columns else None
        self._texts: dict[str, tuple[str, list[str] | None, dict[str, Any]]] = {}

    def __call__(self, tx: "Transaction", **values: Any) -> Any:
        """Run it; the driver's cursor. IntegrityError where a constraint is violated, as from Core."""
        return tx.run(*self._bound(tx, values))

    def later(self, tx: "Transaction", **values: Any) -> None:
        """Run it at the end of the transaction, all of one kind in one go; or before that, where a Core statement may ask for it."""
        tx.put_off(*self._bound(tx, values))

    def _bound(self, tx: "Transaction", values: dict[str, Any]) -> tuple[str, Any]:
        text, order, constants = self._texts.get(tx.dialect) or self._compile(tx)
        if constants:
            values = {**constants, **values}
        return text, values if order is None else [values[name] for name in order]

    def first(self, tx: "Transaction", **values: Any) -> Any:
        """The first row as a tuple, or None."""
        return self(tx, **values).fetchone()

    def all(self, tx: "Transaction", **values: Any) -> list[Any]:
        return self(tx, **values).fetchall()  # type: ignore[no-any-return]

    def _compile(self, tx: "Transaction") -> tuple[str, list[str] | None, dict[str, Any]]:
        compiled: Any = self._statement.compile(
            dialect=tx.engine.dialect, column_keys=self._columns, compile_kwargs={"render_postcompile": True}
        )
        constants = {name: value for name, value in compiled.params.items() if value is not None}
        order = list(compiled.positiontup) if compiled.positional else None
        self._texts[tx.dialect] = str(compiled), order, constants
        return self._texts[tx.dialect]
