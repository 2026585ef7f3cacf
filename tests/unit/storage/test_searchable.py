"""Values that are searched by: found before and after the index of trigrams has come to them, and never once they are gone."""

from connector.storage import resources, searchable
from connector.storage.resources import Record

_NOW = "2027-03-01T12:00:00.000Z"
_EMAILS = "emails.value"


def _insert(tx, id, *emails):
    record = Record(id, "person", id, "{}", True, 1, _NOW, _NOW)
    return resources.insert(tx, record, [(_EMAILS, one) for one in emails])


def _containing(tx, text):
    found = searchable.containing(_EMAILS, text, sqlite=tx.sqlite)
    return sorted(set(tx.execute(found).scalars()))


def test_a_value_is_found_before_and_after_it_was_indexed(database):
    with database.transaction() as tx:
        _insert(tx, "a", "ada@work.example", "ada@home.example")
        _insert(tx, "b", "bob@work.example")
        assert _containing(tx, "@work") == ["a", "b"]

        searchable.index(tx)
        _insert(tx, "c", "cleo@work.example")

        assert _containing(tx, "@work") == ["a", "b", "c"]
        assert _containing(tx, "ada@h") == ["a"]
        assert _containing(tx, "k") == ["a", "b", "c"]
        assert _containing(tx, "nobody") == []


def test_a_removed_value_is_not_found_and_leaves_the_index(database):
    with database.transaction() as tx:
        gone = _insert(tx, "a", "ada@work.example")
        searchable.index(tx)
        resources.delete(tx, gone)
        assert _containing(tx, "ada@work") == []

        searchable.index(tx)

        assert _containing(tx, "ada@work") == []
        if tx.sqlite:
            assert tx.run("SELECT count(*) FROM searchable_gone", ()).fetchone() == (0,)
            hits = tx.run("SELECT rowid FROM searchable_trigram WHERE key MATCH ?", ('"ada"',)).fetchall()
            assert hits == []


def test_quotes_and_wildcards_in_what_is_looked_for_are_only_characters(database):
    with database.transaction() as tx:
        _insert(tx, "a", 'a"b%c_d\\e')
        searchable.index(tx)

        for text in ('a"b', "b%c", "c_d", "d\\e"):
            assert _containing(tx, text) == ["a"], text
        assert _containing(tx, "axb") == []


def test_rows_that_were_deleted_before_their_turn_do_not_stop_the_index(database, monkeypatch):
    monkeypatch.setattr(searchable, "_BATCH", 2)
    with database.transaction() as tx:
        gone = [_insert(tx, f"gone-{number}", "gone@x.example") for number in range(4)]
        _insert(tx, "kept", "kept@x.example")
        for one in gone:
            resources.delete(tx, one)
        turns = 0
        while searchable.index(tx):
            turns += 1

        if tx.sqlite:
            assert turns == 3
            assert tx.run("SELECT rowid FROM searchable_trigram WHERE key MATCH '\"kept\"'", ()).fetchall() == [(5,)]
