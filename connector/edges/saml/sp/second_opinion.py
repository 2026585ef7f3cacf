"""python3-saml's opinion of a Response that our own verifier accepts: another parser's, another canonicaliser's, another reader's.

It is asked only about what we accept: what we refuse is refused, and its XML libraries see nothing that strangers wrote. What was
encrypted it sees decrypted, because it knows only the oldest of the encryption that IdPs use; and so it needs none of our keys.
"""

import base64
from functools import partial
from ssl import DER_cert_to_PEM_cert
from urllib.parse import urlsplit

from onelogin.saml2.errors import OneLogin_Saml2_ValidationError
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from onelogin.saml2.utils import OneLogin_Saml2_Utils

from connector.edges.saml import xml
from connector.edges.saml.names import DS, SAML
from connector.edges.saml.sp.response import Expected, Judged

_SIGNATURE = xml.name(DS, "Signature")
_parsed = partial(xml.parse, what="message")


def objection(content: bytes, expected: Expected, judged: Judged) -> str | None:
    """What the other library makes of the message that differs from what we made of it; None where it agrees."""
    try:
        return _objection(content, expected, judged)
    except Exception as problem:  # noqa: BLE001  # whatever it trips over, it does not agree
        return f"python3-saml refuses it: {str(problem) or type(problem).__name__}"


def _objection(content: bytes, expected: Expected, judged: Judged) -> str | None:
    certificates = [DER_cert_to_PEM_cert(one) for one in expected.idp.certificates]
    sealed = judged.opened is not None
    if sealed and _signed(content) and not _response_signature(content, certificates):
        return "python3-saml does not verify the signature of the Response"
    shown = content if judged.opened is None else _with_opened(content, judged.opened)
    response = OneLogin_Saml2_Response(_settings(expected, certificates), base64.b64encode(shown))
    try:
        response.is_valid(_request(expected.acs), request_id=judged.assertion.request, raise_exceptions=True)
    except OneLogin_Saml2_ValidationError as problem:
        # Its last check. The Response's own signature, which covers what was encrypted, was looked at above.
        if problem.code != OneLogin_Saml2_ValidationError.NO_SIGNATURE_FOUND or not (sealed and _signed(content)):
            raise
    return _difference(response, judged)


def _difference(response: OneLogin_Saml2_Response, judged: Judged) -> str | None:
    ours = judged.assertion
    theirs = (response.get_nameid().strip(), response.get_nameid_format(), response.get_session_index())
    if theirs != (ours.subject, ours.format, ours.session_index):
        return f"python3-saml reads another subject: {theirs}"
    read = response.get_attributes()
    for name, values in ours.attributes.items():  # it shows structures as well, which we leave out
        if not set(values) <= {one.strip() for one in read.get(name, ()) if isinstance(one, str)}:
            return f"python3-saml reads other values of the attribute {name}"
    return None


def _signed(content: bytes) -> bool:
    return _parsed(content).find(_SIGNATURE) is not None


def _response_signature(content: bytes, certificates: list[str]) -> bool:
    """The Response has one; its Assertion's, which the other library would look for else, is encrypted."""
    return bool(OneLogin_Saml2_Utils.validate_sign(content, multicerts=certificates))


def _with_opened(content: bytes, opened: bytes) -> bytes:
    """The Response as it would be, had nothing been encrypted; without its own signature, which is over what was."""
    root = _parsed(content)
    signature, sealed = root.find(_SIGNATURE), root.find(xml.name(SAML, "EncryptedAssertion"))
    assert sealed is not None  # `opened` is what was in it
    if signature is not None:
        root.remove(signature)
    root.replace(sealed, _parsed(opened))
    return xml.serialise(root)


def _request(acs: str) -> dict[str, object]:
    place = urlsplit(acs)
    return {
        "https": "on" if place.scheme == "https" else "off",
        "http_host": place.netloc,
        "script_name": place.path,
    }


def _settings(expected: Expected, certificates: list[str]) -> OneLogin_Saml2_Settings:
    return OneLogin_Saml2_Settings(
        {
            "strict": True,
            "sp": {
                "entityId": expected.audience,
                "assertionConsumerService": {"url": expected.acs},
            },
            "idp": {
                "entityId": expected.idp.entity_id,
                "x509certMulti": {"signing": certificates},
            },
            "security": {
                "rejectDeprecatedAlgorithm": True,
                "allowRepeatAttributeName": True,
                "wantAttributeStatement": False,
            },
        },
        sp_validation_only=True,  # nothing is sent to the IdP
    )
