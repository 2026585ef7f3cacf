"""A strict SCIM 2.0 service provider of another maker, in a process of its own, with its data in memory."""

import sys
from pathlib import Path
from typing import Self

from tests.servers.process import HOST, ServerProcess, accepts_connections, free_port

_TOKEN = "scim2-server-token"


class Scim2Server:
    """`url` is the SCIM base URL; every request needs `Authorization: Bearer <token>`."""

    token = _TOKEN

    def __init__(self, directory: Path, *options: str) -> None:
        """`options` are further command line options, e.g. a schema file or a weaker service provider configuration."""
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}/v2"
        self.log = directory / "scim2-server.log"
        program = Path(sys.executable).with_name("scim2-server")
        self._process = ServerProcess(
            "scim2-server",
            [program, "--hostname", HOST, "--port", str(self.port), "--bearer-token", self.token, *options],
            log=self.log,
            ready=lambda: accepts_connections(self.port),
        )

    @classmethod
    def start(cls, directory: Path, *options: str) -> Self:
        directory.mkdir(parents=True, exist_ok=True)
        server = cls(directory, *options)
        server._process.start()
        return server

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def pause(self) -> None:
        """Take it down; what it held is lost."""
        self._process.stop()

    def resume(self) -> None:
        """Start it again, empty, at the same address."""
        self._process.start()

    def restart(self) -> None:
        """Forget every resource."""
        self.pause()
        self.resume()

    def stop(self) -> None:
        self._process.stop()
