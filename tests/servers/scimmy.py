"""SCIMMY, a SCIM server of another maker in Node, with its resources in memory.

Its packages are installed by npm on first use and kept outside the repository, one folder per set of versions.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Self

from tests.servers.keycloak_files import caches
from tests.servers.process import HOST, ServerError, ServerProcess, accepts_connections, free_port
from tests.servers.system_packages import program

# Express 4: with 5, scimmy-routers 1.3.2 ignores count and startIndex, since it writes to a query that is computed there
_PACKAGES = {"scimmy-routers": "1.3.2", "scimmy": "1.3.5", "express": "4.22.3"}
_PROGRAM = Path(__file__).with_name("scimmy.mjs")
_SECONDS = 300


def folder() -> Path:
    """Where the program and its packages are, made now if they are not; others that want it wait for the first."""
    wanted = json.dumps({"private": True, "type": "module", "dependencies": _PACKAGES})
    found = caches() / f"scimmy-{hashlib.sha256((wanted + _PROGRAM.read_text()).encode()).hexdigest()[:12]}"
    with found.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (found / "complete").exists():
            shutil.rmtree(found, ignore_errors=True)
            found.mkdir()
            shutil.copy(_PROGRAM, found)  # Node looks for packages beside the program
            (found / "package.json").write_text(wanted)
            _install(found)
            (found / "complete").touch()
    return found


class Scimmy:
    """`url` is the SCIM base URL; every request needs `Authorization: Bearer <token>`."""

    token = "scimmy-token"

    def __init__(self, directory: Path, place: Path) -> None:
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}/scim"
        self._process = ServerProcess(
            "scimmy",
            [program("node"), place / _PROGRAM.name],
            log=directory / "scimmy.log",
            ready=lambda: accepts_connections(self.port),
            timeout=60,
            env={
                "PATH": os.defpath,
                "SCIMMY_PORT": str(self.port),
                "SCIMMY_TOKEN": self.token,
                "NODE_ENV": "production",
            },
        )

    @classmethod
    def start(cls, directory: Path) -> Self:
        directory.mkdir(parents=True, exist_ok=True)
        server = cls(directory, folder())
        server._process.start()
        return server

    def stop(self) -> None:
        self._process.stop()


def _install(place: Path) -> None:
    command = [str(program("npm")), "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
    try:
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired as slow:
        raise ServerError(f"npm did not finish in {_SECONDS} s") from slow
    if done.returncode != 0:
        raise ServerError(f"npm failed: {' '.join(done.stderr.split())[-300:]}")
