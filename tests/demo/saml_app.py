"""A SAML application for demonstrations: shows whoever signs in what the identity provider said about it.

    python -m tests.demo.saml_app --port 8081 --idp-metadata http://127.0.0.1:8080/saml/metadata

A service provider of another maker (python3-saml on xmlsec) in a process of its own. `/` needs a session and shows it;
`/metadata` is to be registered at the identity provider; `/slo` takes signed LogoutRequests by SOAP.
"""

import argparse
import secrets
import time
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import flask
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from onelogin.saml2.auth import OneLogin_Saml2_Auth  # type: ignore[import-untyped]
from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser  # type: ignore[import-untyped]
from onelogin.saml2.logout_request import OneLogin_Saml2_Logout_Request as _Logout  # type: ignore[import-untyped]
from onelogin.saml2.settings import OneLogin_Saml2_Settings  # type: ignore[import-untyped]
from onelogin.saml2.utils import OneLogin_Saml2_Utils, OneLogin_Saml2_ValidationError  # type: ignore[import-untyped]
from onelogin.saml2.xml_utils import OneLogin_Saml2_XML  # type: ignore[import-untyped]

_BINDING = "urn:oasis:names:tc:SAML:2.0:bindings:"
_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_METADATA_LIFE = timedelta(days=30)


class Application:
    """Sessions live here and not in the cookie, so that the identity provider can end them."""

    def __init__(self, base_url: str, idp_metadata: bytes) -> None:
        self.base_url = base_url
        self.settings = OneLogin_Saml2_Settings(_settings(base_url, idp_metadata))
        self.sessions: dict[str, dict[str, Any]] = {}
        self._seen: set[str] = set()

    def home(self) -> flask.typing.ResponseReturnValue:
        session = self.sessions.get(flask.session.get("index", ""))
        if session is not None and session["until"] > time.time():
            return flask.jsonify(session["shown"])
        auth = self._auth()
        location = auth.login(return_to="/")
        flask.session["request"] = auth.get_last_request_id()
        return flask.redirect(location)

    def acs(self) -> flask.typing.ResponseReturnValue:
        auth = self._auth()
        request_id = flask.session.pop("request", None)
        if request_id is None:  # python3-saml compares only where it is given one
            return "this browser did not ask to sign in\n", 403
        auth.process_response(request_id=request_id)
        assertion_id = auth.get_last_assertion_id()
        if auth.get_errors() or not auth.is_authenticated() or assertion_id in self._seen:
            return f"not signed in: {auth.get_last_error_reason() or 'refused'}\n", 403
        self._seen.add(assertion_id)
        index = auth.get_session_index()
        self.sessions[index] = {
            "name_id": auth.get_nameid(),
            "until": auth.get_session_expiration() or time.time() + 3600,
            "shown": {"nameId": auth.get_nameid(), "attributes": auth.get_friendlyname_attributes()},
        }
        flask.session["index"] = index
        return flask.redirect("/")

    def metadata(self) -> flask.Response:
        return flask.Response(self.settings.get_sp_metadata(), content_type="application/samlmetadata+xml")

    def slo(self) -> flask.typing.ResponseReturnValue:
        """A LogoutRequest counts only if the identity provider signed it, for us, and not long ago."""
        try:
            envelope = OneLogin_Saml2_XML.to_etree(flask.request.get_data())
            request = etree.tostring(envelope.find(f"{{{_SOAP}}}Body")[0], with_tail=False)
            self._check(request)
        except (OneLogin_Saml2_ValidationError, etree.LxmlError, ValueError, TypeError, IndexError) as problem:
            return flask.Response(_fault(str(problem)), 500, content_type="text/xml")
        indexes, name_id = _Logout.get_session_indexes(request), _Logout.get_nameid(request)
        for index, session in list(self.sessions.items()):
            if session["name_id"] == name_id and (not indexes or index in indexes):
                del self.sessions[index]
        answer = self._logout_response(_Logout.get_id(request))
        return flask.Response(_envelope(answer), content_type="text/xml")

    def _check(self, request: bytes) -> None:
        root = OneLogin_Saml2_XML.to_etree(request)
        if not OneLogin_Saml2_Utils.validate_sign(
            request, cert=self.settings.get_idp_data()["x509cert"], xpath="/samlp:LogoutRequest/ds:Signature"
        ):
            raise ValueError("the LogoutRequest is not signed by the identity provider")
        if _Logout.get_issuer(root) != self.settings.get_idp_data()["entityId"]:
            raise ValueError("the LogoutRequest is from somebody else")
        if root.get("Destination") != f"{self.base_url}/slo":
            raise ValueError("the LogoutRequest is for somebody else")
        if OneLogin_Saml2_Utils.parse_SAML_to_time(root.get("NotOnOrAfter")) <= time.time():
            raise ValueError("the LogoutRequest is too old")

    def _logout_response(self, request_id: str) -> str:
        content = (
            '<samlp:LogoutResponse xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" '
            'xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" '
            f'ID="_{secrets.token_hex(20)}" Version="2.0" IssueInstant="{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}" '
            f'InResponseTo="{escape(request_id)}"><saml:Issuer>{self.base_url}/metadata'
            '</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/>'
            "</samlp:Status></samlp:LogoutResponse>"
        )
        key, certificate = self.settings.get_sp_key(), self.settings.get_sp_cert()
        signed: bytes = OneLogin_Saml2_Utils.add_sign(content, key, certificate)
        return signed.decode()

    def _auth(self) -> Any:
        request = {
            "https": "on" if self.base_url.startswith("https:") else "off",
            "http_host": self.base_url.partition("://")[2],
            "script_name": flask.request.path,
            "get_data": flask.request.args.to_dict(),
            "post_data": flask.request.form.to_dict(),
        }
        return OneLogin_Saml2_Auth(request, old_settings=self.settings)


def _settings(base_url: str, idp_metadata: bytes) -> dict[str, Any]:
    key, certificate = _key_pair()
    found = OneLogin_Saml2_IdPMetadataParser.parse(idp_metadata.decode())
    return {
        "strict": True,
        "sp": {
            "entityId": f"{base_url}/metadata",
            "assertionConsumerService": {"url": f"{base_url}/acs", "binding": _BINDING + "HTTP-POST"},
            "singleLogoutService": {"url": f"{base_url}/slo", "binding": _BINDING + "SOAP"},
            "NameIDFormat": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
            "x509cert": certificate,
            "privateKey": key,
        },
        "idp": found["idp"],
        "security": {
            "authnRequestsSigned": True,
            "wantAssertionsSigned": True,
            "wantMessagesSigned": True,
            "rejectDeprecatedAlgorithm": True,
            "requestedAuthnContext": False,
            "metadataValidUntil": f"{datetime.now(UTC) + _METADATA_LIFE:%Y-%m-%dT%H:%M:%SZ}",
        },
    }


def _key_pair() -> tuple[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "SAML demonstration application")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now)
    certificate = builder.not_valid_after(now + timedelta(days=365)).sign(key, hashes.SHA256())
    pem, pkcs8, plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(pem, pkcs8, plain).decode(), certificate.public_bytes(pem).decode()


def _envelope(content: str) -> str:
    return f'<S:Envelope xmlns:S="{_SOAP}"><S:Body>{content}</S:Body></S:Envelope>'


def _fault(detail: str) -> bytes:
    root = etree.fromstring(_envelope("<S:Fault><faultcode>S:Client</faultcode><faultstring/></S:Fault>"))
    root[0][0][1].text = detail
    return etree.tostring(root)


def create_app(base_url: str, idp_metadata: bytes) -> flask.Flask:
    application = Application(base_url, idp_metadata)
    app = flask.Flask("saml_app")
    app.config.update(SECRET_KEY=secrets.token_hex(32), SESSION_COOKIE_NAME="saml_app")
    app.add_url_rule("/", view_func=application.home, methods=["GET"])
    app.add_url_rule("/acs", view_func=application.acs, methods=["POST"])
    app.add_url_rule("/metadata", view_func=application.metadata, methods=["GET"])
    app.add_url_rule("/slo", view_func=application.slo, methods=["POST"])
    return app


def main() -> None:
    parser = argparse.ArgumentParser(description="A SAML application that shows who signed in.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--idp-metadata", required=True, metavar="FILE_OR_URL")
    given = parser.parse_args()
    place: str = given.idp_metadata
    remote = place.startswith(("http://", "https://"))
    metadata = urlopen(place, timeout=10).read() if remote else Path(place).read_bytes()
    create_app(f"http://127.0.0.1:{given.port}", metadata).run("127.0.0.1", given.port)


if __name__ == "__main__":
    main()
