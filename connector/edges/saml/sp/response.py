"""A Response of a workforce IdP (profiles section 4.1.4), judged strictly: what is read was signed, and is read from those bytes.

In: the message as it came, and what is trusted. Out: the assertion's content, once every check has passed; else NotAccepted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from connector.core.keys import SigningKey
from connector.domain.vouched import Code
from connector.edges.saml import names, xml
from connector.edges.saml.names import DS, SAML, SAMLP
from connector.edges.saml.signature import verified
from connector.edges.saml.sp import asserted, decryption
from connector.edges.saml.sp.asserted import Asserted
from connector.edges.saml.sp.identity_provider import IdentityProvider
from connector.edges.saml.sp.refusal import NotAccepted, refusing
from connector.edges.saml.xml import Element

_SIGNATURE = xml.name(DS, "Signature")
_ASSERTIONS = (xml.name(SAML, "Assertion"), xml.name(SAML, "EncryptedAssertion"))


@dataclass(frozen=True)
class Expected:
    """What an answer must fit: whose it is, where it came to, for whom, when, and the keys that open what is encrypted to us."""

    idp: IdentityProvider
    acs: str
    audience: str
    now: datetime
    keys: Sequence[SigningKey]


@dataclass(frozen=True)
class Judged:
    """An accepted answer; `opened` is the assertion as it was inside, where it was encrypted."""

    assertion: Asserted
    opened: bytes | None


def issuer_of(root: Element) -> str:
    """Who the Response claims to be from: only good to find the trust to check that with."""
    with refusing(Code.MALFORMED):
        if root.tag != xml.name(SAMLP, "Response"):
            raise NotAccepted(Code.MALFORMED, f"a Response is expected, not {xml.local_name(root)}")
        found, assertion = xml.only(root, SAML, "Issuer"), root.find(xml.name(SAML, "Assertion"))
        if found is None and assertion is not None:
            found = xml.only(assertion, SAML, "Issuer")
        if found is None or not xml.text_of(found):
            raise NotAccepted(Code.MALFORMED, "the Response has no Issuer")
        return xml.text_of(found)


def accept(root: Element, expected: Expected) -> Judged:
    """The content of the one assertion; NotAccepted says what does not fit."""
    if expected.idp.valid_until is not None and expected.idp.valid_until <= expected.now:
        raise NotAccepted(Code.IDP_EXPIRED, f"the IdP's metadata ended at {xml.instant(expected.idp.valid_until)}")
    _shape(root)
    signed = root.find(_SIGNATURE) is not None
    with refusing(Code.SIGNATURE):
        response = verified(root, expected.idp.keys, nested=True) if signed else root
    _status(response)
    _check(response, expected, signed=signed)
    sealed = _only_assertion(response)
    opened = _opened(sealed, expected, authentic=signed) if sealed.tag == _ASSERTIONS[1] else None
    element = sealed if opened is None else _inside(opened)
    if element.find(_SIGNATURE) is not None:
        with refusing(Code.SIGNATURE):
            element = verified(element, expected.idp.keys)
    elif not signed:
        raise NotAccepted(Code.SIGNATURE, "neither the Response nor its Assertion is signed")
    bounds = asserted.Bounds(expected.idp.entity_id, expected.acs, expected.audience, expected.now)
    found = asserted.read(element, bounds)
    if response.get("InResponseTo") not in (None, found.request):
        # the wrapper may be anybody's: what the IdP answers stands in the assertion that it signed
        raise NotAccepted(Code.UNSOLICITED, "Response and SubjectConfirmationData do not answer the same request")
    return Judged(found, opened)


def _shape(root: Element) -> None:
    """Signatures and assertions stand where the schema has them and nowhere else: nothing is left to wrap (XSW)."""
    assertions = [one for one in root.iter(*_ASSERTIONS)]
    if len(assertions) > 1 or any(one.getparent() is not root for one in assertions):
        raise NotAccepted(Code.SIGNATURE, "the Response must hold its one assertion, and no other anywhere")
    for one in root.iter(_SIGNATURE):
        if one.getparent() is not root and one.getparent() not in assertions:
            raise NotAccepted(Code.SIGNATURE, "a Signature is neither the Response's own nor its Assertion's")


def _status(response: Element) -> None:
    with refusing(Code.MALFORMED):
        status = xml.only(response, SAMLP, "Status")
        code = xml.only(status, SAMLP, "StatusCode") if status is not None else None
    if code is None:
        raise NotAccepted(Code.MALFORMED, "the Response has no StatusCode")
    if code.get("Value") != names.SUCCESS:
        said = [str(one.get("Value")).rpartition(":")[2][:60] for one in code.iter(xml.name(SAMLP, "StatusCode"))]
        none_such = any(one.get("Value") == names.NO_AUTHN_CONTEXT for one in code)
        raise NotAccepted(Code.CONTEXT if none_such else Code.IDP_REFUSED, f"the IdP answered {', '.join(said)}")


def _check(response: Element, expected: Expected, *, signed: bool) -> None:
    if response.get("Version") != "2.0" or not response.get("ID"):
        raise NotAccepted(Code.MALFORMED, "the Response must have an ID, and Version 2.0")
    with refusing(Code.MALFORMED):
        issuer = xml.only(response, SAML, "Issuer")
        if issuer is not None and xml.text_of(issuer) != expected.idp.entity_id:
            raise NotAccepted(Code.SIGNATURE, "the Response's Issuer is another one")
    destination = response.get("Destination")
    if destination != expected.acs and (destination is not None or signed):  # bindings section 3.5.5.2
        raise NotAccepted(Code.NOT_FOR_US, f"Destination is not {expected.acs}")


def _only_assertion(response: Element) -> Element:
    found = [one for one in response if one.tag in _ASSERTIONS]
    if len(found) != 1:
        raise NotAccepted(Code.MALFORMED, "the Response has no assertion")
    return found[0]


def _opened(sealed: Element, expected: Expected, *, authentic: bool) -> bytes:
    with refusing(Code.DECRYPTION):
        return decryption.decrypted(sealed, expected.keys, authentic=authentic)


def _inside(opened: bytes) -> Element:
    with refusing(Code.DECRYPTION):
        element = xml.parse(opened, what="decrypted assertion")
        if element.tag != _ASSERTIONS[0]:
            raise NotAccepted(Code.DECRYPTION, "what is encrypted is not an Assertion")
        if sum(1 for _ in element.iter(*_ASSERTIONS)) != 1:
            raise NotAccepted(Code.SIGNATURE, "the Response must hold its one assertion, and no other anywhere")
    return element
