"""Lists of ids as one bound parameter: a JSON text, which both databases turn into rows. The statement's text stays the same."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class _Each(FunctionElement[str]):
    inherit_cache = True
    type = sa.Text()
    name = "each"


@compiles(_Each, "sqlite")
def _sqlite(element: _Each, compiler: Any, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_Each, "postgresql")
def _postgresql(element: _Each, compiler: Any, **options: Any) -> str:
    return f"jsonb_array_elements_text(CAST({compiler.process(element.clauses, **options)} AS JSONB))"


def listed(parameter: str) -> sa.Select[tuple[str]]:
    """The texts in the JSON list that will be bound to `parameter`, for `column.in_(listed("ids"))`."""
    each = _Each(sa.bindparam(parameter, type_=sa.Text())).table_valued("value")
    return sa.select(each.c.value)
