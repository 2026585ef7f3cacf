"""Messages that both of our sides send: how each begins, and Single Logout's (core sections 3.2 and 3.7). Unsigned as yet."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from lxml import etree

from connector.edges.saml import names, xml
from connector.edges.saml.names import SAML, SAMLP
from connector.edges.saml.xml import Element

_LIFE = timedelta(minutes=5)


def begun(kind: str, *, id: str, moment: datetime, issuer: str, **attributes: str | None) -> Element:
    """A message of that kind with what each has; attributes that are None are left out."""
    root = etree.Element(xml.name(SAMLP, kind), nsmap={"samlp": SAMLP, "saml": SAML})
    fixed = {"ID": id, "Version": "2.0", "IssueInstant": xml.instant(moment)}
    for key, value in {**fixed, **attributes}.items():
        if value is not None:
            root.set(key, value)
    xml.add(root, SAML, "Issuer", issuer)
    return root


def logout_request(
    *,
    id: str,
    moment: datetime,
    issuer: str,
    destination: str,
    name_id: str,
    indexes: Iterable[str],
    reason: str = names.LOGOUT_ADMIN,
) -> Element:
    """End these sessions of whom that NameID (XML, as it was issued) names."""
    until = xml.instant(moment + _LIFE)
    root = begun(
        "LogoutRequest",
        id=id,
        moment=moment,
        issuer=issuer,
        Destination=destination,
        NotOnOrAfter=until,
        Reason=reason,
    )
    root.append(xml.parse(name_id.encode(), what="NameID"))
    for index in indexes:
        xml.add(root, SAMLP, "SessionIndex", index)
    return root


def logout_response(
    *,
    id: str,
    moment: datetime,
    issuer: str,
    request_id: str,
    status: Sequence[str],
    destination: str | None = None,
) -> Element:
    """The answer to a LogoutRequest; status codes, outermost first."""
    root = begun(
        "LogoutResponse", id=id, moment=moment, issuer=issuer, Destination=destination, InResponseTo=request_id
    )
    place = xml.add(root, SAMLP, "Status")
    for code in status:
        place = xml.add(place, SAMLP, "StatusCode", Value=code)
    return root
