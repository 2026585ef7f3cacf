"""LemonLDAP::NG as a workforce IdP (its SAML is Lasso's), with the demonstration users that it comes with."""

import json
import os
from pathlib import Path
from typing import Any, Self

import requests

from tests.servers.pki import KeyPair, self_signed_rsa
from tests.servers.process import HOST, ServerProcess, free_port
from tests.servers.system_packages import program

_PACKAGED = Path("/var/lib/lemonldap-ng/conf/lmConf-1.json")
_PORTAL = Path("/usr/share/lemonldap-ng/portal/htdocs/index.psgi")
_INI = """[all]
logLevel = info
checkTime = 1
[configuration]
type = File
dirName = {folder}/conf
localStorage = Cache::FileCache
localStorageOptions = {{ 'namespace' => 'config', 'default_expires_in' => 600, 'cache_root' => '{folder}/cache' }}
[portal]
staticPrefix = /static
templateDir = /usr/share/lemonldap-ng/portal/templates
languages = en
[handler]
status = 0
"""


class LemonLdap:
    """`metadata_url` is what a service provider needs; `user` and `password` are somebody's whose mail is `email`."""

    user, password, email = "dwho", "dwho", "dwho@badwolf.org"

    def __init__(self, directory: Path, service_provider: bytes, port: int) -> None:
        self.url = f"http://{HOST}:{port}"
        self.metadata_url = f"{self.url}/saml/metadata"
        self._folder = directory
        self._write_configuration(service_provider, self_signed_rsa("lemonldap"))
        command = ["plackup", "-s", "Starman", "--workers", "1", "--host", HOST, "--port", str(port)]
        self._process = ServerProcess(
            "lemonldap",
            [program(command[0]), *command[1:], directory / "portal.psgi"],
            log=directory / "lemonldap.log",
            ready=self._answers,
            timeout=60,
            env={"PATH": os.defpath, "LLNG_DEFAULTCONFFILE": str(directory / "lemonldap-ng.ini")},
            cwd=directory,
        )

    @classmethod
    def start(cls, directory: Path, service_provider: bytes) -> Self:
        """It is told of the service provider before it starts: configuration has a version number, and is cached."""
        directory.mkdir(parents=True, exist_ok=True)
        server = cls(directory, service_provider, free_port())
        server._process.start()
        return server

    def stop(self) -> None:
        self._process.stop()

    def _answers(self) -> bool:
        try:
            return requests.get(self.metadata_url, timeout=10).ok
        except requests.ConnectionError:
            return False

    def _write_configuration(self, service_provider: bytes, keys: KeyPair) -> None:
        for name in ("conf", "cache", "sessions", "sessions/lock", "psessions", "psessions/lock", "saml", "saml/lock"):
            (self._folder / name).mkdir(exist_ok=True)
        (self._folder / "lemonldap-ng.ini").write_text(_INI.format(folder=self._folder))
        (self._folder / "portal.psgi").write_text(_PORTAL.read_text())

        def stored(name: str) -> dict[str, str]:
            place = str(self._folder / name)
            return {"Directory": place, "LockDirectory": f"{place}/lock", "generateModule": _GENERATE}

        private, certificate = keys.key_pem.decode(), keys.certificate_pem.decode()
        own: dict[str, Any] = {
            "portal": f"{self.url}/",
            "domain": HOST,
            "securedCookie": 0,
            "requireToken": 0,
            "issuerDBSAMLActivation": 1,
            "samlEntityID": "#PORTAL#/saml/metadata",
            "samlServicePrivateKeySig": private,
            "samlServicePublicKeySig": certificate,
            "samlServiceSignatureMethod": "RSA_SHA256",
            "samlServiceUseCertificateInResponse": 1,
            "samlSPMetaDataXML": {"console": {"samlSPMetaDataXML": service_provider.decode()}},
            "samlSPMetaDataOptions": {
                "console": {
                    "samlSPMetaDataOptionsCheckSSOMessageSignature": 1,
                    "samlSPMetaDataOptionsCheckSLOMessageSignature": 1,
                    "samlSPMetaDataOptionsSignSSOMessage": 1,
                    "samlSPMetaDataOptionsSignSLOMessage": 1,
                    "samlSPMetaDataOptionsNameIDFormat": "email",
                    "samlSPMetaDataOptionsSignatureMethod": "RSA_SHA256",
                }
            },
            "samlSPMetaDataExportedAttributes": {"console": {"cn": "1;cn;basic;cn", "mail": "1;mail;basic;mail"}},
            "globalStorageOptions": stored("sessions"),
            "persistentStorageOptions": stored("psessions"),
            "portalDisplayRegister": 0,
            "portalDisplayResetPassword": 0,
            "captcha_login_enabled": 0,
        }
        packaged = json.loads(_PACKAGED.read_text())
        (self._folder / "conf" / "lmConf-1.json").write_text(json.dumps({**packaged, **own}))


_GENERATE = "Lemonldap::NG::Common::Apache::Session::Generate::SHA256"
