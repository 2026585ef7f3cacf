"""A throw-away OpenLDAP directory with the overlays a workforce directory has, and a root's view of it for asserts."""

import ssl
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import ldap3
from ldap3.core.exceptions import LDAPNoSuchObjectResult
from ldap3.utils.dn import escape_rdn

from tests.servers.pki import Pki, make_pki
from tests.servers.process import HOST, ServerError, ServerProcess, accepts_connections, free_port, tail
from tests.servers.system_packages import program

BASE_DN = "dc=example,dc=com"
BIND_DN = f"uid=connector,ou=services,{BASE_DN}"
BIND_PASSWORD = "connector-bind-password"
UNITS = ("people", "agents", "groups", "services", "policies")
# The value of pwdAccountLockedTime that locks an account until somebody removes it (draft-behera-ldap-password-policy).
LOCKED_FOR_GOOD = "000001010000Z"
_ROOT_DN = f"cn=admin,{BASE_DN}"
_ROOT_PASSWORD = "root-password"
_SCHEMAS = Path("/etc/ldap/schema")
_MODULES = Path("/usr/lib/ldap")

Attributes = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class LdapEntry:
    """One entry as the directory's root sees it, operational attributes included, every value as text."""

    dn: str
    attributes: Mapping[str, list[str]]


class Slapd:
    """One running directory: `Slapd.start(directory)` ... `stop()`."""

    base_dn = BASE_DN
    bind_dn = BIND_DN
    bind_password = BIND_PASSWORD

    def __init__(self, directory: Path, pki: Pki, *, durable: bool = False) -> None:
        self._durable = durable
        self.ca_file = pki.ca_file
        self._pki = pki
        self._directory = directory
        self._plain_port, self._tls_port = free_port(), free_port()
        self.plain_url = f"ldap://{HOST}:{self._plain_port}"
        self.url = f"ldaps://{HOST}:{self._tls_port}"
        self.log = directory / "slapd.log"
        self._process = ServerProcess(
            "slapd",
            [program("slapd"), "-d", "0", "-f", directory / "slapd.conf", "-h", f"{self.plain_url}/ {self.url}/"],
            log=self.log,
            ready=lambda: accepts_connections(self._plain_port) and accepts_connections(self._tls_port),
        )

    @classmethod
    def start(cls, directory: Path, pki: Pki | None = None, *, durable: bool = False) -> Self:
        """Seed a directory below `directory` and serve it; without a PKI it makes one of its own. `durable`: as in production, what is
        written is on the disk before the answer."""
        directory.mkdir(parents=True, exist_ok=True)
        server = cls(directory, pki or make_pki(directory / "pki"), durable=durable)
        server._seed()
        server._process.start()
        return server

    def pause(self) -> None:
        """Take the directory down abruptly, as an outage does; the data stay. (A polite stop takes over a second.)"""
        self._process.kill()

    def resume(self) -> None:
        """Start it again on the same ports and the same data."""
        self._process.start()

    def stop(self) -> None:
        self._process.kill()

    def add(self, dn: str, object_classes: Sequence[str], attributes: Mapping[str, str | Sequence[str]]) -> str:
        """Add any entry as root; returns its DN."""
        with self._as_root() as connection:
            connection.add(dn, list(object_classes), dict(attributes))
        return dn

    def add_person(self, uid: str, **attributes: str | Sequence[str]) -> str:
        """A person below ou=people with sensible defaults; returns the DN."""
        defaults = {"cn": uid, "sn": uid, "mail": f"{uid}@example.com"}
        return self.add(
            f"uid={escape_rdn(uid)},ou=people,{BASE_DN}", ["inetOrgPerson"], {**defaults, **attributes, "uid": uid}
        )

    def modify(self, dn: str, attributes: Attributes) -> None:
        """Replace whole attributes as root; an empty sequence removes the attribute."""
        with self._as_root() as connection:
            connection.modify(dn, {name: [(ldap3.MODIFY_REPLACE, list(v))] for name, v in attributes.items()})

    def move(self, dn: str, below: str) -> None:
        with self._as_root() as connection:
            connection.modify_dn(dn, dn.partition(",")[0], new_superior=below)

    def delete(self, dn: str) -> None:
        with self._as_root() as connection:
            connection.delete(dn)

    def set_password(self, dn: str, password: str) -> None:
        """Set the password of any entry; one that cannot hold a password gets `simpleSecurityObject` as well."""
        entry = self.entry(dn)
        if entry is None:
            raise ServerError(f"no such entry: {dn}")
        classes = {name.lower() for name in entry.attributes["objectClass"]}
        changes: dict[str, list[tuple[str, list[str]]]] = {"userPassword": [(ldap3.MODIFY_REPLACE, [password])]}
        if not classes & {"person", "inetorgperson", "organizationalperson", "simplesecurityobject", "posixaccount"}:
            changes["objectClass"] = [(ldap3.MODIFY_ADD, ["simpleSecurityObject"])]
        with self._as_root() as connection:
            connection.modify(dn, changes)

    def can_bind(self, dn: str, password: str) -> bool:
        """Whether this name and password sign in, over verified TLS."""
        with closing(ldap3.Connection(self._server(), dn, password)) as connection:
            return bool(connection.bind())

    def search(self, query: str = "(objectClass=*)", *, base: str = BASE_DN) -> list[LdapEntry]:
        """All entries below `base` that match an LDAP filter; none when the base does not exist."""
        with self._as_root() as connection:
            try:
                connection.search(base, query, attributes=["*", "+"])
            except LDAPNoSuchObjectResult:
                return []
            return [as_entry(found) for found in connection.response or [] if found["type"] == "searchResEntry"]

    def entry(self, dn: str) -> LdapEntry | None:
        with self._as_root() as connection:
            try:
                connection.search(dn, "(objectClass=*)", search_scope=ldap3.BASE, attributes=["*", "+"])
            except LDAPNoSuchObjectResult:
                return None
            return as_entry((connection.response or [])[0])

    def _server(self) -> ldap3.Server:
        # a new object each time: ldap3 remembers a refused connection for seconds, and pause() causes some
        tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(self.ca_file))
        return ldap3.Server(self.url.replace(HOST, "localhost"), tls=tls, get_info=ldap3.NONE, connect_timeout=5)

    @contextmanager
    def _as_root(self) -> Iterator[Any]:
        with closing(ldap3.Connection(self._server(), _ROOT_DN, _ROOT_PASSWORD, raise_exceptions=True)) as connection:
            connection.bind()
            yield connection

    def _seed(self) -> None:
        (self._directory / "data").mkdir()
        configuration = self._directory / "slapd.conf"
        configuration.write_text(_configuration(self._directory, self._pki, durable=self._durable), encoding="utf-8")
        seed = self._directory / "seed.ldif"
        seed.write_text(_seed_ldif(), encoding="utf-8")
        command: list[str | Path] = [program("slapadd"), "-f", configuration, "-b", BASE_DN, "-l", seed]
        with self.log.open("ab") as log:
            done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            raise ServerError(f"slapadd failed:\n{tail(self.log)}")


@contextmanager
def closing(connection: Any) -> Iterator[Any]:  # Any: the stubs leave a connection's methods untyped
    """A connection's own context manager leaves it open unless it was bound within; a refused one keeps its socket."""
    try:
        yield connection
    finally:
        connection.unbind()
        if connection.socket is not None:
            connection.socket.close()


def as_entry(found: Mapping[str, object]) -> LdapEntry:
    raw = found["raw_attributes"]
    assert isinstance(raw, Mapping)
    values = {name: [value.decode("utf-8", errors="replace") for value in found] for name, found in raw.items()}
    return LdapEntry(str(found["dn"]), values)


def _configuration(directory: Path, pki: Pki, *, durable: bool) -> str:
    schemas = "\n".join(f"include {_SCHEMAS}/{name}.schema" for name in ("core", "cosine", "inetorgperson", "nis"))
    modules = "\n".join(
        f"moduleload {name}" for name in ("back_mdb", "memberof", "refint", "unique", "ppolicy", "syncprov")
    )
    return f"""{schemas}
modulepath {_MODULES}
{modules}
pidfile {directory}/slapd.pid
TLSCACertificateFile {pki.ca_file}
TLSCertificateFile {pki.server_certificate_file}
TLSCertificateKeyFile {pki.server_key_file}
TLSVerifyClient try
authz-regexp "^cn=connector,o=Example$" "{BIND_DN}"
sizelimit size.soft=500 size.hard=500 size.prtotal=unlimited
attributetype ( 1.3.6.1.4.1.99999.1.1 NAME 'agentId' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
objectclass ( 1.3.6.1.4.1.99999.2.1 NAME 'aiAgent' SUP top AUXILIARY MAY ( agentId ) )

database mdb
suffix {BASE_DN}
directory {directory}/data
{"" if durable else "dbnosync"}
maxsize 1073741824
rootdn {_ROOT_DN}
rootpw {_ROOT_PASSWORD}
index objectClass,entryCSN,entryUUID,uid,mail,cn,member,agentId eq
access to attrs=userPassword by dn.exact="{BIND_DN}" write by anonymous auth by * none
access to * by dn.exact="{BIND_DN}" write by users read by * none
overlay memberof
memberof-refint FALSE
overlay refint
refint_attributes member manager owner
refint_nothing cn=nobody,{BASE_DN}
overlay unique
unique_uri ldap:///ou=people,{BASE_DN}?uid?sub
unique_uri ldap:///ou=agents,{BASE_DN}?uid?sub
overlay ppolicy
ppolicy_default cn=default,ou=policies,{BASE_DN}
ppolicy_hash_cleartext
overlay syncprov
syncprov-sessionlog 1000
"""


def _seed_ldif() -> str:
    units = "".join(f"dn: ou={unit},{BASE_DN}\nobjectClass: organizationalUnit\nou: {unit}\n\n" for unit in UNITS)
    return f"""dn: {BASE_DN}
objectClass: dcObject
objectClass: organization
o: Example
dc: example

{units}dn: cn=default,ou=policies,{BASE_DN}
objectClass: device
objectClass: pwdPolicy
cn: default
pwdAttribute: userPassword
pwdLockout: TRUE
pwdMinLength: 8
pwdCheckQuality: 1
pwdInHistory: 3

dn: {BIND_DN}
objectClass: account
objectClass: simpleSecurityObject
uid: connector
userPassword: {BIND_PASSWORD}
"""
