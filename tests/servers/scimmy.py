"""SCIMMY, a SCIM server of another maker in Node, with its resources in memory.

Its packages are installed by npm on first use and kept outside the repository, one folder per set of versions.
"""

import os
from pathlib import Path
from typing import Self

from tests.servers import foreign
from tests.servers.process import HOST, ServerProcess, accepts_connections, free_port
from tests.servers.system_packages import program

# Express 4: with 5, scimmy-routers 1.3.2 ignores count and startIndex, since it writes to a query that is computed there
_PACKAGES = {"scimmy-routers": "1.3.2", "scimmy": "1.3.5", "express": "4.22.3"}
_PROGRAM = Path(__file__).with_name("scimmy.mjs")


def folder() -> Path:
    """Where the program and its packages are, made now if they are not."""
    return foreign.node_folder("scimmy", _PACKAGES, _PROGRAM)


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
