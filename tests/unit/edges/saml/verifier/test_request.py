"""What of an application's request is believed: its own, fresh, and for this endpoint."""

import base64
from dataclasses import replace
from datetime import timedelta

import pytest

from connector.core.errors import Invalid
from connector.edges.saml import request, xml
from connector.edges.saml.redirect import Detached
from connector.edges.saml.request import Accepted, AuthnRequest
from tests.unit.edges.saml.verifier import forge
from tests.unit.edges.saml.verifier.asked import (
    APP,
    CLASSES,
    FIRST,
    FORMAT,
    NOW,
    POST,
    SECOND,
    SECOND_PLACE,
    SKEW,
    SSO,
    accepted,
    refused,
    signed,
    text,
)


def test_a_request_is_read_as_it_was_written() -> None:
    inside = (
        f'<samlp:NameIDPolicy Format="{FORMAT}transient" SPNameQualifier="https://q.example/"/>'
        f'<samlp:RequestedAuthnContext Comparison="minimum"><saml:AuthnContextClassRef>{CLASSES}X509</saml:AuthnContextClassRef>'
        "<saml:AuthnContextDeclRef>urn:d</saml:AuthnContextDeclRef></samlp:RequestedAuthnContext>"
    )
    content = text(
        "<samlp:Extensions><c:ChannelBindings "
        'xmlns:c="urn:oasis:names:tc:SAML:protocol:ext:channel-binding" Type="t">AAAA</c:ChannelBindings></samlp:Extensions>'
        + inside,
        Destination=SSO,
        AssertionConsumerServiceURL=SECOND_PLACE.location,
        ProtocolBinding=POST,
        ForceAuthn="1",
        IsPassive="false",
    )

    found = accepted(signed(content))

    assert found == Accepted(
        AuthnRequest(
            id="_r1",
            version="2.0",
            issuer=APP.entity_id,
            issued=NOW,
            destination=SSO,
            consumer_url=SECOND_PLACE.location,
            consumer_index=None,
            protocol_binding=POST,
            name_id_format=FORMAT + "transient",
            qualifier="https://q.example/",
            contexts=(CLASSES + "X509", "urn:d"),
            comparison="minimum",
            has_subject=False,
            channel={"t": b"\0\0\0"},
        ),
        SECOND_PLACE,
        True,
    )


def test_a_request_that_says_little_is_read_as_little() -> None:
    found = accepted(text())

    assert found == Accepted(
        AuthnRequest("_r1", "2.0", APP.entity_id, NOW, None, None, None, None, None, None, (), "exact", False, {}),
        FIRST,
        False,
    )
    assert accepted(text("<samlp:NameIDPolicy/><saml:Subject/>")).request == replace(found.request, has_subject=True)
    assert accepted(text("<samlp:RequestedAuthnContext/>")).request == found.request


# -- whose is it


def test_what_the_application_signed_is_its_own() -> None:
    assert accepted(signed(text(Destination=SSO))).signed
    refused(forge.signed(text(Destination=SSO), forge.rsa_key("stranger")), "does not verify", None)
    spoiled = signed(text(Destination=SSO)).replace(' ID="_r1"', ' ID="_r1" IsPassive="0"')
    refused(spoiled, "changed after it was signed", None)


def test_a_signature_that_is_there_must_verify_though_none_is_needed() -> None:
    deep = text(f'<samlp:Extensions><ds:Signature xmlns:ds="{forge.DS}"/></samlp:Extensions>')

    refused(deep, "exactly one signature, its own", None)
    assert not accepted(text()).signed


def test_an_application_that_signs_signs_each_request() -> None:
    signs = replace(APP, signs_requests=True)

    assert accepted(signed(text(Destination=SSO)), signs).signed
    refused(
        text(Destination=SSO), "^the application signs its requests, and this one is not signed$", "Signature", signs
    )


def detached(octets: bytes = b"octets", algorithm: str = forge.MORE + "rsa-sha256") -> Detached:
    value = base64.b64encode(forge.signature_over(b"octets", forge.rsa_key("app"), "sha256")).decode()
    return Detached(algorithm, octets, value)


def test_a_signature_beside_the_request_is_as_good() -> None:
    content = text(Destination=SSO)

    assert accepted(content, detached=detached()).signed
    refused(content, "does not verify", None, detached=detached(b"others"))
    refused(content, "algorithm is not accepted", None, detached=detached(algorithm="x"))
    refused(signed(content), "must not hold a signature as well$", None, detached=detached())


def test_a_request_is_its_own_issuers() -> None:
    refused(text(), "^the signed Issuer is another one$", "Issuer", replace(APP, entity_id="https://other.example/"))


# -- the first table


def test_metadata_end_at_their_moment() -> None:
    assert accepted(text(), replace(APP, valid_until=NOW + SECOND)).request.id == "_r1"
    refused(text(), "^the application's metadata has expired", "validUntil", replace(APP, valid_until=NOW))


@pytest.mark.parametrize("version", ["1.1", "2", None])
def test_only_version_2_0_is_known(version: str | None) -> None:
    refused(text(Version=version), "^Version must be 2.0$", "Version")


@pytest.mark.parametrize("id", ["_", "a", "Z-._9", "_" + "x" * 255])
def test_an_id_is_a_name_of_at_most_256_characters(id: str) -> None:
    assert accepted(text(ID=id)).request.id == id


@pytest.mark.parametrize("id", ["", None, "9a", "-a", "a b", "_" + "x" * 256, "\u00e4", "a:b"])
def test_another_id_is_refused(id: str | None) -> None:
    refused(text(ID=id), "^the AuthnRequest has no ID that could be used$", "ID")


def test_a_request_is_for_this_endpoint() -> None:
    assert accepted(text(Destination=SSO)).request.destination == SSO
    assert accepted(text()).request.destination is None
    for content in (text(Destination=SSO + "/"), signed(text(Destination="https://other.example/"))):
        refused(content, f"^Destination is not this endpoint, {SSO}$", "Destination")


def test_what_is_signed_must_say_where_it_is_for_except_by_ecp() -> None:
    refused(signed(text()), "^a signed request must have a Destination$", "Destination")
    assert accepted(signed(text()), way="ecp").signed
    assert accepted(text(), way="ecp").signed is False
    refused(signed(text(Destination="x")), "^Destination is not this endpoint", "Destination", way="ecp")


@pytest.mark.parametrize(("offset", "fits"), [(SKEW, True), (-SKEW, True), (SKEW + SECOND, False), (-SKEW - SECOND, False)])  # fmt: skip
def test_a_request_is_as_old_as_five_minutes_or_as_young(offset: timedelta, fits: bool) -> None:
    content = text(IssueInstant=xml.instant(NOW + offset))

    if fits:
        assert accepted(content).request.issued == NOW + offset
    else:
        refused(content, "^IssueInstant is more than five minutes away from our clock$", "IssueInstant")


def test_a_request_says_when_it_was_made() -> None:
    refused(text(IssueInstant="yesterday"), "^IssueInstant is not a date and time in UTC$", "IssueInstant")
    refused(text(IssueInstant=None), "^AuthnRequest must have IssueInstant,", "IssueInstant")


@pytest.mark.parametrize("name", ["ForceAuthn", "IsPassive"])
def test_a_flag_that_is_nonsense_is_refused(name: str) -> None:
    refused(text(**{name: "maybe"}), f"^{name} must be true or false$", name)


@pytest.mark.parametrize("name", ["NameIDPolicy", "RequestedAuthnContext", "Extensions"])
def test_what_is_there_twice_is_refused(name: str) -> None:
    refused(text(f"<samlp:{name}/>" * 2), f"^AuthnRequest has more than one {name}$", name)
    refused(text("<saml:Subject/>" * 2), "^AuthnRequest has more than one Subject$", "Subject")


# -- who it claims to be from


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("<AuthnRequest/>", "^AuthnRequest expected, not AuthnRequest$"),
        (f'<LogoutRequest xmlns="{forge.SAMLP}"/>', "^AuthnRequest expected, not LogoutRequest$"),
        (text().replace(APP.entity_id, " "), "^the AuthnRequest has no Issuer$"),
        (text().replace(f"<saml:Issuer>{APP.entity_id}</saml:Issuer>", ""), "^the AuthnRequest has no Issuer$"),
        (text().replace("<saml:Issuer>", f'<saml:Issuer Format="{FORMAT}persistent">'), "^the AuthnRequest has no Issuer$"),
        (text("<saml:Issuer>x</saml:Issuer>"), "^AuthnRequest has more than one Issuer$"),
    ],
)  # fmt: skip
def test_a_request_names_its_issuer(content: str, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence):
        request.issuer_of(xml.parse(content.encode(), what="x"))


def test_an_issuer_may_have_the_format_of_entities() -> None:
    content = text().replace("<saml:Issuer>", f'<saml:Issuer Format="{FORMAT}entity"> ')

    assert request.issuer_of(xml.parse(content.encode(), what="x")) == APP.entity_id


@pytest.mark.parametrize(
    ("content", "sentence", "field"),
    [
        ("", "", None),
        (' Destination="https://idp.example/slo"', "", None),
        (' Destination="https://idp.example/slo/"', "^Destination is not this endpoint, https://idp.example/slo$", "Destination"),
        (' IssueInstant="2027-03-01T12:05:00Z"', "", None),
        (' IssueInstant="2027-03-01T11:54:59Z"', "^IssueInstant is more than five minutes away", "IssueInstant"),
        (' IssueInstant="2027-03-01T12:05:01Z"', "^IssueInstant is more than five minutes away", "IssueInstant"),
        (' IssueInstant=""', "^IssueInstant is not a date", "IssueInstant"),
    ],
)  # fmt: skip
def test_other_signed_messages_are_addressed_and_fresh_too(content: str, sentence: str, field: str | None) -> None:
    instant = "" if "IssueInstant" in content else ' IssueInstant="2027-03-01T12:00:00Z"'
    written = (
        f'<p:Logout xmlns:p="{forge.SAMLP}" xmlns:a="{forge.SAML}"{content}{instant}><a:Issuer>me</a:Issuer></p:Logout>'
    )
    element = xml.parse(written.encode(), what="x")

    def check(issuer: str = "me", kind: str = "Logout") -> None:
        request.check_addressed(element, issuer, kind, "https://idp.example/slo", NOW)

    if sentence:
        with pytest.raises(Invalid, match=sentence) as caught:
            check()
        assert caught.value.field == field
        return
    check()
    with pytest.raises(Invalid, match="^the signed Issuer is another one$") as caught:
        check("you")
    assert caught.value.field == "Issuer"
    with pytest.raises(Invalid, match="^Login expected, not Logout$"):
        check(kind="Login")


def test_a_message_without_the_time_is_not_of_now() -> None:
    bare = f'<p:Logout xmlns:p="{forge.SAMLP}" xmlns:a="{forge.SAML}"><a:Issuer>me</a:Issuer></p:Logout>'
    with pytest.raises(Invalid, match="^Logout must have IssueInstant"):
        request.check_addressed(xml.parse(bare.encode(), what="x"), "me", "Logout", "https://idp.example/slo", NOW)
