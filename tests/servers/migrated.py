"""Databases of PostgreSQL with the present schema, for one test after the other: emptying one takes a tenth of making one."""

import itertools
from typing import Any

import psycopg
from psycopg import sql

from connector.storage.db import Database
from tests.servers.postgres import PostgresServer

_TEMPLATE = "migrated"
_SHAPE = """
    SELECT relname, relkind, relnatts, relchecks, relhastriggers FROM pg_class
    WHERE relnamespace = 'public'::regnamespace ORDER BY relname"""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
_VERSION = "SELECT version_num FROM alembic_version"
_HANG_UP = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
_COUNT_ANEW = """
    SELECT setval(oid::regclass, 1, false) FROM pg_class
    WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace"""


class MigratedDatabases:
    """`take` gives one that is empty, `give_back` empties it for the next test, or drops it where the test has changed its shape."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._numbers = itertools.count(1)
        self._free: list[str] = []
        made = Database(server.create_database(_TEMPLATE))
        made.upgrade()
        made.close()  # nobody may be connected to what PostgreSQL copies
        with server.connect(_TEMPLATE) as connection:
            self._shape = _shape(connection)
            assert _filled(connection) == [], "the migrations fill tables: emptying them would lose that"

    def take(self) -> str:
        """The name of a database."""
        if self._free:
            return self._free.pop()
        name = f"migrated_{next(self._numbers)}"
        self._server.create_database(name, template=_TEMPLATE)
        return name

    def give_back(self, name: str) -> None:
        if self._emptied(name):
            self._free.append(name)
        else:
            self._server.drop_database(name)

    def _emptied(self, name: str) -> bool:
        with self._server.connect(name) as connection:
            connection.execute(_HANG_UP, (name,))
            if _shape(connection) != self._shape:
                return False
            filled = _filled(connection)
            if filled:
                connection.execute(
                    sql.SQL("TRUNCATE {} CASCADE").format(sql.SQL(", ").join(map(sql.Identifier, filled)))
                )
            connection.execute(_COUNT_ANEW)
        return True


def _shape(connection: psycopg.Connection[Any]) -> list[Any]:
    return [*connection.execute(_SHAPE).fetchall(), *connection.execute(_VERSION).fetchall()]


def _filled(connection: psycopg.Connection[Any]) -> list[str]:
    """The tables that have rows."""
    ask = sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})")
    names = [row[0] for row in connection.execute(_TABLES).fetchall()]
    asked = [ask.format(sql.Literal(name), sql.Identifier(name)) for name in names]
    return [row[0] for row in connection.execute(sql.SQL(" UNION ALL ").join(asked)).fetchall()]
