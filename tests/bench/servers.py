"""A server under load as the workloads see it, and the connector as one."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench import processes
from tests.servers.postgres import PostgresServer
from tests.servers.process import HOST, ServerProcess, accepts_connections, free_port


class LeftOut(Exception):
    """A server that this machine cannot run; the message says why."""


@dataclass(frozen=True)
class Server:
    """Where it listens, and the roots of all processes that work for it, its database's too."""

    name: str
    about: str
    port: int
    prefix: str
    token: str
    roots: tuple[int, ...]
    stops: tuple[Callable[[], None], ...] = field(repr=False)
    host: str = HOST
    command: Callable[..., Any] | None = None  # runs one of the connector's commands there: what it prints as JSON

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}{self.prefix}"

    def stop(self) -> None:
        for stop in self.stops:
            stop()

    def cpu_seconds(self) -> float:
        return processes.cpu_seconds(self.roots)

    def pss_mib(self) -> float:
        return sum(processes.pss_mib(self.roots).values())


def connector(folder: Path) -> Server:
    """`connector serve` with two web processes, each with its worker, on SQLite."""
    process, token = serve(folder, {})
    return on_sqlite(process, token)


def on_sqlite(process: "ConnectorProcess", token: str) -> Server:
    """The running service, as a server under load."""
    about = "SQLite, 2 processes"
    roots, stops = (process.pid,), (process.stop,)
    return Server("connector", about, process.port, "/scim/v2", token, roots, stops, command=process.command)


def connector_on_postgresql(folder: Path) -> Server:
    """The same on PostgreSQL, whose processes count; it commits to the disk before it answers, as in production."""
    try:
        postgres = PostgresServer.start(durable=True)
    except FileNotFoundError as missing:
        raise LeftOut(f"PostgreSQL: {missing}") from missing
    try:
        process, token = serve(folder, {"CONNECTOR_DATABASE_URL": postgres.url})
    except BaseException:
        postgres.stop()
        raise
    return Server(
        "connector+pg",
        "PostgreSQL, 2 processes",
        process.port,
        "/scim/v2",
        token,
        (process.pid, postgres.pid),
        (process.stop, postgres.stop),
        command=process.command,
    )


_PROGRAM = str(Path(sys.executable).with_name("connector"))


class ConnectorProcess(ServerProcess):
    port: int
    environment: dict[str, str]

    def command(self, *arguments: str) -> Any:
        """Run a command beside the service: what it prints as JSON."""
        done = subprocess.run([_PROGRAM, *arguments, "--json"], env=self.environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"connector {' '.join(arguments)}: {done.stderr or done.stdout}")
        return json.loads(done.stdout)


def serve(folder: Path, settings: dict[str, str]) -> tuple[ConnectorProcess, str]:
    """The running service, and a static bearer of a client with scope scim."""
    folder.mkdir(parents=True)
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CONNECTOR_")},
        "CONNECTOR_DATA_DIR": str(folder / "var"),
        "CONNECTOR_PORT": str(port),
        "CONNECTOR_LOG_LEVEL": "warning",
        **settings,
    }
    process = ConnectorProcess(
        "connector",
        [_PROGRAM, "serve", "--workers", "2"],
        log=folder / "connector.log",
        ready=lambda: accepts_connections(port),
        timeout=60,
        env=environment,
    )
    process.port, process.environment = port, environment
    process.start()
    try:
        process.command("client", "create", "bench", "--scope", "scim", "--static-bearer")
        return process, process.command("client", "token", "bench")["token"]
    except BaseException:
        process.stop()
        raise
