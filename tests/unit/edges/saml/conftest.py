"""A service provider that is not there: its metadata, and requests as it would write and sign them (with xmlsec)."""

import base64
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus
from xml.sax.saxutils import quoteattr

import pytest
from onelogin.saml2.utils import OneLogin_Saml2_Utils  # type: ignore[import-untyped]

from connector.core.keys import KeyRing
from connector.storage.db import Database
from tests.saml_world import World, make_world
from tests.servers.pki import KeyPair, self_signed_rsa
from tests.servers.sp_metadata import ARTIFACT, PAOS, POST, SOAP, Endpoint, service_provider_metadata

BASE = "https://connector.example"
ACS, PAOS_ACS, SLO = "https://app.example/acs", "https://app.example/paos", "https://app.example/slo"
ART_ACS = "https://app.example/artifact"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"


@dataclass(frozen=True)
class App:
    """A service provider that signs its requests."""

    keys: KeyPair
    entity_id: str = "https://app.example/metadata"

    @property
    def metadata(self) -> bytes:
        consumers = [Endpoint(POST, ACS), Endpoint(PAOS, PAOS_ACS), Endpoint(ARTIFACT, ART_ACS)]
        return service_provider_metadata(self.entity_id, self.keys, consumers=consumers, logouts=[Endpoint(SOAP, SLO)])

    def request(self, *, inside: str = "", issuer: str | None = None, **attributes: str | None) -> str:
        """An AuthnRequest, unsigned; an attribute that is None is left out."""
        values: dict[str, str | None] = {
            "ID": "_request-1",
            "Version": "2.0",
            "IssueInstant": "2027-03-01T12:00:00Z",
            **attributes,
        }
        written = " ".join(f"{name}={quoteattr(value)}" for name, value in values.items() if value is not None)
        return (
            '<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" '
            f'xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" {written}>'
            f"<saml:Issuer>{issuer or self.entity_id}</saml:Issuer>{inside}</samlp:AuthnRequest>"
        )

    def signed(self, request: str) -> str:
        made: bytes = OneLogin_Saml2_Utils.add_sign(
            request, self.keys.key_pem.decode(), self.keys.certificate_pem.decode()
        )
        return made.decode()

    def query(self, request: str, relay_state: str | None = None, *, sign: bool = True) -> str:
        """The query of the Redirect binding."""
        deflate = zlib.compressobj(wbits=-15)
        message = base64.b64encode(deflate.compress(request.encode()) + deflate.flush()).decode()
        parts = {"SAMLRequest": message, "RelayState": relay_state, "SigAlg": RSA_SHA256 if sign else None}
        query = "&".join(f"{name}={quote_plus(value)}" for name, value in parts.items() if value is not None)
        if not sign:
            return query
        value = OneLogin_Saml2_Utils.sign_binary(query, self.keys.key_pem.decode())
        return f"{query}&Signature={quote_plus(base64.b64encode(value).decode())}"


def soap(message: str) -> bytes:
    return (
        '<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body>' + message + "</S:Body></S:Envelope>"
    ).encode()


@pytest.fixture(scope="session")
def app() -> App:
    return App(self_signed_rsa("app"))


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return KeyRing(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def world(tmp_path: Path, database: Database, app: App, keys: KeyRing) -> World:
    made = make_world(tmp_path, base_url=BASE, database=database, keys=keys)
    made.register("App", app.metadata)
    return made


@dataclass(frozen=True)
class Agent:
    """An agent at the door: sends requests with its own token."""

    world: World
    id: str

    def ecp(self, message: str | bytes) -> Any:
        content = soap(message) if isinstance(message, str) else message
        return self._client.post("/saml/ecp", data=content, headers=self._headers, content_type="text/xml")

    def redirect(self, query: str) -> Any:
        return self._client.get("/saml/sso?" + query, headers=self._headers)

    def post(self, message: str | bytes, relay_state: str | None = None) -> Any:
        content = message.encode() if isinstance(message, str) else message
        form = {"SAMLRequest": base64.b64encode(content).decode()}
        if relay_state is not None:
            form["RelayState"] = relay_state
        return self._client.post("/saml/sso", data=form, headers=self._headers)

    def ask(self, certificate: KeyPair | None = None, /, **body: Any) -> Any:
        """Direct issue, over a connection with that certificate."""
        environ = {"SSL_CLIENT_CERT": certificate.certificate_pem.decode()} if certificate else {}
        return self._client.post("/saml/assertions", json=body, headers=self._headers, environ_base=environ)

    def start(self, **fields: str) -> Any:
        return self._client.post("/saml/sso/init", data=fields, headers=self._headers)

    @property
    def _client(self) -> Any:
        return self.world.app.test_client()

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.id}"}


@pytest.fixture
def agent(world: World) -> Agent:
    return Agent(world, world.agent("matcher"))
