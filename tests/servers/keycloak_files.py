"""Keycloak as it comes from Maven Central, built once for our options and kept outside the repository for every checkout.

Out: the folder of a distribution that is ready to start. A build takes half a minute of one core; a start without one is refused.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

from tests.servers.process import ServerError, tail
from tests.servers.system_packages import program

VERSION = "26.7.3"  # the newest that Maven Central gave as a whole when this was written
_ARTIFACT = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:tar.gz"
_SHA256 = "77657f30b7e90d70f727712ce1c967f430fd6a5e9f458d32d8c6df0635345f47"
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy"
_SECONDS = 500
# What only a build can change: the database in memory, the SCIM API (a preview in 26.7), no health endpoints.
_BUILD = ("--db=dev-mem", "--features=scim-api", "--health-enabled=false")


def distribution() -> Path:
    """The folder, made now if there is none; other processes that want it wait for the first."""
    facts = "\n".join((_ARTIFACT, _SHA256, *_BUILD))
    folder = caches() / f"keycloak-{hashlib.sha256(facts.encode()).hexdigest()[:12]}"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _make(folder)
            (folder / "complete").touch()
    return folder


def caches() -> Path:
    """Where servers of others are kept for every checkout on this machine."""
    found = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "agent-idp-connector"
    found.mkdir(parents=True, exist_ok=True)
    return found


def java() -> Path:
    return program("java")


def _make(folder: Path) -> None:
    downloads = folder.with_suffix(".download")
    log = folder.with_suffix(".log")
    log.unlink(missing_ok=True)
    _run(
        [program("mvn"), "-B", _COPY, f"-Dartifact={_ARTIFACT}", f"-DoutputDirectory={downloads}"],
        log,
        "Maven did not give us Keycloak",
    )
    archive = downloads / f"keycloak-quarkus-dist-{VERSION}.tar.gz"
    if hashlib.sha256(archive.read_bytes()).hexdigest() != _SHA256:
        raise ServerError(f"{archive.name} is not the file that the tests were written with")
    with tarfile.open(archive) as packed:
        packed.extraction_filter = getattr(tarfile, "data_filter", None)  # Debian 12's Python is older than filters
        packed.extractall(folder.parent)
    (folder.parent / f"keycloak-{VERSION}").rename(folder)
    shutil.rmtree(downloads)
    _run([folder / "bin" / "kc.sh", "build", *_BUILD], log, "building Keycloak failed")


def _run(command: list[str | Path], log: Path, trouble: str) -> None:
    environment = {**os.environ, "JAVA_OPTS_KC_HEAP": "-Xmx512m"}
    with log.open("ab") as output:
        try:
            code = subprocess.run(
                command, stdout=output, stderr=subprocess.STDOUT, env=environment, timeout=_SECONDS, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            code = None
    if code != 0:
        raise ServerError(f"{trouble} (it ended with {code}, within {_SECONDS} s):\n{tail(log, 5)}")
