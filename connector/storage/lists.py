"""Lists of ids as one bound parameter: a JSON text, which both databases turn into rows. The statement's text stays the same."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class _Within(FunctionElement[Any]):
    inherit_cache = True
    type = sa.types.NullType()  # as a Boolean it would be compared with 1 on SQLite, which then goes by no index
    name = "within"


@compiles(_Within, "sqlite")
def _sqlite(element: _Within, compiler: Any, **options: Any) -> str:
    column, ids = (compiler.process(one, **options) for one in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({ids}))"  # noqa: S608  # both are compiled expressions


@compiles(_Within, "postgresql")
def _postgresql(element: _Within, compiler: Any, **options: Any) -> str:
    """As an array, for which PostgreSQL goes by the index, whatever it knows of the table."""
    column, ids = (compiler.process(one, **options) for one in element.clauses)
    return f"{column} = ANY(ARRAY(SELECT jsonb_array_elements_text(CAST({ids} AS JSONB))))"


def within(column: sa.Column[str], parameter: str) -> sa.ColumnElement[bool]:
    """Whether the column is one of the texts in the JSON list that will be bound to `parameter`."""
    return _Within(column, sa.bindparam(parameter, type_=sa.Text()))
