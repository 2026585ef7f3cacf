"""Other makers' servers, as fast as each can honestly be set up."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.bench.servers import LeftOut, Server
from tests.servers.process import HOST, ServerProcess, accepts_connections, free_port

_ROOT = Path(__file__).parents[2]
_NODE_FOLDER = _ROOT / ".cache" / "scimmy"
# Express 4: with 5, scimmy-routers 1.3.2 ignores count and startIndex, since it writes to a query that is computed there
_NODE_PACKAGES = {"scimmy-routers": "1.3.2", "scimmy": "1.3.5", "express": "4.22.3", "better-sqlite3": "12.11.1"}
_TOKEN = "bench-token"
_INSTALL_SECONDS = 600


def scim2_server(folder: Path) -> Server:
    """One process and one thread, since its data live in the memory of one process and a lock guards them."""
    folder.mkdir(parents=True)
    port = free_port()
    command = [
        Path(sys.executable).with_name("granian"),
        "tests.bench.scim2_app:app",
        *("--interface", "wsgi", "--host", HOST, "--port", str(port)),
        *("--workers", "1", "--blocking-threads", "1", "--no-ws", "--log-level", "warning"),
    ]
    environment = {**os.environ, "BENCH_TOKEN": _TOKEN, "PYTHONPATH": str(_ROOT)}
    process = ServerProcess(
        "scim2-server",
        command,
        log=folder / "scim2-server.log",
        ready=lambda: accepts_connections(port),
        timeout=60,
        env=environment,
        cwd=folder,
    )
    process.start()
    return Server(
        "scim2-server", "memory, granian, 1 process", port, "/v2", _TOKEN, (process.pid,), (process.stop,)
    )  # fmt: skip


def scimmy(folder: Path) -> Server:
    """Two processes of Node's cluster on one SQLite file. LeftOut without Node, or where npm cannot install it."""
    node = shutil.which("node")
    if node is None:
        raise LeftOut("scimmy-routers: no `node` on this machine")
    _install()
    folder.mkdir(parents=True)
    port = free_port()
    environment = {
        **os.environ,
        "BENCH_PORT": str(port),
        "BENCH_TOKEN": _TOKEN,
        "BENCH_DATABASE": str(folder / "scimmy.db"),
        "BENCH_PROCESSES": "2",
        "NODE_ENV": "production",
    }
    process = ServerProcess(
        "scimmy-routers",
        [node, _NODE_FOLDER / "scimmy.mjs"],
        log=folder / "scimmy.log",
        ready=lambda: accepts_connections(port),
        timeout=60,
        env=environment,
        cwd=_NODE_FOLDER,
    )
    process.start()
    return Server(
        "scimmy", "SQLite NORMAL, 2 processes", port, "/scim", _TOKEN, (process.pid,), (process.stop,)
    )  # fmt: skip


def _install() -> None:
    """The packages into .cache, once; better-sqlite3 is compiled where there is no build of it for this Node."""
    _NODE_FOLDER.mkdir(parents=True, exist_ok=True)
    shutil.copy(Path(__file__).with_name("scimmy.mjs"), _NODE_FOLDER)  # Node looks for packages beside the program
    wanted = json.dumps({"private": True, "type": "module", "dependencies": _NODE_PACKAGES}, indent=2)
    stamp = _NODE_FOLDER / "installed.json"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    npm = shutil.which("npm")
    if npm is None:
        raise LeftOut("scimmy-routers: no `npm` on this machine")
    (_NODE_FOLDER / "package.json").write_text(wanted)
    print("Installing scimmy-routers with npm (a minute or two, once) ...", file=sys.stderr, flush=True)
    try:
        done = subprocess.run(
            [npm, "install", "--no-audit", "--no-fund", "--no-package-lock"],
            cwd=_NODE_FOLDER,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_INSTALL_SECONDS,
        )
    except subprocess.TimeoutExpired as slow:
        raise LeftOut(f"scimmy-routers: npm did not finish in {_INSTALL_SECONDS} s") from slow
    if done.returncode:
        raise LeftOut(f"scimmy-routers: npm failed: {' '.join(done.stdout.split())[-300:]}")
    built = _NODE_FOLDER / "node_modules" / "better-sqlite3" / "build" / "Release" / "better_sqlite3.node"
    if not built.exists():  # newer npm may refuse to run install scripts, and says so only in a warning
        raise LeftOut("scimmy-routers: npm installed better-sqlite3 but did not build it")
    stamp.write_text(wanted)
