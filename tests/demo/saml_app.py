"""A SAML service provider built on python3-saml: the application that the demo's agent signs in to.

`python -m tests.demo.saml_app --port P --idp-metadata FILE`: `/` is protected, `/acs` takes responses, `/slo` takes logout requests
by SOAP, `/metadata` describes it. `--write-metadata FILE` writes its metadata and ends.
"""

import argparse
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, redirect, request, session
from lxml import etree
from onelogin.saml2.auth import OneLogin_Saml2_Auth
from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser
from onelogin.saml2.logout_request import OneLogin_Saml2_Logout_Request
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from onelogin.saml2.utils import OneLogin_Saml2_Utils

SAMLP = "{urn:oasis:names:tc:SAML:2.0:protocol}"
SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"


def sp_settings(base_url: str) -> dict[str, Any]:
    return {
        "strict": True,
        "sp": {
            "entityId": f"{base_url}/metadata",
            "assertionConsumerService": {
                "url": f"{base_url}/acs",
                "binding": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
            },
            "NameIDFormat": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
        },
        "security": {"wantAssertionsSigned": True, "rejectDeprecatedAlgorithm": True, "requestedAuthnContext": False},
    }


def sp_metadata(base_url: str) -> bytes:
    """python3-saml's metadata, with the SOAP logout endpoint that it does not know of."""
    text = OneLogin_Saml2_Settings(sp_settings(base_url), sp_validation_only=True).get_sp_metadata()
    root = etree.fromstring(text if isinstance(text, bytes) else text.encode())
    role = root.find("{urn:oasis:names:tc:SAML:2.0:metadata}SPSSODescriptor")
    logout = etree.Element("{urn:oasis:names:tc:SAML:2.0:metadata}SingleLogoutService")
    logout.set("Binding", "urn:oasis:names:tc:SAML:2.0:bindings:SOAP")
    logout.set("Location", f"{base_url}/slo")
    role.insert(0, logout)
    return etree.tostring(root)


def create_app(base_url: str, idp_metadata: str) -> Flask:
    idp = OneLogin_Saml2_IdPMetadataParser.parse(idp_metadata)
    settings = OneLogin_Saml2_IdPMetadataParser.merge_settings(sp_settings(base_url), idp)
    signing = settings["idp"].get("x509cert") or settings["idp"]["x509certMulti"]["signing"][0]
    certificate = OneLogin_Saml2_Utils.format_cert(signing)
    app = Flask("saml_app")
    app.secret_key = "only a demo"
    ended: set[str] = set()

    def auth() -> OneLogin_Saml2_Auth:
        told = {
            "http_host": request.host,
            "script_name": request.path,
            "get_data": request.args.to_dict(),
            "post_data": request.form.to_dict(),
        }
        return OneLogin_Saml2_Auth(told, settings)

    @app.get("/")
    def page() -> Any:
        if "agent" not in session or session["index"] in ended:
            return redirect(auth().login(return_to=f"{base_url}/"))
        return jsonify(agent=session["agent"], attributes=session["attributes"])

    @app.post("/acs")
    def consume() -> Any:
        found = auth()
        found.process_response()
        if found.get_errors():
            return Response(f"refused: {found.get_last_error_reason()}", 403)
        session["agent"], session["index"] = found.get_nameid(), found.get_session_index()
        session["attributes"] = found.get_attributes()
        return redirect(f"{base_url}/")

    @app.post("/slo")
    def logout() -> Any:
        body = etree.fromstring(request.get_data()).find(f"{SOAP}Body")
        message = etree.tostring(body.find(f"{SAMLP}LogoutRequest"))
        signed = OneLogin_Saml2_Utils.validate_sign(
            message, cert=certificate, xpath="/samlp:LogoutRequest/ds:Signature"
        )
        if not signed:
            return Response("the logout request is not signed by the identity provider", 403)
        ended.update(OneLogin_Saml2_Logout_Request.get_session_indexes(message))
        answer = (
            '<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body>'
            '<samlp:LogoutResponse xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" Version="2.0" '
            f'ID="{OneLogin_Saml2_Utils.generate_unique_id()}" '
            f'InResponseTo="{OneLogin_Saml2_Logout_Request.get_id(message)}" '
            f'IssueInstant="{OneLogin_Saml2_Utils.parse_time_to_SAML(OneLogin_Saml2_Utils.now())}">'
            f'<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">{base_url}/metadata</saml:Issuer>'
            '<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>'
            "</samlp:LogoutResponse></S:Body></S:Envelope>"
        )
        return Response(answer, content_type="text/xml")

    return app


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--idp-metadata", type=Path)
    parser.add_argument("--write-metadata", type=Path)
    given = parser.parse_args()
    base_url = f"http://127.0.0.1:{given.port}"
    if given.write_metadata:
        given.write_metadata.write_bytes(sp_metadata(base_url))
        return
    create_app(base_url, given.idp_metadata.read_text()).run("127.0.0.1", given.port)


if __name__ == "__main__":
    main()
