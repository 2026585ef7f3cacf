"""A service provider that is registered here, what it asks, and what becomes of it: without a door or a database."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.core.errors import Invalid
from connector.edges.saml import request, xml
from connector.edges.saml.request import Accepted, Message
from connector.edges.saml.service_provider import Endpoint, ServiceProvider
from tests.unit.edges.saml.verifier import forge

NOW = datetime(2027, 3, 1, 12, 0, 0, tzinfo=UTC)
SECOND, SKEW = timedelta(seconds=1), timedelta(minutes=5)
BINDING = "urn:oasis:names:tc:SAML:2.0:bindings:"
POST, PAOS, ARTIFACT = (BINDING + one for one in ("HTTP-POST", "PAOS", "HTTP-Artifact"))
SSO = "https://idp.example/saml/sso"
CLASSES = "urn:oasis:names:tc:SAML:2.0:ac:classes:"
FORMAT = "urn:oasis:names:tc:SAML:2.0:nameid-format:"

FIRST, SECOND_PLACE = Endpoint(POST, "https://app.example/1", 1), Endpoint(POST, "https://app.example/2", 2)
PAOS_PLACE, ART = Endpoint(PAOS, "https://app.example/paos", 3), Endpoint(ARTIFACT, "https://app.example/art", 4)
APP = ServiceProvider(
    entity_id="https://app.example/",
    consumers=(PAOS_PLACE, FIRST, SECOND_PLACE, ART),
    logouts=(),
    signing_keys=(forge.rsa_key("other").public_key(), forge.rsa_key("app").public_key()),
    encryption_key=None,
    signs_requests=False,
    wants_signed_assertions=True,
    name_id_formats=(),
    valid_until=None,
)


def text(inside: str = "", **attributes: str | None) -> str:
    values = {"ID": "_r1", "Version": "2.0", "IssueInstant": "2027-03-01T12:00:00Z", **attributes}
    written = "".join(f' {name}="{value}"' for name, value in values.items() if value is not None)
    return (
        f'<samlp:AuthnRequest xmlns:samlp="{forge.SAMLP}" xmlns:saml="{forge.SAML}"{written}>'
        f"<saml:Issuer>{APP.entity_id}</saml:Issuer>{inside}</samlp:AuthnRequest>"
    )


def signed(content: str) -> str:
    return forge.signed(content, forge.rsa_key("app"))


def message(content: str, **changes: Any) -> Message:
    values: dict[str, Any] = {
        "element": xml.parse(content.encode(), what="AuthnRequest"),
        "way": "post",
        "endpoint": SSO,
        "consumer_bindings": (POST, ARTIFACT),
        "context": CLASSES + "TLSClient",
    }
    return Message(**values | changes)


def accepted(content: str, app: ServiceProvider = APP, **changes: Any) -> Accepted:
    return request.accept(message(content, **changes), app, NOW)


def refused(content: str, sentence: str, field: str | None, app: ServiceProvider = APP, **changes: Any) -> None:
    with pytest.raises(Invalid, match=sentence) as caught:
        accepted(content, app, **changes)
    assert caught.value.field == field
