"""Counting without counting: the tally agrees with the rows, whatever was added, taken and summed up."""

import random
from itertools import count

import pytest

from connector.storage import resources, search, tally
from connector.storage.resources import Record
from connector.storage.search import Wanted

_numbers = count()


def _record(kind="person"):
    number = next(_numbers)
    now = "2027-03-01T12:00:00.000Z"
    return Record(f"r{number}", kind, f"name {number}", "{}", True, 1, now, now)


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of four, so that a few records fill several."""
    monkeypatch.setattr(tally, "BLOCK", 4)


def _page(tx, offset, limit):
    found = search.search(tx, Wanted((("person", None),), "", limit=limit, offset=offset))
    return found.total, [one.id for one in found.records]


def test_every_page_is_the_one_that_counting_would_give(database, small_blocks):
    chance = random.Random(7)
    held = []
    with database.transaction() as tx:
        for _ in range(60):
            held.append(resources.insert(tx, _record()))
            resources.insert(tx, _record("group"))
        for gone in chance.sample(held, 25):
            resources.delete(tx, gone)
            held.remove(gone)

    ids = [one.id for one in held]
    with database.snapshot() as tx:
        for offset in range(len(ids) + 3):
            assert _page(tx, offset, 7) == (len(ids), ids[offset : offset + 7])


def test_summing_up_changes_no_count(database, small_blocks):
    with database.transaction() as tx:
        held = [resources.insert(tx, _record()) for _ in range(30)]
        for gone in held[::3]:
            resources.delete(tx, gone)
    with database.transaction() as tx:
        before = tally.place(tx, "person", 11)

        went = tally.sum_up(tx, many=2)

        assert went > 0
        assert tally.place(tx, "person", 11) == before
        assert tally.total(tx, "person") == 20


def test_a_page_behind_another_goes_on_where_it_ended(database):
    with database.transaction() as tx:
        ids = [resources.insert(tx, _record()).id for _ in range(10)]
    with database.snapshot() as tx:
        seen, after = [], None
        while True:
            found = search.search(tx, Wanted((("person", None),), "", limit=3, after=after))
            seen += [one.id for one in found.records]
            after = found.end
            if after is None:
                break

    assert seen == ids
