"""Single Logout, inbound: an application tells us by SOAP that it has ended sessions (profiles 4.4, SOAP binding).

Each sign-on is a session of its own, so there are no other participants to pass the request on to.
"""

from connector.core.errors import Invalid
from connector.domain import sessions
from connector.domain.unit import SYSTEM
from connector.edges.saml import messages, names, request, signature, soap, xml
from connector.edges.saml.idp import IdentityProvider, application
from connector.edges.saml.names import SAML, SAMLP
from connector.edges.saml.xml import Element


def answer(idp: IdentityProvider, content: bytes) -> bytes:
    """The signed LogoutResponse, in SOAP. Invalid where the request is not provably the application's own."""
    received = soap.body_of(content)
    issuer = request.issuer_of(received, "LogoutRequest")
    element = signature.verified(received, application(idp, issuer).provider.signing_keys)
    _check(idp, element, issuer)
    indexes = [xml.text_of(one) for one in element.findall(xml.name(SAMLP, "SessionIndex"))]
    name_id = xml.only(element, SAML, "NameID")
    if name_id is None or not indexes:
        raise Invalid("the LogoutRequest must name a NameID and the SessionIndexes", field="SessionIndex")
    with idp.domain.change(SYSTEM) as unit:
        found = [one for one in sessions.open_at(unit, issuer, indexes) if _value(one.name_id) == xml.text_of(name_id)]
        if found:
            sessions.ended_by_application(unit, issuer, found)
    status = (names.SUCCESS,) if found else (names.REQUESTER, names.UNKNOWN_PRINCIPAL)
    return soap.envelope(_response(idp, element.get("ID", ""), *status))


def _check(idp: IdentityProvider, element: Element, issuer: str) -> None:
    now = idp.domain.database.clock()
    request.check_addressed(element, issuer, "LogoutRequest", idp.location("slo"), now)
    until = element.get("NotOnOrAfter")
    if until is not None and xml.moment(until, field="NotOnOrAfter") + request.SKEW <= now:
        raise Invalid("the LogoutRequest has expired", field="NotOnOrAfter")


def _value(name_id: str) -> str:
    return xml.text_of(xml.parse(name_id.encode(), what="NameID"))


def _response(idp: IdentityProvider, request_id: str, *codes: str) -> str:
    moment, status = idp.domain.database.clock(), messages.status(*codes)
    response = messages.logout_response(
        id=idp.new_id(), moment=moment, issuer=idp.entity_id, request_id=request_id, status=status
    )
    return idp.signer.sign(response)
