"""A database that was brought up by the migrations is the one that the metadata describes, down to the predicates of its indexes.

Nothing is released yet: until 0.1.0 is, a change of storage/tables/ is written into revision 0001 as well. From then on,
it needs a revision of its own.
"""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from connector import storage
from connector.core.errors import Misconfigured
from connector.storage.db import SCHEMA, Database
from connector.storage.person_grants import PersonGrant
from connector.storage.tables import metadata, person_grant

_numbers = itertools.count(1)
_ADVICE = "storage/tables/ and storage/migrations differ: add a revision"
_POSTGRESQL = {
    "columns": """
        SELECT table_name, column_name, ordinal_position, data_type, collation_name, is_nullable, column_default
        FROM information_schema.columns WHERE table_schema = 'public'""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
}
_SQLITE = {"everything": "SELECT type, name, tbl_name, sql FROM sqlite_master"}


@pytest.fixture
def created(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Iterator[Database]:
    """A database of the same kind, made from the metadata."""
    if database.dialect == "sqlite":
        url, drop = f"sqlite:///{tmp_path / 'created.db'}", lambda: None
    else:
        server = request.getfixturevalue("postgres_server")
        name = f"created_{next(_numbers)}"
        url, drop = server.create_database(name), lambda: server.drop_database(name)
    made = Database(url)
    metadata.create_all(made.engine)
    yield made
    made.close()
    drop()


def test_alembic_finds_no_difference_between_a_migrated_database_and_the_metadata(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "compare_server_default": True,
                "target_metadata": metadata,
                # made by statements of their own, which the next test compares
                "include_name": lambda name, *_: "trigram" not in (name or "") and name != "searchable_gone",
            },
        )
        differences = compare_metadata(context, metadata)

    assert differences == [], _ADVICE


def test_a_migrated_database_holds_what_the_metadata_would_create(database: Database, created: Database) -> None:
    """Collations, constraints, indexes with their predicates: what alembic's comparison does not look at."""
    migrated, wanted = _described(database), _described(created)

    assert (migrated - wanted, wanted - migrated) == (set(), set()), _ADVICE


def test_the_first_revision_can_be_taken_back(database: Database) -> None:
    with database.engine.begin() as connection:
        _revise(connection, command.downgrade, "base")

    assert sa.inspect(database.engine).get_table_names() == ["alembic_version"]


def test_what_agents_hold_for_people_outlives_that_the_moment_of_the_proof_can_be_unknown(database: Database) -> None:
    grant = {name: name for name in PersonGrant.__dataclass_fields__}
    with database.engine.begin() as connection:
        connection.execute(sa.insert(person_grant).values(grant))
        _revise(connection, command.downgrade, "0006")
        before = connection.execute(sa.text("SELECT * FROM person_grant")).mappings().one()
        _revise(connection, command.upgrade, "head")
        after = connection.execute(sa.text("SELECT * FROM person_grant")).mappings().one()

    assert {**before, "proven": before["authenticated"]} == {**grant, "authenticated": "proven"}
    assert after == {**grant, "proven": None}, "it was not known whether the IdP had asked for a proof"


def _revise(connection: sa.Connection, run: Callable[[Config, str], None], revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(storage.__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    run(config, revision)


def _described(database: Database) -> set[tuple[object, ...]]:
    queries = _SQLITE if database.dialect == "sqlite" else _POSTGRESQL
    with database.engine.connect() as connection:
        rows = [(what, *row) for what, query in queries.items() for row in connection.execute(sa.text(query))]
    return {tuple(map(_ordered, row)) for row in rows if "alembic_version" not in str(row)}


def _ordered(value: object) -> object:
    """The statement that made a table, its constraints in one order: theirs does not matter, that of the columns does."""
    if not isinstance(value, str) or not value.startswith("CREATE TABLE"):
        return value
    lines: list[str] = []
    for line in value.splitlines():
        text = line.strip().rstrip(",")
        # SQLite writes a column that was added on the line of the last one.
        lines += [text] if text.startswith("CONSTRAINT") else text.split(", ")
    return tuple(sorted(lines, key=lambda line: line if line.startswith("CONSTRAINT") else ""))


def test_the_schema_that_is_checked_at_the_start_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(storage.__file__).parent / "migrations"))

    assert ScriptDirectory.from_config(config).get_current_head() == SCHEMA


def test_a_database_without_a_schema_is_told_what_to_do(empty_database_url: str) -> None:
    empty = Database(empty_database_url)

    with pytest.raises(Misconfigured, match="does not have this version's schema") as refused:
        empty.check_schema()
    empty.close()

    assert "it is at nothing" in str(refused.value.problems)
