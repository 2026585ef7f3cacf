"""Where the answer to a request goes, and what of its wishes can be met."""

from dataclasses import replace
from typing import Any

import pytest

from connector.edges.saml import request
from connector.edges.saml.errors import Declined
from connector.edges.saml.service_provider import Endpoint
from tests.unit.edges.saml.verifier.asked import (
    APP,
    ART,
    ARTIFACT,
    CLASSES,
    FIRST,
    FORMAT,
    NOW,
    PAOS,
    PAOS_PLACE,
    POST,
    SECOND_PLACE,
    SSO,
    accepted,
    message,
    refused,
    signed,
    text,
)

NONE_SUCH = "^the metadata has no such AssertionConsumerService for this binding$"
URL, INDEX = "AssertionConsumerServiceURL", "AssertionConsumerServiceIndex"


@pytest.mark.parametrize(
    ("attributes", "changes", "place"),
    [
        ({}, {}, FIRST),
        ({}, {"prefers_artifact": True}, ART),
        ({}, {"consumer_bindings": (PAOS,)}, PAOS_PLACE),
        ({INDEX: "2"}, {}, SECOND_PLACE),
        ({INDEX: "4"}, {}, ART),
        ({URL: SECOND_PLACE.location}, {}, SECOND_PLACE),
        ({URL: ART.location}, {}, ART),
        ({"ProtocolBinding": ARTIFACT}, {}, ART),
        ({"ProtocolBinding": POST}, {"prefers_artifact": True}, FIRST),
        ({"ProtocolBinding": POST, URL: SECOND_PLACE.location}, {}, SECOND_PLACE),
    ],
)
def test_the_answer_goes_to_a_place_of_the_metadata(
    attributes: dict[str, str], changes: dict[str, Any], place: Endpoint
) -> None:
    assert accepted(text(**attributes), **changes).consumer == place


@pytest.mark.parametrize(
    ("attributes", "sentence", "field"),
    [
        ({INDEX: "3"}, NONE_SUCH, URL),  # of another binding
        ({INDEX: "02"}, NONE_SUCH, URL),
        ({INDEX: ""}, NONE_SUCH, URL),
        ({URL: "https://evil.example/"}, NONE_SUCH, URL),
        ({URL: FIRST.location + "/"}, NONE_SUCH, URL),
        ({URL: ""}, NONE_SUCH, URL),
        ({URL: PAOS_PLACE.location}, NONE_SUCH, URL),
        ({URL: FIRST.location, "ProtocolBinding": ARTIFACT}, NONE_SUCH, URL),
        ({"ProtocolBinding": PAOS}, "^the answer can only be sent by .*HTTP-POST or .*HTTP-Artifact$", "ProtocolBinding"),
        ({"ProtocolBinding": ""}, "^the answer can only be sent by", "ProtocolBinding"),
        ({INDEX: "1", URL: FIRST.location}, "^AssertionConsumerServiceIndex excludes URL and ProtocolBinding$", INDEX),
        ({INDEX: "1", "ProtocolBinding": POST}, "^AssertionConsumerServiceIndex excludes", INDEX),
    ],
)  # fmt: skip
def test_the_answer_goes_nowhere_else(attributes: dict[str, str], sentence: str, field: str) -> None:
    refused(text(**attributes), sentence, field)


def test_an_application_without_a_place_for_the_binding_gets_no_answer() -> None:
    refused(text(), NONE_SUCH, URL, replace(APP, consumers=(PAOS_PLACE,)))


# -- the second table: what it asks for and cannot have

CHANNEL = (
    '<samlp:Extensions><c:ChannelBindings xmlns:c="urn:oasis:names:tc:SAML:protocol:ext:channel-binding" Type="t">AAAA'
    "</c:ChannelBindings></samlp:Extensions>"
)


def context(*classes: str, comparison: str | None = None) -> str:
    inside = "".join(f"<saml:AuthnContextClassRef>{one}</saml:AuthnContextClassRef>" for one in classes)
    how = f' Comparison="{comparison}"' if comparison else ""
    return f"<samlp:RequestedAuthnContext{how}>{inside}</samlp:RequestedAuthnContext>"


def meet(inside: str, chosen: str = FORMAT + "persistent", *, sign: bool = False, **changes: Any) -> str | None:
    content = text(inside, Destination=SSO)
    asked = message(signed(content) if sign else content, **changes)
    return request.meet(asked, request.accept(asked, APP, NOW), chosen)


TLS, OTHER = CLASSES + "TLSClient", CLASSES + "Password"


@pytest.mark.parametrize(
    "inside",
    [
        "",
        context(),
        context(TLS),
        context(OTHER, TLS),
        context(CLASSES + "unspecified"),
        context(TLS, comparison="exact"),
        context(TLS, comparison="minimum"),
        context(TLS, comparison="maximum"),
        context(OTHER, comparison="minimum"),
        context(CLASSES + "SecureRemotePassword", OTHER, comparison="minimum"),
        context(OTHER, comparison="better"),
        context(OTHER, CLASSES + "PasswordProtectedTransport", comparison="better"),
        context(CLASSES + "unspecified", comparison="minimum"),
        context(CLASSES + "unspecified", comparison="maximum"),
        context(CLASSES + "Kerberos", OTHER, comparison="minimum"),
        "<samlp:NameIDPolicy/>",
        f'<samlp:NameIDPolicy Format="{FORMAT}persistent"/>',
        f'<samlp:NameIDPolicy Format="{FORMAT}transient"/>',
        '<samlp:NameIDPolicy Format="urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"/>',
        f'<samlp:NameIDPolicy SPNameQualifier="{APP.entity_id}"/>',
    ],
)
def test_what_can_be_met_is_met(inside: str) -> None:
    assert meet(inside) is None


PROTECTED = CLASSES + "PasswordProtectedTransport"


@pytest.mark.parametrize(
    ("asked", "comparison", "met"),
    [
        (TLS, "maximum", True),
        (OTHER, "minimum", True),
        (OTHER, "better", True),
        (PROTECTED, "minimum", True),
        (PROTECTED, "maximum", True),
        (TLS, "minimum", False),
        (OTHER, "maximum", False),
        (OTHER, "exact", False),
        (PROTECTED, "better", False),
    ],
)
def test_a_password_that_did_not_travel_in_the_open_stands_between(asked: str, comparison: str, met: bool) -> None:
    wish = context(asked, comparison=comparison)

    if met:
        assert meet(wish, context=PROTECTED) is None
    else:
        with pytest.raises(Declined, match="^the agent did not authenticate that way$"):
            meet(wish, context=PROTECTED)


def test_what_has_no_place_in_that_order_can_only_be_equal() -> None:
    """An agent that comes with a token."""
    came = CLASSES + "unspecified"

    assert meet(context(came), context=came) is None
    for comparison in ("minimum", "maximum", "better"):
        with pytest.raises(Declined):
            meet(context(OTHER, comparison=comparison), context=came)


def test_the_format_that_was_chosen_can_be_asked_for() -> None:
    email = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"

    assert meet(f'<samlp:NameIDPolicy Format="{email}"/>', email) is None


POLICY, NO_CONTEXT = ("Requester", "InvalidNameIDPolicy"), ("Responder", "NoAuthnContext")


@pytest.mark.parametrize(
    ("inside", "sentence", "status"),
    [
        ("<saml:Subject/>", "^a Subject cannot be asked for$", ("Requester", "RequestUnsupported")),
        (context(OTHER), "^the agent did not authenticate that way$", NO_CONTEXT),
        (context(TLS, comparison="better"), "^the agent did not authenticate that way$", NO_CONTEXT),
        (context(CLASSES + "unspecified", comparison="better"), "^the agent did not authenticate that way$", NO_CONTEXT),
        (context(OTHER, TLS, comparison="better"), "^the agent did not authenticate that way$", NO_CONTEXT),
        (context(OTHER, CLASSES + "Kerberos", comparison="better"), "^the agent did not authenticate that way$", NO_CONTEXT),
        (context(OTHER, comparison="maximum"), "^the agent did not authenticate that way$", NO_CONTEXT),
        (context(CLASSES + "Kerberos", comparison="minimum"), "^the agent did not authenticate that way$", NO_CONTEXT),
        (context(CLASSES + "Kerberos", comparison="maximum"), "^the agent did not authenticate that way$", NO_CONTEXT),
        (context(OTHER, comparison="stronger"), "^the agent did not authenticate that way$", NO_CONTEXT),
        (context(TLS, comparison="stronger"), "^the agent did not authenticate that way$", NO_CONTEXT),
        ('<samlp:NameIDPolicy Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"/>',
         "^there is no NameID of that kind$", POLICY),
        ('<samlp:NameIDPolicy Format=""/>', "^there is no NameID of that kind$", POLICY),
        ('<samlp:NameIDPolicy SPNameQualifier="https://other.example/"/>', "^there is no NameID of that kind$", POLICY),
        ('<samlp:NameIDPolicy SPNameQualifier=""/>', "^there is no NameID of that kind$", POLICY),
    ],
)  # fmt: skip
def test_what_cannot_be_met_is_declined(inside: str, sentence: str, status: tuple[str, ...]) -> None:
    with pytest.raises(Declined, match=sentence) as caught:
        meet(inside)
    assert tuple(one.rpartition(":")[2] for one in caught.value.status) == status


def test_the_connection_is_compared_where_a_signed_request_asks_for_it() -> None:
    assert meet(CHANNEL, sign=True, channel={"t": b"\0\0\0"}) == "t"
    assert meet("", sign=True, channel={"t": b"\0\0\0"}) is None
    for sign, seen in ((True, {"t": b"\1\0\0"}), (True, {}), (True, None), (False, {"t": b"\0\0\0"})):
        with pytest.raises(Declined, match="channel bindings"):
            meet(CHANNEL, sign=sign, channel=seen)
