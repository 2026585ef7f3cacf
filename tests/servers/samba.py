"""A throw-away Active Directory domain controller (Samba), and an administrator's view of it for asserts.

Its LDAP ports cannot be chosen, so each one gets a loopback address of its own; binding the ports needs root.
"""

import secrets
import socket
import ssl
import struct
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import ldap3
from ldap3.core.exceptions import LDAPNoSuchObjectResult

from tests.servers.pki import Pki
from tests.servers.process import ServerError, ServerProcess, tail
from tests.servers.slapd import LdapEntry, as_entry, closing
from tests.servers.system_packages import program

BASE_DN = "DC=ad,DC=example,DC=test"
UNITS = ("OU=People", "OU=Agents", "OU=Groups,OU=Agents")  # what the connector may change is below one unit
_REALM, _DOMAIN = "AD.EXAMPLE.TEST", "ADTEST"
_ADMINISTRATOR, _ADMIN_PASSWORD = "Administrator@ad.example.test", "Adm1n-Passw0rd!"
_SHOW_DELETED = ("1.2.840.113556.1.4.417", True, None)
_FULL_CONTROL, _LIST_AND_READ = 0x000F01FF, 0x00000014
_FOLDERS = ("private", "state", "cache", "lock", "run", "ncalrpc", "bind-dns", "ntp", "winbindd")


class Samba:
    """One running domain controller: `Samba.start(directory, pki)` ... `stop()`."""

    base_dn = BASE_DN
    bind_password = "C0nnector-Passw0rd!"
    bind_dn = "connector@ad.example.test"

    def __init__(self, directory: Path, pki: Pki) -> None:
        self.address = _free_address()
        self.url = f"ldaps://{self.address}"
        self.plain_url = f"ldap://{self.address}"
        self.ca_file = pki.ca_file
        self._configuration = directory / "smb.conf"
        self.log = directory / "samba.log"
        self._directory = directory
        self._files = pki.server(self.address)
        self._process = ServerProcess(
            "samba",
            [program("samba"), "-F", "--no-process-group", "-M", "single", "-s", self._configuration],
            log=self.log,
            ready=lambda: _answers(self.address, 389) and _answers(self.address, 636),
        )

    @classmethod
    def start(cls, directory: Path, pki: Pki) -> Self:
        """Make a domain below `directory`, serve it, and give it units and the account that the connector signs in with."""
        directory.mkdir(parents=True, exist_ok=True)
        server = cls(directory, pki)
        server._provision()
        server._process.start()
        server._seed()
        return server

    def pause(self) -> None:
        self._process.kill()

    def resume(self) -> None:
        self._process.start()

    def stop(self) -> None:
        self._process.kill()

    @property
    def people(self) -> str:
        return f"OU=People,{BASE_DN}"

    @property
    def agents(self) -> str:
        return f"OU=Agents,{BASE_DN}"

    @property
    def groups(self) -> str:
        return f"OU=Groups,{self.agents}"

    def target_options(self, password: str) -> dict[str, str]:
        """What a target needs to know; `password` is a reference to bind_password."""
        return {
            "url": self.url,
            "ca_file": str(self.ca_file),
            "bind_dn": self.bind_dn,
            "password": password,
            "accounts_base": self.agents,
            "groups_base": self.groups,
            "people_base": self.people,
        }

    def relative_id(self, dn: str) -> str:
        """The last part of the entry's security identifier."""
        with self.as_administrator() as connection:
            return str(int.from_bytes(_raw(connection, dn, "objectSid")[-4:], "little"))

    def add(self, dn: str, object_classes: Sequence[str], attributes: Mapping[str, Any]) -> str:
        with self.as_administrator() as connection:
            connection.add(dn, list(object_classes), dict(attributes))
        return dn

    def add_person(self, handle: str, *, below: str = "", enabled: bool = True, **attributes: Any) -> str:
        """A person below OU=People (or another unit) with a password; returns the DN."""
        values = {
            "sAMAccountName": handle,
            "userPrincipalName": f"{handle}@ad.example.test",
            "mail": f"{handle}@example.com",
            "unicodePwd": quoted(_ADMIN_PASSWORD),
            "userAccountControl": "512" if enabled else "514",
            **attributes,
        }
        return self.add(f"CN={handle},{below or self.people}", ["user"], values)

    def modify(self, dn: str, changes: Mapping[str, Sequence[str]]) -> None:
        """Replace whole attributes; an empty sequence removes the attribute."""
        with self.as_administrator() as connection:
            connection.modify(dn, {name: [(ldap3.MODIFY_REPLACE, list(v))] for name, v in changes.items()})

    def add_members(self, group_dn: str, members: Sequence[str]) -> None:
        with self.as_administrator() as connection:
            connection.modify(group_dn, {"member": [(ldap3.MODIFY_ADD, list(members))]})

    def move(self, dn: str, below: str) -> None:
        with self.as_administrator() as connection:
            connection.modify_dn(dn, dn.partition(",")[0], new_superior=below)

    def delete(self, dn: str) -> None:
        with self.as_administrator() as connection:
            connection.delete(dn)

    def entry(self, dn: str) -> LdapEntry | None:
        with self.as_administrator() as connection:
            try:
                connection.search(dn, "(objectClass=*)", search_scope=ldap3.BASE, attributes=["*"])
            except LDAPNoSuchObjectResult:
                return None
            return as_entry((connection.response or [])[0])

    def can_bind(self, name: str, password: str) -> bool:
        """Whether this name (a DN or a UPN) and password sign in."""
        with closing(ldap3.Connection(self._server(), name, password)) as connection:
            return bool(connection.bind())

    @contextmanager
    def as_administrator(self) -> Iterator[Any]:
        made = ldap3.Connection(self._server(), _ADMINISTRATOR, _ADMIN_PASSWORD, raise_exceptions=True)
        with closing(made) as connection:
            connection.bind()
            yield connection

    def _grant(self, dn: str, rights: int, account_dn: str) -> None:
        """Let the account do this with an entry and all below it ([MS-DTYP] 2.4.4.2, 2.4.5, 2.4.6)."""
        controls = [
            _SHOW_DELETED,
            ("1.2.840.113556.1.4.801", True, b"\x30\x03\x02\x01\x04"),
        ]  # of the descriptor the DACL
        socket_name = quote(str(self._directory / "private" / "ldap_priv" / "ldapi"), safe="")
        system = ldap3.Connection(ldap3.Server(f"ldapi://{socket_name}", get_info=ldap3.NONE), raise_exceptions=True)
        with closing(system) as connection:  # an administrator may not read who may see deleted entries
            connection.open()
            sid = _raw(connection, account_dn, "objectSid")
            descriptor = _raw(connection, dn, "nTSecurityDescriptor", controls)
            ace = struct.pack("<BBHI", 0, 2, 8 + len(sid), rights) + sid
            revision, size, count = struct.unpack_from("<HHH", descriptor, 20)
            acl = struct.pack("<HHHH", revision, size + len(ace), count + 1, 0) + descriptor[28 : 20 + size] + ace
            new = descriptor[:20] + acl
            connection.modify(dn, {"nTSecurityDescriptor": [(ldap3.MODIFY_REPLACE, [new])]}, controls=controls)

    def _server(self) -> ldap3.Server:
        # the name in the certificate is checked as localhost: ldap3 knows no IP addresses on newer Pythons
        tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(self.ca_file), valid_names=["localhost"])
        return ldap3.Server(self.url, tls=tls, get_info=ldap3.NONE, connect_timeout=5)

    def _seed(self) -> None:
        for unit in UNITS:
            self.add(f"{unit},{BASE_DN}", ["organizationalUnit"], {})
        password = {"unicodePwd": quoted(self.bind_password)}
        account = self.add_person("connector", below=f"CN=Users,{BASE_DN}", **password)
        self._grant(self.agents, _FULL_CONTROL, account)
        self._grant(f"CN=Deleted Objects,{BASE_DN}", _LIST_AND_READ, account)
        self.delete(
            self.add(f"OU=Was here,{self.agents}", ["organizationalUnit"], {})
        )  # as in any domain that is in use

    def _provision(self) -> None:
        command = [
            *(
                str(program("samba-tool")),
                "domain",
                "provision",
                "-q",
                f"--targetdir={self._directory}",
                f"--realm={_REALM}",
            ),
            *(f"--domain={_DOMAIN}", "--server-role=dc", f"--adminpass={_ADMIN_PASSWORD}", "--dns-backend=NONE"),
            *("--host-name=dc1", "--host-ip=127.0.0.1", "--option=ldb:nosync=true"),
        ]
        with self.log.open("ab") as log:
            done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            raise ServerError(f"the domain could not be made:\n{tail(self.log)}")
        for folder in _FOLDERS:
            (self._directory / folder).mkdir(exist_ok=True)
        self._configuration.write_text(_configuration(self._directory, self.address, self.ca_file, *self._files))


def _raw(connection: Any, dn: str, attribute: str, controls: Any = None) -> bytes:
    everything = "(objectClass=*)"
    connection.search(dn, everything, search_scope=ldap3.BASE, attributes=[attribute], controls=controls)
    value = connection.response[0]["raw_attributes"][attribute][0]
    assert isinstance(value, bytes)
    return value


def quoted(password: str) -> bytes:
    """A password as the attribute unicodePwd takes it."""
    return f'"{password}"'.encode("utf-16-le")


def may_listen() -> bool:
    """Whether this process may bind the ports of LDAP."""
    try:
        with socket.socket() as probe:
            probe.bind((_free_address(), 389))
    except OSError:
        return False
    return True


def _free_address() -> str:
    """An address of this machine's own network that no other test process has; chosen as ports are, see process.py."""
    return ".".join(["127", *(str(1 + secrets.randbelow(250)) for _ in range(3))])


def _answers(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False


def _configuration(directory: Path, address: str, ca_file: Path, certificate: Path, key: Path) -> str:
    d = directory
    return f"""[global]
netbios name=DC1
workgroup={_DOMAIN}
realm={_REALM}
server role=active directory domain controller
interfaces={address}/8
bind interfaces only=yes
server services=ldap
private dir={d}/private
state directory={d}/state
cache directory={d}/cache
lock directory={d}/lock
pid directory={d}/run
ncalrpc dir={d}/ncalrpc
binddns dir={d}/bind-dns
ntp signd socket directory={d}/ntp
winbindd socket directory={d}/winbindd
log file={d}/log.samba
logging=file
log level=1
tls enabled=yes
tls keyfile={key}
tls certfile={certificate}
tls cafile={ca_file}
ldap server require strong auth=yes
disable netbios=yes
dns update command=/bin/true
spn update command=/bin/true
samba kcc command=/bin/true
ldb:nosync=yes
"""
