"""A throw-away 389 Directory Server: another maker's LDAP directory, with another way to lock accounts."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from tests.servers.process import HOST, ServerError, ServerProcess, accepts_connections, free_port
from tests.servers.system_packages import program

BASE_DN = "dc=example,dc=com"
BIND_DN = "cn=Directory Manager"
BIND_PASSWORD = "root-password"
_ACCOUNT = "dirsrv"  # the package's own: the server refuses root
_ANSWERS = """[general]
full_machine_name = localhost
strict_host_checking = False
start = False
[slapd]
instance_name = test
port = {plain}
secure_port = {tls}
root_password = {password}
self_sign_cert = True
[backend-userroot]
suffix = {suffix}
create_suffix_entry = True
sample_entries = no
"""
_SCHEMA = """attributeTypes: ( 1.3.6.1.4.1.99999.1.1 NAME 'agentId' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
objectClasses: ( 1.3.6.1.4.1.99999.2.1 NAME 'aiAgent' SUP top AUXILIARY MAY ( agentId ) )
"""
_HERE_ONLY = f"nsslapd-listenhost: {HOST}\nnsslapd-securelistenhost: {HOST}\n"  # it would listen everywhere


class Ds389:
    """One running directory: `Ds389.start()` ... `stop()`."""

    bind_dn = BIND_DN
    bind_password = BIND_PASSWORD

    def __init__(self) -> None:
        self._root = Path(tempfile.mkdtemp(prefix="test-389-"))  # its account cannot look into pytest's own folder
        self._root.chmod(0o755)
        shutil.chown(self._root, _ACCOUNT, _ACCOUNT)
        self._plain, self._tls = free_port(), free_port()
        self.url = f"ldaps://localhost:{self._tls}"
        self._instance = self._root / "etc" / "dirsrv" / "slapd-test"
        self.ca_file = self._instance / "ca.crt"
        # dscreate believes LOGNAME, not the kernel, about who runs it
        own = {"LOGNAME": _ACCOUNT, "PATH": f"{self._root}/bin:{os.environ['PATH']}"}
        self._environment = {**os.environ, **own}
        self._process = ServerProcess(
            "ns-slapd",
            [program("ns-slapd"), "-D", self._instance, "-i", self._root / "pid", "-d", "0"],
            log=self._root / "log",
            ready=lambda: accepts_connections(self._tls),
            timeout=60,
            account=_ACCOUNT,
            env=self._environment,
        )

    @classmethod
    def start(cls) -> Self:
        server = cls()
        try:
            server._make()
            server._process.start()
        except BaseException:
            server.stop()
            raise
        return server

    def stop(self) -> None:
        self._process.kill()
        shutil.rmtree(self._root, ignore_errors=True)

    def _make(self) -> None:
        binaries = self._root / "bin"
        self._run(program("dscreate"), "ds-root", self._root, binaries)
        answers = self._root / "answers.inf"
        told = {"plain": self._plain, "tls": self._tls, "password": BIND_PASSWORD, "suffix": BASE_DN}
        answers.write_text(_ANSWERS.format(**told))
        self._run(binaries / "dscreate", "from-file", answers)
        configuration = self._instance / "dse.ldif"
        port = f"nsslapd-port: {self._plain}\n"
        configuration.write_text(configuration.read_text().replace(port, port + _HERE_ONLY))
        with (self._instance / "schema" / "99user.ldif").open("a") as schema:
            schema.write(_SCHEMA)

    def _run(self, *command: str | Path) -> None:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            env=self._environment,
            cwd=self._root,
            user=_ACCOUNT,
            group=_ACCOUNT,
            extra_groups=[],
        )
        if done.returncode:
            raise ServerError(f"{command[0]}: {done.stdout}{done.stderr}")
