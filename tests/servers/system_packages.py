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
        packages=("samba", "samba-ad-dc", "samba-ad-provision", "samba-dsdb-modules", "samba-vfs-modules", "winbind"),
    ),
    "postgres": Needs(
        programs=(_POSTGRES_BINARIES + "initdb", _POSTGRES_BINARIES + "postgres"),
        packages=("postgresql",),
    ),
    "curl": Needs(programs=("curl",), packages=("curl",)),
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


def _packages(servers: list[str]) -> list[str]:
    """Theirs, each once, in table order."""
    return list(dict.fromkeys(package for server in servers for package in SERVERS[server].packages))


def main() -> int:
    lacking = [server for server in SERVERS if missing_programs(server)]
    if not lacking:
        print("system packages: every program the test servers need is present")
        return 0
    names = " ".join(_packages(lacking))
    if shutil.which("apt-get") is None:
        print(f"system packages: not a Debian-like system; install the equivalents of: {names}")
        return 0
    if os.geteuid() != 0:
        print(f"system packages: not root; run as root: apt-get install -y --no-install-recommends {names}")
        return 0
    _forbid_service_starts()
    return _install(lacking)


def _forbid_service_starts() -> None:
    if _POLICY.exists():
        return
    print(f"system packages: writing {_POLICY}, so that no installed service is started")
    _POLICY.write_text(_POLICY_TEXT, encoding="ascii")
    _POLICY.chmod(0o755)


def _install(lacking: list[str]) -> int:
    """Install what these servers need. What this release lacks or lays out differently is said; its tests are skipped."""
    if _apt("update") != 0:
        return 1
    offered = _offered(_packages(lacking))
    to_be_had = [server for server in lacking if offered.issuperset(SERVERS[server].packages)]
    for server in lacking:
        if absent := set(SERVERS[server].packages) - offered:
            print(f"system packages: no {server}, for this release has no {', '.join(sorted(absent))}")
    if not to_be_had:
        return 0
    if _apt("install", "-y", "--no-install-recommends", *_packages(to_be_had)) != 0:
        return 1
    still = {server: names for server in to_be_had if (names := missing_programs(server))}
    print(f"system packages: still missing {still}" if still else "system packages: installed")
    return 0


def _apt(*arguments: str) -> int:
    command = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=120", *arguments]  # somebody else may be installing
    print("system packages: " + " ".join(command), flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        print(done.stdout.decode(errors="replace")[-4000:])
    return done.returncode


def _offered(packages: list[str]) -> set[str]:
    """Those of them that this release has."""
    shown = subprocess.run(
        ["apt-cache", "show", "--no-all-versions", *packages], capture_output=True, text=True, check=False
    )
    return {line.removeprefix("Package: ") for line in shown.stdout.splitlines() if line.startswith("Package: ")}


def _version_order(path: Path) -> list[int]:
    return [int(part) for part in path.parts if part.isdigit()]


if __name__ == "__main__":
    sys.exit(main())
