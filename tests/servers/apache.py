"""Two SAML service providers of other makers, Shibboleth and mod_auth_mellon, in one Apache on 127.0.0.1.

Two phases, because each side needs the other's metadata: a constructed object already has the metadata of both
service providers; `start(idp_metadata)` brings them up trusting that identity provider, and may be called again
with changed metadata.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from lxml import etree

from tests.servers import apache_files as files
from tests.servers.pki import KeyPair, self_signed_rsa
from tests.servers.process import HOST, ServerError, ServerProcess, accepts_connections, free_port, tail
from tests.servers.sp_metadata import ARTIFACT, PAOS, POST, REDIRECT, SOAP, Endpoint, service_provider_metadata
from tests.servers.system_packages import program

_MELLON = "/usr/lib/apache2/modules/mod_auth_mellon.so"


def reads_logout_by_soap(peer: str) -> bool:
    """mod_auth_mellon 0.19 (Ubuntu 24.04, Debian 13) offers it in its metadata, but takes whatever is posted for a form."""
    return peer != "mellon" or b"Could not find SAMLRequest field in POST data" not in program(_MELLON).read_bytes()


class Apache:
    """`shib_url` and `mellon_url` are pages that need a session and then list its attributes as `NAME=value` lines.

    Shibboleth names a variable after the `id` given with the attribute's name; mellon calls every one `MELLON_<name>`.
    In both, what is neither letter nor digit shows as `_`. Several values: Shibboleth joins them with `;`, mellon
    numbers them `MELLON_<name>_0`, `_1`, ...
    """

    def __init__(self, attributes: Sequence[tuple[str, str]] = ()) -> None:
        """`attributes` are pairs of a SAML attribute name and the variable Shibboleth shall show it as."""
        # not below pytest's temporary directory, which the accounts these programs run as cannot enter
        self._directory = Path(tempfile.mkdtemp(prefix="test-apache-"))
        self._attributes = list(attributes)
        self._port = free_port()
        self.base_url = f"http://{HOST}:{self._port}"
        self.shib_url, self.mellon_url = f"{self.base_url}/shib/", f"{self.base_url}/mellon/"
        self.shib_entity_id = f"{self.base_url}/shibboleth"
        self.mellon_entity_id = f"{self.base_url}/mellon-endpoint/metadata"
        self.shib_keys, self.mellon_keys = self_signed_rsa("shibboleth"), self_signed_rsa("mellon")
        shib, mellon = f"{self.base_url}/Shibboleth.sso", f"{self.base_url}/mellon-endpoint"
        self.shib_metadata = service_provider_metadata(
            self.shib_entity_id,
            self.shib_keys,
            consumers=[
                Endpoint(POST, f"{shib}/SAML2/POST"),
                Endpoint(PAOS, f"{shib}/SAML2/ECP"),
                Endpoint(ARTIFACT, f"{shib}/SAML2/Artifact"),
            ],
            logouts=[Endpoint(SOAP, f"{shib}/SLO/SOAP"), Endpoint(REDIRECT, f"{shib}/SLO/Redirect")],
        )
        self.mellon_metadata = service_provider_metadata(
            self.mellon_entity_id,
            self.mellon_keys,
            consumers=[
                Endpoint(POST, f"{mellon}/postResponse"),
                Endpoint(PAOS, f"{mellon}/paosResponse"),
                Endpoint(ARTIFACT, f"{mellon}/artifactResponse"),
            ],
            logouts=[Endpoint(SOAP, f"{mellon}/logout"), Endpoint(REDIRECT, f"{mellon}/logout")],
        )
        self._shibd = self._process("shibd", _shibd_command(self._directory), self._shibd_listens)
        self._apache = self._process(
            "apache2",
            [program("apache2"), "-f", self._directory / "apache.conf", "-DFOREGROUND"],
            lambda: accepts_connections(self._port),
        )
        self._lay_out()

    def start(self, idp_metadata: bytes) -> None:
        """Trust exactly this identity provider; sessions of an earlier start are gone."""
        self._apache.stop()
        self._shibd.stop()
        self._write("idp-metadata.xml", idp_metadata)
        idp_entity_id = etree.fromstring(idp_metadata).get("entityID")
        if idp_entity_id is None:
            raise ServerError("the identity provider's metadata is not one EntityDescriptor")
        shibboleth = files.shibboleth_xml(self._directory, entity_id=self.shib_entity_id, idp_entity_id=idp_entity_id)
        self._write("shibboleth2.xml", shibboleth.encode())
        self._shibd.start()
        try:
            self._apache.start()
        except BaseException:
            self._shibd.stop()
            raise

    def stop(self) -> None:
        self._apache.stop()
        self._shibd.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    def logs(self, lines: int = 60) -> str:
        """The end of every log; put it into an assertion's message, since a peer tells its reason only there."""
        names = ("shibd/shibd.log", "run/native.log", "apache.log", "shibd.out", "apache2.out")
        return "\n".join(f"--- {name}\n{tail(self._directory / name, lines)}" for name in names)

    @staticmethod
    def attributes(page: str) -> dict[str, str]:
        """What a protected page lists, by name."""
        return {name: value for name, equals, value in (line.partition("=") for line in page.splitlines()) if equals}

    def _process(self, name: str, command: Sequence[str | Path], ready: Callable[[], bool]) -> ServerProcess:
        return ServerProcess(name, command, log=self._directory / f"{name}.out", ready=ready)

    def _shibd_listens(self) -> bool:
        return (self._directory / "shibd" / "shibd.sock").exists()

    def _lay_out(self) -> None:
        self._directory.chmod(0o755)
        for name, account in (("shibd", "_shibd"), ("run", "www-data"), ("htdocs", None), ("cgi", None)):
            folder = self._directory / name
            folder.mkdir()
            _give(folder, account)
        self._write_keys("shibboleth", self.shib_keys, "_shibd")
        self._write_keys("mellon", self.mellon_keys, "www-data")
        self._write("mellon-metadata.xml", self.mellon_metadata)
        self._write("attribute-map.xml", files.attribute_map(self._attributes).encode())
        self._write("security-policy.xml", files.security_policy().encode())
        self._write("shibd.logger", files.logger(self._directory / "shibd" / "shibd.log", "INFO").encode())
        self._write("native.logger", files.logger(self._directory / "run" / "native.log", "WARN").encode())
        self._write("apache.conf", files.apache_conf(self._directory, self._port).encode())
        page = self._write("cgi/page", files.PAGE.encode())
        page.chmod(0o755)

    def _write(self, name: str, content: bytes) -> Path:
        path = self._directory / name
        path.write_bytes(content)
        return path

    def _write_keys(self, name: str, keys: KeyPair, account: str) -> None:
        for path in keys.write(self._directory, name):
            _give(path, account)


def _give(path: Path, account: str | None) -> None:
    if account is not None and os.geteuid() == 0:
        shutil.chown(path, account, account)


def _shibd_command(directory: Path) -> list[str | Path]:
    command: list[str | Path] = [program("shibd"), "-f", "-F", "-c", directory / "shibboleth2.xml"]
    return [*command, "-u", "_shibd", "-g", "_shibd"] if os.geteuid() == 0 else command
