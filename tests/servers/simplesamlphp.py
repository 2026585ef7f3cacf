"""SimpleSAMLphp as a workforce IdP, on PHP's own web server: users in a file, requests checked, everything signed."""

import os
from pathlib import Path
from typing import Self

import requests
from lxml import etree

from tests.servers.pki import self_signed_rsa
from tests.servers.process import HOST, ServerProcess, free_port
from tests.servers.system_packages import program

_WWW = Path("/usr/share/simplesamlphp/www")
# What its documentation has administrators write where contexts are to be heeded; as it comes, it does as it does anyway.
_HEED = """
$asked = $state["saml:RequestedAuthnContext"]["AuthnContextClassRef"] ?? [];
$fitting = array_intersect($asked, explode(" ", "%s"));
if ($asked && !$fitting) throw new \\SimpleSAML\\Module\\saml\\Error\\NoAuthnContext(\\SAML2\\Constants::STATUS_RESPONDER);
if ($asked) $state["saml:AuthnContextClassRef"] = reset($fitting);
"""
_MD = {"md": "urn:oasis:names:tc:SAML:2.0:metadata", "ds": "http://www.w3.org/2000/09/xmldsig#"}


class SimpleSamlPhp:
    """`metadata_url` is what a service provider needs; `user` and `password` are somebody's, who is in `group`."""

    user, password, group = "grace", "grace-password", "connector-admins"

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self.metadata_url = f"{self.url}/saml2/idp/metadata.php?output=xml"
        self._folder = directory
        self._filters = ""
        self._write_configuration()
        self._process = ServerProcess(
            "simplesamlphp",
            [
                program("php"),
                "-d",
                "error_reporting=0",
                "-d",
                "opcache.enable=0",
                "-S",
                f"{HOST}:{self.port}",
                "-t",
                _WWW,
            ],
            log=directory / "php.log",
            ready=self._answers,
            timeout=30,
            env={"PATH": os.defpath, "SIMPLESAMLPHP_CONFIG_DIR": str(directory / "config")},
            cwd=directory,
        )

    @classmethod
    def start(cls, directory: Path) -> Self:
        directory.mkdir(parents=True, exist_ok=True)
        server = cls(directory)
        server._process.start()
        return server

    def stop(self) -> None:
        self._process.stop()

    def add_service_provider(self, metadata: bytes, *, encrypt: bool = False) -> None:
        """What its administrator would do with the converter of metadata; it is read with each request."""
        root = etree.fromstring(metadata)
        places = {
            kind: [(one.get("Binding"), one.get("Location")) for one in root.iterfind(f".//md:{kind}", _MD)]
            for kind in ("AssertionConsumerService", "SingleLogoutService")
        }
        keys = "".join(
            f"['{one.get('use')}' => true, 'type' => 'X509Certificate',"
            f" 'X509Certificate' => '{one.findtext('.//ds:X509Certificate', namespaces=_MD)}'],"
            for one in root.iterfind(".//md:KeyDescriptor", _MD)
        )
        services = "".join(
            f"'{kind}' => ["
            + "".join(f"['index' => {i}, 'Binding' => '{b}', 'Location' => '{p}']," for i, (b, p) in enumerate(found))
            + "],"
            for kind, found in places.items()
        )
        (self._folder / "metadata" / "saml20-sp-remote.php").write_text(
            f"<?php $metadata['{root.get('entityID')}'] = [{services} 'keys' => [{keys}],"
            " 'validate.authnrequest' => true, 'validate.logout' => true,"
            " 'NameIDFormat' => 'urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified',"
            f" 'simplesaml.nameidattribute' => 'uid', 'assertion.encryption' => {str(encrypt).lower()}];"
        )

    def heed_contexts(self, *classes: str) -> None:
        """Of the contexts that are asked for, it knows these; of none, it does as it comes."""
        code = _HEED % " ".join(classes)
        self._filters = f"'authproc' => [50 => ['class' => 'core:PHP', 'code' => '{code}']]," if classes else ""
        self.sign_with("old")

    def sign_with(self, key: str, *, announce: str | None = None) -> None:
        """`old` or `new` signs from now on; the metadata also have the certificate of the one that is announced."""
        following = f"'new_privatekey' => '{announce}.key', 'new_certificate' => '{announce}.crt'," if announce else ""
        (self._folder / "metadata" / "saml20-idp-hosted.php").write_text(
            f"""<?php $metadata['{self.url}/idp'] = ['host' => '__DEFAULT__', 'auth' => 'users', {following} {self._filters}
            'privatekey' => '{key}.key', 'certificate' => '{key}.crt', 'redirect.sign' => true, 'sign.logout' => true,
            ];"""
        )

    def _answers(self) -> bool:
        try:
            return requests.get(self.metadata_url, timeout=5).ok
        except requests.ConnectionError:
            return False

    def _write_configuration(self) -> None:
        for name in ("config", "metadata", "cert", "data", "tmp", "log"):
            (self._folder / name).mkdir(exist_ok=True)
        for name in ("old", "new"):
            self_signed_rsa(f"simplesamlphp {name}").write(self._folder / "cert", name)
        self.sign_with("old")
        folder, config = self._folder, self._folder / "config"
        (config / "config.php").write_text(
            f"""<?php $config = [
            'baseurlpath' => '{self.url}/', 'certdir' => '{folder}/cert/', 'metadatadir' => '{folder}/metadata/',
            'tempdir' => '{folder}/tmp/', 'datadir' => '{folder}/data/', 'loggingdir' => '{folder}/log/',
            'secretsalt' => 'only for these tests', 'auth.adminpassword' => 'only for these tests',
            'enable.saml20-idp' => true, 'module.enable' => ['exampleauth' => true, 'core' => true, 'saml' => true],
            'session.cookie.secure' => false, 'session.cookie.samesite' => null, 'logging.handler' => 'file',
            'store.type' => 'sql', 'store.sql.dsn' => 'sqlite:{folder}/data/store.sq3',
            'trusted.url.domains' => null, 'metadata.sources' => [['type' => 'flatfile', 'directory' => '{folder}/metadata']],
            ];"""
        )
        (config / "authsources.php").write_text(
            f"""<?php $config = ['users' => ['exampleauth:UserPass',
            '{self.user}:{self.password}' => ['uid' => ['{self.user}'], 'groups' => ['staff', '{self.group}']],
            ]];"""
        )
