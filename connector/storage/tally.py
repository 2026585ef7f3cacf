"""How many resources of a kind there are, and where in the order the n-th stands: without counting them.

Seqs are cut into blocks; `tally` holds what was added to and taken from each. Rows are only ever added, so that writers do not wait
for each other, and are summed up by the worker. A page deep in a list is found by its block: no OFFSET over all before it.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from connector.storage import tables as t
from connector.storage.db import Transaction
from connector.storage.prepared import Prepared

BLOCK = 4096
_t = t.tally.c
_add = Prepared(sa.insert(t.tally), columns=("kind", "block", "delta"))
_blocks = Prepared(
    sa.select(_t.block, sa.func.sum(_t.delta))
    .where(_t.kind == sa.bindparam("kind"))
    .group_by(_t.block)
    .order_by(_t.block)
)
_total = Prepared(sa.select(sa.func.coalesce(sa.func.sum(_t.delta), 0)).where(_t.kind == sa.bindparam("kind")))


@dataclass(frozen=True)
class Place:
    """Where a page begins: `skip` rows behind the first row whose seq is at least `seq`."""

    seq: int
    skip: int


def count(tx: Transaction, kind: str, seq: int, delta: int) -> None:
    """One more (1) or one fewer (-1) of that kind; written at the end of the transaction."""
    _add.later(tx, kind=kind, block=seq // BLOCK, delta=delta)


def total(tx: Transaction, kind: str) -> int:
    return int(_total.first(tx, kind=kind)[0])


def place(tx: Transaction, kind: str, offset: int) -> tuple[int, Place]:
    """(how many there are, where the row stands that has `offset` rows before it)."""
    counted, seq, skip = 0, 0, offset
    for block, many in _blocks.all(tx, kind=kind):
        if counted <= offset < counted + many:
            seq, skip = block * BLOCK, offset - counted
        counted += many
    return int(counted), Place(seq, int(skip))


def sum_up(tx: Transaction, *, many: int = 32) -> int:
    """Replace the rows of each block that has `many` of them by one; how many rows went."""
    grown = sa.select(_t.kind, _t.block).group_by(_t.kind, _t.block).having(sa.func.count() >= many)
    went = 0
    for kind, block in tx.execute(grown).all():
        gone = sa.delete(t.tally).where(_t.kind == kind, _t.block == block).returning(_t.delta)
        deltas = list(tx.execute(gone).scalars())
        _add(tx, kind=kind, block=block, delta=sum(deltas))
        went += len(deltas) - 1
    return went
