"""What of a Response is believed: only what the IdP signed, where the schema has it, for us, and one."""

from typing import Any

import pytest

from connector.core.errors import Invalid
from connector.domain.vouched import Code
from connector.edges.saml import names, xml
from connector.edges.saml.sp import response
from connector.edges.saml.sp.asserted import Asserted
from connector.edges.saml.sp.refusal import NotAccepted, refusing
from tests.unit.edges.saml.verifier import forge, sealing
from tests.unit.edges.saml.verifier.believed import (
    NOW,
    SECOND,
    accepted,
    corp,
    known,
    our_pair,
    refused,
    replaced,
    without,
    written,
)
from tests.workforce_idp import Says, encrypted

ELSEWHERE = "the Response must hold its one assertion, and no other anywhere"
NEITHER = "a Signature is neither the Response's own nor its Assertion's"
DS = 'xmlns:ds="http://www.w3.org/2000/09/xmldsig#"'


@pytest.mark.parametrize("sign", ["assertion", "response", "both"])
def test_what_was_signed_comes_back_as_it_was_said(sign: str) -> None:
    form = replaced("<saml:NameID>", '<saml:NameID Format="urn:f">')

    judged = accepted(written(sign=sign, session_minutes=30, attributes={"groups": ("a", "b")}, change=form))

    assert judged.opened is None
    assert judged.assertion == Asserted(
        id="_assertion",
        name_id='<saml:NameID xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" Format="urn:f">ada</saml:NameID>',
        subject="ada",
        format="urn:f",
        request="_request",
        good_until=NOW + 300 * SECOND,
        session_index="session-1",
        session_until=NOW + 1800 * SECOND,
        authenticated=NOW,
        context="urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
        attributes={"groups": ("a", "b")},
    )


def test_what_nobody_signed_is_refused() -> None:
    refused(written(sign="nothing"), Code.SIGNATURE, "^neither the Response nor its Assertion is signed$")


@pytest.mark.parametrize("sign", ["assertion", "response", "both"])
def test_what_somebody_else_signed_is_refused(sign: str) -> None:
    stranger = known(keys=(forge.rsa_key("stranger").public_key(),))

    refused(written(sign=sign), Code.SIGNATURE, "does not verify", idp=stranger)


def test_an_assertions_signature_must_be_good_though_the_responses_is() -> None:
    spoiled = written(sign="both", wrap=replaced(">ada<", ">admin<"))

    refused(spoiled, Code.SIGNATURE, "changed after it was signed")


def test_a_responses_signature_must_be_good_though_the_assertions_is() -> None:
    spoiled = written(sign="both").replace('Value="urn:oasis:names:tc:SAML:2.0:status:Success"', 'Value="x"')

    refused(spoiled, Code.SIGNATURE, "changed after it was signed")


def test_metadata_end_at_their_moment() -> None:
    assert accepted(written(), idp=known(valid_until=NOW + SECOND))
    refused(
        written(), Code.IDP_EXPIRED, "^the IdP's metadata ended at 2027-03-01T12:00:00Z$", idp=known(valid_until=NOW)
    )


# -- where assertions and signatures stand


@pytest.mark.parametrize("sign", ["assertion", "response", "both"])
@pytest.mark.parametrize(
    "place",
    [
        lambda text, evil: text.replace("</samlp:Response>", evil + "</samlp:Response>"),
        lambda text, evil: text.replace("<saml:Assertion", evil + "<saml:Assertion", 1),
        lambda text, evil: text.replace("</samlp:Status>", f"<samlp:StatusDetail>{evil}</samlp:StatusDetail></samlp:Status>"),
        lambda text, evil: text.replace("<samlp:Status>", f"<samlp:Extensions>{evil}</samlp:Extensions><samlp:Status>"),
        lambda text, evil: text.replace("</saml:Conditions>", f"</saml:Conditions><saml:Advice>{evil}</saml:Advice>"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["saml:Assertion", "saml:EncryptedAssertion"])
def test_a_second_assertion_anywhere_is_refused(sign: str, place: Any, kind: str) -> None:
    evil = corp().assertion(Says("admin", id="_evil"), NOW).replace("saml:Assertion", kind)

    refused(written(sign=sign, wrap=lambda text: place(text, evil)), Code.SIGNATURE, ELSEWHERE)


@pytest.mark.parametrize("around", ["samlp:Extensions", "saml:EncryptedAssertion"])
def test_the_one_assertion_must_be_the_responses_own_child(around: str) -> None:
    def move(text: str) -> str:
        start, end = text.index("<saml:Assertion"), text.index("</saml:Assertion>") + 17
        return f"{text[:start]}<{around}>{text[start:end]}</{around}>{text[end:]}"

    refused(written(wrap=move), Code.SIGNATURE, ELSEWHERE)
    refused(written(sign="response", wrap=move), Code.SIGNATURE, ELSEWHERE)


@pytest.mark.parametrize(
    "place",
    [
        lambda text: text.replace("</samlp:Status>", f"<ds:Signature {DS}/></samlp:Status>"),
        lambda text: text.replace("<samlp:Status>", f"<samlp:Extensions><ds:Signature {DS}/></samlp:Extensions><samlp:Status>"),
        lambda text: text.replace("</saml:Subject>", f"<ds:Signature {DS}/></saml:Subject>"),
    ],
)  # fmt: skip
def test_a_signature_anywhere_else_is_refused(place: Any) -> None:
    refused(written(sign="response", wrap=place), Code.SIGNATURE, NEITHER)
    refused(written(wrap=place), Code.SIGNATURE, NEITHER)


def test_a_response_without_an_assertion_is_refused() -> None:
    refused(written(sign="response", wrap=without("saml:Assertion")), Code.MALFORMED, "^the Response has no assertion$")


# -- the wrapper


@pytest.mark.parametrize(
    ("wrap", "code", "sentence"),
    [
        (replaced('<samlp:Response ', '<samlp:Response a="b" '), None, ""),
        (lambda text: text.replace('Version="2.0"', 'Version="2.1"', 1), Code.MALFORMED, "^the Response must have an ID, and Version 2.0$"),
        (without("samlp:Status"), Code.MALFORMED, "^the Response has no StatusCode$"),
        (replaced("</samlp:Status>", "</samlp:Status><samlp:Status/>"), Code.MALFORMED, "^Response has more than one Status$"),
        (without("samlp:StatusCode"), Code.MALFORMED, "^the Response has no StatusCode$"),
        (replaced("<samlp:StatusCode", "<samlp:StatusCode/><samlp:StatusCode"), Code.MALFORMED, "^Status has more than one StatusCode$"),
        (replaced("status:Success", "status:success"), Code.IDP_REFUSED, "^the IdP answered success$"),
        (replaced('status:Success"/>', 'status:Responder"><samlp:StatusCode Value="urn:x:AuthnFailed"/><x Value="y"/></samlp:StatusCode>'),
         Code.IDP_REFUSED, "^the IdP answered Responder, AuthnFailed$"),
        (replaced('status:Success"/>', f'status:Responder"><samlp:StatusCode Value="{names.NO_AUTHN_CONTEXT}"/></samlp:StatusCode>'),
         Code.CONTEXT, "^the IdP answered Responder, NoAuthnContext$"),
        (replaced("urn:oasis:names:tc:SAML:2.0:status:Success", names.NO_AUTHN_CONTEXT), Code.IDP_REFUSED,
         "^the IdP answered NoAuthnContext$"),
        (replaced("urn:oasis:names:tc:SAML:2.0:status:Success", "x" * 99), Code.IDP_REFUSED, f"^the IdP answered {'x' * 60}$"),
        (replaced(' Value="urn:oasis:names:tc:SAML:2.0:status:Success"', ""), Code.IDP_REFUSED, "^the IdP answered None$"),
        (replaced("corp.example/saml</saml:Issuer><samlp:Status>", "corp.example/other</saml:Issuer><samlp:Status>"), Code.SIGNATURE,
         "^the Response's Issuer is another one$"),
        (replaced("</saml:Issuer><samlp:Status>", "</saml:Issuer><saml:Issuer/><samlp:Status>"), Code.MALFORMED,
         "^Response has more than one Issuer$"),
        (without("saml:Issuer"), None, ""),
        (replaced("/saml/acs", "/saml/acs/"), Code.NOT_FOR_US, "^Destination is not https://connector.example/saml/acs$"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("sign", ["assertion", "both"])
def test_the_wrapper_must_fit_too(wrap: Any, code: Code | None, sentence: str, sign: str) -> None:
    if code is None:
        assert accepted(written(sign=sign, wrap=wrap)).assertion.subject == "ada"
    else:
        refused(written(sign=sign, wrap=wrap), code, sentence)


def test_a_response_needs_an_id() -> None:
    def cut(text: str) -> str:
        start = text.index(' ID="')
        return text[:start] + text[text.index('"', start + 5) + 1 :]

    refused(written(wrap=cut), Code.MALFORMED, "must have an ID")


def test_a_signed_response_must_say_where_it_is_for_and_an_unsigned_one_may() -> None:
    assert accepted(written(destination=None)).assertion.subject == "ada"
    refused(written(destination=None, sign="response"), Code.NOT_FOR_US, "^Destination is not")
    refused(written(destination="", sign="assertion"), Code.NOT_FOR_US, "^Destination is not")


def test_the_wrapper_may_not_name_another_request_than_the_assertion() -> None:
    unlike = "^Response and SubjectConfirmationData do not answer the same request$"

    assert accepted(written(wrapper_request=None)).assertion.request == "_request"
    assert accepted(written(request=None, wrapper_request=None)).assertion.request is None
    refused(written(wrapper_request="_other"), Code.UNSOLICITED, unlike)
    refused(written(request=None, wrapper_request="_request"), Code.UNSOLICITED, unlike)


# -- encrypted


def sealed(inside: str, *, sign: str = "nothing") -> str:
    whole = corp().response(encrypted(inside, our_pair().certificate), Says(request="_request"), NOW)
    return forge.signed(whole, corp().keys.key) if sign == "response" else whole


@pytest.mark.parametrize("sign", ["nothing", "response"])
def test_an_encrypted_assertion_that_is_signed_is_believed(sign: str) -> None:
    inside = forge.signed(corp().assertion(Says(request="_request"), NOW), corp().keys.key)

    judged = accepted(sealed(inside, sign=sign))

    assert (judged.assertion.subject, judged.opened) == ("ada", inside.encode())


def test_an_encrypted_assertion_is_believed_where_the_response_is_signed() -> None:
    assert accepted(sealed(corp().assertion(Says(request="_request"), NOW), sign="response")).assertion.subject == "ada"


def test_cbc_is_opened_only_in_a_response_that_is_signed() -> None:
    inside = forge.signed(corp().assertion(Says(request="_request"), NOW), corp().keys.key)
    octets = sealing.by_cbc(sealing.SECRET, sealing.padded(inside.encode()))
    content = sealing.sealed(sealing.method(sealing.CBC) + sealing.value(octets), sealing.wrapped(sealing.SECRET))
    whole = corp().response(content, Says(request="_request"), NOW)

    assert accepted(forge.signed(whole, corp().keys.key)).opened == inside.encode()
    refused(whole, Code.DECRYPTION, "encrypted with CBC")


def test_an_encrypted_assertion_that_nobody_signed_is_refused() -> None:
    """Everybody can encrypt to us."""
    refused(sealed(corp().assertion(Says(), NOW)), Code.SIGNATURE, "^neither the Response nor")


def test_an_encrypted_assertion_that_somebody_else_signed_is_refused() -> None:
    inside = forge.signed(corp().assertion(Says(), NOW), forge.rsa_key("stranger"))

    refused(sealed(inside), Code.SIGNATURE, "does not verify")
    refused(sealed(inside, sign="response"), Code.SIGNATURE, "does not verify")


@pytest.mark.parametrize(
    ("inside", "code", "sentence"),
    [
        ("<a>", Code.DECRYPTION, "^the decrypted assertion is not well-formed XML$"),
        ("<a/>", Code.DECRYPTION, "^what is encrypted is not an Assertion$"),
        (f'<Assertion xmlns="{forge.SAML}"><Advice><Assertion/></Advice></Assertion>', Code.SIGNATURE, ELSEWHERE),
        (f'<Assertion xmlns="{forge.SAML}"><Advice><EncryptedAssertion/></Advice></Assertion>', Code.SIGNATURE, ELSEWHERE),
    ],
)  # fmt: skip
def test_inside_is_one_assertion_and_nothing_else(inside: str, code: Code, sentence: str) -> None:
    refused(sealed(inside, sign="response"), code, sentence)


def test_what_cannot_be_opened_is_refused() -> None:
    stranger = encrypted(corp().assertion(Says(), NOW), corp().keys.certificate)

    refused(corp().response(stranger, Says(), NOW), Code.DECRYPTION, "cannot be decrypted with any of our keys")


# -- who it claims to be from


def claimed(text: str) -> str:
    return response.issuer_of(xml.parse(text.encode(), what="Response"))


def test_the_issuer_is_the_responses_or_else_the_assertions() -> None:
    assert claimed(written()) == corp().entity_id
    assert claimed(written(wrap=without("saml:Issuer"), issuer="https://other.example/")) == "https://other.example/"
    unlike = replaced("corp.example/saml</saml:Issuer><samlp:Status>", "corp.example/first</saml:Issuer><samlp:Status>")
    assert claimed(written(wrap=unlike)) == "https://idp.corp.example/first"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("<x/>", "^a Response is expected, not x$"),
        (f'<a:Response xmlns:a="{forge.SAML}"/>', "^a Response is expected, not Response$"),
        (f'<a:Response xmlns:a="{forge.SAMLP}"/>', "^the Response has no Issuer$"),
        (forge.message().replace("https://idp.example/", " "), "^the Response has no Issuer$"),
        (forge.message("<saml:Assertion/>", issuer=False), "^the Response has no Issuer$"),
        (forge.message("<saml:Issuer>x</saml:Issuer>"), "^Response has more than one Issuer$"),
        (forge.message("<saml:Assertion><saml:Issuer/><saml:Issuer/></saml:Assertion>", issuer=False),
         "^Assertion has more than one Issuer$"),
        (forge.message().replace("https://idp.example/", "<x/>y"), "^Issuer must hold text only$"),
    ],
)  # fmt: skip
def test_what_names_no_issuer_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(NotAccepted, match=sentence) as caught:
        claimed(text)
    assert caught.value.code is Code.MALFORMED


def test_a_refusal_has_the_reason_of_where_it_happened() -> None:
    with pytest.raises(NotAccepted, match="^why$") as caught, refusing(Code.TIME):
        raise Invalid("why")
    assert caught.value.code is Code.TIME
