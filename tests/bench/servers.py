"""The two servers under load, each fresh, in a temporary folder; and the CPU that a tree of processes has used."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers.process import HOST, ServerProcess, accepts_connections, free_port
from tests.servers.scim2_server import Scim2Server

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """A SCIM server as the workloads see it: `pid` is the root of its processes."""

    name: str
    port: int
    prefix: str
    token: str
    pid: int
    process: Any  # has stop()

    host: str = HOST

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}{self.prefix}"


def connector(folder: Path, *, processes: int = 2) -> Server:
    """`connector serve` on SQLite without a worker, and a static bearer of a client with scope scim."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CONNECTOR_")},
        "CONNECTOR_DATA_DIR": str(folder / "var"),
        "CONNECTOR_PORT": str(port),
        "CONNECTOR_LOG_LEVEL": "warning",
    }
    program = str(Path(sys.executable).with_name("connector"))
    process = ServerProcess(
        "connector",
        [program, "serve", "--workers", str(processes), "--no-worker"],
        log=folder / "connector.log",
        ready=lambda: accepts_connections(port),
        env=environment,
    )
    process.start()

    def command(*arguments: str) -> Any:
        done = subprocess.run([program, *arguments, "--json"], env=environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"connector {' '.join(arguments)}: {done.stderr or done.stdout}")
        return json.loads(done.stdout)

    try:
        command("client", "create", "bench", "--scope", "scim")
        token = command("client", "token", "bench")["token"]
    except BaseException:
        process.stop()
        raise
    return Server("connector", port, "/scim/v2", token, process.pid, process)


def peer(folder: Path) -> Server:
    """scim2-server: one process, with its data in memory."""
    server = Scim2Server.start(folder)
    return Server("scim2-server", server.port, "/v2", server.token, server._process.pid, server)


def cpu_seconds(root: int) -> float:
    """User and system time of a process and all its descendants."""
    parents: dict[int, list[int]] = {}
    used: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        parents.setdefault(int(fields[1]), []).append(int(entry))
        used[int(entry)] = int(fields[11]) + int(fields[12])
    total, todo = 0, [root]
    while todo:
        pid = todo.pop()
        total += used.get(pid, 0)
        todo += parents.get(pid, [])
    return total / _TICK
