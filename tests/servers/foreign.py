"""Programs of other makers in environments of their own: their libraries cannot share one with ours.

Each is made on first use and kept below `.cache` of the repository or of the user, one per set of versions; other processes that want
it wait for the first.
"""

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.servers.keycloak_files import caches
from tests.servers.process import ServerError, tail
from tests.servers.system_packages import program

_REPOSITORY = Path(__file__).parents[2]
_SECONDS = 300


def venv(name: str, pins: Sequence[str]) -> Path:
    """The interpreter of a venv with these packages."""
    facts = "\n".join((*pins, sys.version.split()[0]))
    directory = _REPOSITORY / ".cache" / f"{name}-{hashlib.sha256(facts.encode()).hexdigest()[:12]}"
    interpreter, complete = directory / "bin" / "python", directory / "complete"
    directory.parent.mkdir(exist_ok=True)
    with directory.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            shutil.rmtree(directory, ignore_errors=True)
            _make_venv(name, directory, interpreter, pins)
            complete.touch()
    return interpreter


def _make_venv(name: str, directory: Path, interpreter: Path, pins: Sequence[str]) -> None:
    log = directory.with_suffix(".log")
    with log.open("wb") as output:
        for command in (
            [sys.executable, "-m", "venv", str(directory)],
            [str(interpreter), "-m", "pip", "install", "-q", "--disable-pip-version-check", *pins],
        ):
            if subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False).returncode != 0:
                raise ServerError(f"making the venv of {name} failed:\n{tail(log, 5)}")


def node_folder(name: str, packages: Mapping[str, str], source: Path) -> Path:
    """A folder with a program for Node and its packages."""
    wanted = json.dumps({"private": True, "type": "module", "dependencies": dict(packages)})
    found = caches() / f"{name}-{hashlib.sha256((wanted + source.read_text()).encode()).hexdigest()[:12]}"
    with found.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (found / "complete").exists():
            shutil.rmtree(found, ignore_errors=True)
            found.mkdir()
            shutil.copy(source, found)  # Node looks for packages beside the program
            (found / "package.json").write_text(wanted)
            _install(found)
            (found / "complete").touch()
    return found


def _install(place: Path) -> None:
    command = [str(program("npm")), "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
    try:
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired as slow:
        raise ServerError(f"npm did not finish in {_SECONDS} s") from slow
    if done.returncode != 0:
        raise ServerError(f"npm failed: {' '.join(done.stderr.split())[-300:]}")
