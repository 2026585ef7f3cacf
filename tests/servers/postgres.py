"""A throw-away PostgreSQL cluster: no password, no durability, gone at the end of the session."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Self

import psycopg
from psycopg import sql

from tests.servers.process import HOST, ServerError, ServerProcess, free_port
from tests.servers.system_packages import program

_SUPERUSER = "app"
_FIRST_DATABASE = "app"


class PostgresServer:
    """One cluster with the database `app`; further databases are made and dropped by the tests that want their own."""

    def __init__(self, binaries: Path, directory: Path, account: str | None, *, durable: bool = False) -> None:
        self._binaries = binaries
        self._directory = directory
        self._account = account
        self.port = free_port()
        self.log = directory / "postgres.log"
        options = {
            "listen_addresses": HOST,
            "port": str(self.port),
            "unix_socket_directories": "",
            **(_DURABLE if durable else _THROW_AWAY),
        }
        self._process = ServerProcess(
            "postgres",
            [
                binaries / "postgres",
                "-D",
                directory / "data",
                *(f"--{name}={value}" for name, value in options.items()),
            ],
            log=self.log,
            ready=self._answers,
            stop_signal=signal.SIGINT,
            env=_ENVIRONMENT,
            cwd=directory,
            account=account,
        )

    @classmethod
    def start(cls, *, durable: bool = False) -> Self:
        """Make a cluster in a directory of its own and start it; `durable` is for measuring what production does.

        Not below pytest's temporary directory: root's is closed to others, and PostgreSQL refuses to run as root.
        """
        binaries = program("/usr/lib/postgresql/*/bin/initdb").parent
        directory = Path(tempfile.mkdtemp(prefix="test-postgres-"))
        account = "postgres" if os.geteuid() == 0 else None
        if account is not None:
            shutil.chown(directory, account, account)
        server = cls(binaries, directory, account, durable=durable)
        try:
            server._initialise()
            server._process.start()
            server.create_database(_FIRST_DATABASE)
        except BaseException:
            server.stop()
            raise
        return server

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def url(self) -> str:
        return self.database_url(_FIRST_DATABASE)

    def database_url(self, name: str) -> str:
        """An SQLAlchemy URL."""
        return f"postgresql+psycopg://{_SUPERUSER}@{HOST}:{self.port}/{name}"

    def create_database(self, name: str, *, template: str = "template1") -> str:
        """Make a database, empty or a copy of `template`, and return its SQLAlchemy URL."""
        made = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        with self.connect("postgres") as connection:
            if connection.info.server_version >= 150000:  # twice as fast as the default, which came with the choice
                made += sql.SQL(" STRATEGY FILE_COPY")
            connection.execute(made)
        return self.database_url(name)

    def drop_database(self, name: str) -> None:
        """Drop it even when connections are still open; dropping what is not there is harmless."""
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def pause(self) -> None:
        """Take the server down with its connections; the data stay."""
        self._process.stop()

    def resume(self) -> None:
        self._process.start()

    def stop(self) -> None:
        self._process.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _run(self, statement: sql.Composed) -> None:
        with self.connect("postgres") as connection:
            connection.execute(statement)

    def connect(self, database: str) -> psycopg.Connection:
        """As superuser; each statement is a transaction."""
        return psycopg.connect(
            host=HOST, port=self.port, user=_SUPERUSER, dbname=database, autocommit=True, connect_timeout=5
        )

    def _answers(self) -> bool:
        try:
            self.connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def _initialise(self) -> None:
        command = [self._binaries / "initdb", "-D", self._directory / "data", "-A", "trust", "-U", _SUPERUSER]
        done = subprocess.run(
            [*map(str, command), "-N", "-E", "UTF8", "--locale=C.UTF-8"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_ENVIRONMENT,
            cwd=self._directory,
            user=self._account,
            group=self._account,
            extra_groups=None if self._account is None else [],
            check=False,
        )
        if done.returncode != 0:
            raise ServerError(f"initdb failed:\n{done.stdout.decode(errors='replace')}")


_THROW_AWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "32MB"}
_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "shared_buffers": "512MB"}
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
