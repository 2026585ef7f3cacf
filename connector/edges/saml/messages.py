"""Messages that both of our sides send: how each begins, and Single Logout's (core sections 3.2 and 3.7). Canonical, unsigned as yet."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from connector.edges.saml import names, xml
from connector.edges.saml.canonical import attributes, text
from connector.edges.saml.names import SAML, SAMLP

DECLARED = f' xmlns:samlp="{SAMLP}"'
_LIFE = timedelta(minutes=5)


def message(kind: str, *content: str, id: str, moment: datetime, issuer: str, **more: str | None) -> str:
    """A message of that kind, with what each has, and that content; attributes that are None are left out."""
    fixed = {"ID": id, "IssueInstant": xml.instant(moment), "Version": "2.0"}
    return (
        f"<samlp:{kind}{DECLARED}{attributes(fixed | more)}>"
        f'<saml:Issuer xmlns:saml="{SAML}">{text(issuer)}</saml:Issuer>{"".join(content)}</samlp:{kind}>'
    )


def status(*codes: str, detail: str | None = None) -> str:
    """A Status; codes, outermost first, and a sentence (core section 3.2.2.1)."""
    nested = ""
    for code in reversed(codes):
        nested = f'<samlp:StatusCode Value="{code}">{nested}</samlp:StatusCode>'
    told = f"<samlp:StatusMessage>{text(detail)}</samlp:StatusMessage>" if detail else ""
    return f"<samlp:Status>{nested}{told}</samlp:Status>"


def logout_request(
    *,
    id: str,
    moment: datetime,
    issuer: str,
    destination: str,
    name_id: str,
    indexes: Iterable[str],
    reason: str = names.LOGOUT_ADMIN,
) -> str:
    """End these sessions of whom that NameID (canonical XML, as it was issued) names."""
    return message(
        "LogoutRequest",
        name_id,
        *(f"<samlp:SessionIndex>{text(index)}</samlp:SessionIndex>" for index in indexes),
        id=id,
        moment=moment,
        issuer=issuer,
        Destination=destination,
        NotOnOrAfter=xml.instant(moment + _LIFE),
        Reason=reason,
    )


def logout_response(
    *, id: str, moment: datetime, issuer: str, request_id: str, status: str, destination: str | None = None
) -> str:
    """The answer to a LogoutRequest, with that Status."""
    return message(
        "LogoutResponse",
        status,
        id=id,
        moment=moment,
        issuer=issuer,
        Destination=destination,
        InResponseTo=request_id,
    )
