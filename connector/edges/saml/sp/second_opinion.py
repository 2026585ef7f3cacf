"""python3-saml's opinion of a Response that our own verifier accepts: another parser's, another canonicaliser's, another reader's.

It is asked only about what we accept: what we refuse is refused, and its XML libraries see nothing that strangers wrote.
"""

import base64
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings

from connector.edges.saml import names
from connector.edges.saml.sp.response import Expected, Judged


def objection(encoded: str, expected: Expected, judged: Judged) -> str | None:
    """What the other library makes of the message in base64 that differs from what we made of it; None where it agrees."""
    place = urlsplit(expected.acs)
    request = {
        "https": "on" if place.scheme == "https" else "off",
        "http_host": place.netloc,
        "script_name": place.path,
        "get_data": {},
        "post_data": {"SAMLResponse": encoded},
    }
    try:
        response = OneLogin_Saml2_Response(_settings(expected, judged), encoded)
        if not response.is_valid(request, request_id=judged.assertion.request, raise_exceptions=False):
            return f"python3-saml refuses it: {response.get_error()}"
        other = (response.get_nameid(), response.get_nameid_format(), response.get_session_index())
        values = {name: _texts(one) for name, one in response.get_attributes().items()}
    except Exception as problem:  # noqa: BLE001  # whatever it trips over, it does not agree
        return f"python3-saml fails on it: {type(problem).__name__}: {problem}"
    ours = judged.assertion
    if (other[0] or "").strip() != ours.subject or other[1] != ours.format or other[2] != ours.session_index:
        return f"python3-saml reads another subject: {other}"
    if {name: one for name, one in values.items() if one} != {n: one for n, one in ours.attributes.items() if one}:
        return "python3-saml reads other attributes"
    return None


def _texts(values: object) -> tuple[str, ...]:
    """Attribute values as we keep them: texts with something in them."""
    return (
        tuple(one.strip() for one in values if isinstance(one, str) and one.strip()) if isinstance(values, list) else ()
    )


def _settings(expected: Expected, judged: Judged) -> OneLogin_Saml2_Settings:
    certificates = [base64.b64encode(one).decode() for one in expected.idp.certificates]
    key = judged.key.private if judged.key else None
    pem = ""
    if key is not None:
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
    return OneLogin_Saml2_Settings(
        {
            "strict": True,
            "sp": {
                "entityId": expected.audience,
                "assertionConsumerService": {"url": expected.acs, "binding": names.BINDING_POST},
                "privateKey": pem,
            },
            "idp": {
                "entityId": expected.idp.entity_id,
                "singleSignOnService": {"url": expected.idp.sign_on, "binding": names.BINDING_REDIRECT},
                "x509certMulti": {"signing": certificates},
            },
            "security": {
                "rejectDeprecatedAlgorithm": True,
                "allowRepeatAttributeName": True,
                "wantAttributeStatement": False,
                "requestedAuthnContext": False,
            },
        },
        sp_validation_only=True,
    )
