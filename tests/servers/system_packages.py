"""Which programs the real servers need, and how a Debian-like machine gets them.

Run as `python -m tests.servers.system_packages`. Uses the standard library only: it runs before anything is installed.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_SBIN = ("/usr/sbin", "/sbin")  # not in an ordinary user's PATH, but slapd, apache2 and shibd live there
_POSTGRES_BINARIES = "/usr/lib/postgresql/*/bin/"
_POLICY = Path("/usr/sbin/policy-rc.d")
_POLICY_TEXT = "#!/bin/sh\n# Written for tests: installing a package must not start its service.\nexit 101\n"


@dataclass(frozen=True)
class Needs:
    """What one server needs: files that must exist, and the Debian packages that bring them."""

    programs: tuple[str, ...]
    packages: tuple[str, ...]


SERVERS: dict[str, Needs] = {
    "slapd": Needs(
        programs=("slapd", "slapadd", "/usr/lib/ldap/ppolicy.so", "/etc/ldap/schema/core.schema"),
        packages=("slapd", "ldap-utils"),
    ),
    "opensaml-schemas": Needs(
        programs=("/usr/share/xml/opensaml/sstc-saml-delegation.xsd",), packages=("opensaml-schemas",)
    ),
    "ds389": Needs(programs=("ns-slapd", "dscreate"), packages=("389-ds-base",)),
    "samba": Needs(
        programs=(
            "samba",
            "samba-tool",
            "/usr/lib/*/samba/ldb/samba_dsdb.so",
            "/usr/share/samba/setup/provision.ldif",
            "/usr/lib/*/samba/vfs/acl_xattr.so",
        ),
        packages=("samba", "samba-ad-provision", "samba-dsdb-modules", "samba-vfs-modules", "winbind"),
    ),
    "postgres": Needs(
        programs=(_POSTGRES_BINARIES + "initdb", _POSTGRES_BINARIES + "postgres"),
        packages=("postgresql",),
    ),
    "nginx": Needs(programs=("nginx",), packages=("nginx-light",)),
    "keycloak": Needs(programs=("java", "mvn"), packages=("default-jre-headless", "maven")),
    "scimmy": Needs(programs=("node", "npm"), packages=("nodejs", "npm")),
    "node-saml": Needs(programs=("node", "npm"), packages=("nodejs", "npm")),
    "pysaml2": Needs(programs=("xmlsec1",), packages=("xmlsec1",)),
    "simplesamlphp": Needs(
        programs=(
            "php",
            "/usr/share/simplesamlphp/www/saml2/idp/metadata.php",
            "/usr/lib/php/*/dom.so",
            "/usr/lib/php/*/mbstring.so",
            "/usr/lib/php/*/pdo_sqlite.so",
        ),
        packages=("simplesamlphp", "php-cli", "php-xml", "php-mbstring", "php-curl", "php-sqlite3"),
    ),
    "lemonldap": Needs(
        programs=(
            "plackup",
            "starman",
            "/usr/share/lemonldap-ng/portal/htdocs/index.psgi",
            "/var/lib/lemonldap-ng/conf/lmConf-1.json",
            "/usr/lib/*/perl5/*/Lasso.pm",
            "/usr/share/perl5/String/Random.pm",
        ),
        packages=(
            "liblemonldap-ng-portal-perl",
            "liblasso-perl",
            "starman",
            "libplack-perl",
            "libgd-securityimage-perl",
            "libimage-magick-perl",
            "libxml-simple-perl",
            "libxml-libxml-perl",
            "libxml-libxslt-perl",
            "libconvert-pem-perl",
            "libcrypt-openssl-rsa-perl",
            "libcrypt-openssl-x509-perl",
            "libio-string-perl",
            "libmime-tools-perl",
            "libemail-sender-perl",
            "libglib-perl",
            "libstring-random-perl",
        ),
    ),
    "apache": Needs(
        programs=(
            "apache2",
            "shibd",
            "/usr/lib/apache2/modules/mod_shib.so",
            "/usr/lib/apache2/modules/mod_auth_mellon.so",
            "/etc/shibboleth/protocols.xml",
        ),
        packages=("apache2", "libapache2-mod-auth-mellon", "libapache2-mod-shib", "shibboleth-sp-utils"),
    ),
}


def find_program(name: str) -> Path | None:
    """Where a program (bare name) or file (absolute pattern) is; of several versions the newest."""
    if name.startswith("/"):
        found = sorted(Path("/").glob(name.lstrip("/")), key=_version_order)
        return found[-1] if found else None
    path = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), *_SBIN]))
    return None if path is None else Path(path)


def program(name: str) -> Path:
    """The same for a caller that cannot go on without it."""
    path = find_program(name)
    if path is None:
        raise FileNotFoundError(f"{name} is not installed")
    return path


def missing_programs(server: str) -> list[str]:
    return [name for name in SERVERS[server].programs if find_program(name) is None]


def missing_packages() -> list[str]:
    """The packages of every server that lacks a program, in table order."""
    return [package for server, needs in SERVERS.items() if missing_programs(server) for package in needs.packages]


def main() -> int:
    packages = missing_packages()
    if not packages:
        print("system packages: every program the test servers need is present")
        return 0
    names = " ".join(packages)
    if shutil.which("apt-get") is None:
        print(f"system packages: not a Debian-like system; install the equivalents of: {names}")
        return 0
    if os.geteuid() != 0:
        print(f"system packages: not root; run as root: apt-get install -y --no-install-recommends {names}")
        return 0
    _forbid_service_starts()
    return _install(packages)


def _forbid_service_starts() -> None:
    if _POLICY.exists():
        return
    print(f"system packages: writing {_POLICY}, so that no installed service is started")
    _POLICY.write_text(_POLICY_TEXT, encoding="ascii")
    _POLICY.chmod(0o755)


def _install(packages: list[str]) -> int:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    wait = ["-o", "DPkg::Lock::Timeout=120"]  # somebody else may be installing
    for command in (
        ["apt-get", "update", "-q"],
        ["apt-get", "install", "-y", "-q", "--no-install-recommends", *wait, *packages],
    ):
        print("system packages: " + " ".join(command), flush=True)
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            print(done.stdout.decode(errors="replace")[-4000:])
            return done.returncode
    still = {server: lacking for server in SERVERS if (lacking := missing_programs(server))}
    print(f"system packages: still missing {still}" if still else "system packages: installed")
    return 1 if still else 0


def _version_order(path: Path) -> list[int]:
    return [int(part) for part in path.parts if part.isdigit()]


if __name__ == "__main__":
    sys.exit(main())
