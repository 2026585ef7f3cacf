"""People at our door: the request that they carry away, and whether the answer that they bring signs them in."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from connector.core.errors import NotFound
from connector.domain import workforce
from connector.domain.sign_in import Begun, Browser, Purpose
from connector.domain.unit import SYSTEM
from connector.domain.vouched import Code, Refused
from connector.edges.saml.redirect import read
from connector.edges.saml.signature import check_octets
from connector.edges.saml.sp import provider, sign_in
from connector.edges.saml.sp.refusal import NotAccepted
from tests.unit.edges.saml.verifier import forge
from tests.unit.edges.saml.verifier.believed import NOW, corp, written
from tests.unit.edges.saml.verifier.conftest import LIFE, Door
from tests.workforce_idp import ACS, SP, Says, encrypted


def test_we_are_below_our_address(door: Door) -> None:
    sp = door.sp

    assert (sp.entity_id, sp.acs, sp.slo) == (SP, ACS, "https://connector.example/saml/sp/slo")
    assert sp.location("x") == "https://connector.example/saml/x"
    assert replace(sp, base_url="https://x.example/boX").acs == "https://x.example/boX/saml/acs"
    assert [one.id for one in sp.keys] == [one.id for one in sp.domain.keys.all("sp")]


def test_the_request_says_who_asks_whom_and_where_the_answer_goes(door: Door) -> None:
    message, browser = door.leave()

    assert message.tag == "{urn:oasis:names:tc:SAML:2.0:protocol}AuthnRequest"
    assert dict(message.attrib) == {
        "ID": "_id1",
        "Version": "2.0",
        "IssueInstant": "2027-03-01T12:00:00Z",
        "Destination": "https://idp.corp.example/sso",
        "AssertionConsumerServiceURL": ACS,
        "ProtocolBinding": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
    }
    assert [(one.tag, one.text, dict(one.attrib)) for one in message] == [
        ("{urn:oasis:names:tc:SAML:2.0:assertion}Issuer", SP, {}),
        ("{urn:oasis:names:tc:SAML:2.0:protocol}NameIDPolicy", None, {"AllowCreate": "true"}),
    ]
    assert list(message.itertext()) == [SP]
    assert browser.cookie and browser.cookie.startswith("acl_")
    assert door.leave(cookie="mine")[1].cookie == "mine"
    assert door.leave(forced=True)[0].get("ForceAuthn") == "true"


def test_the_request_is_signed_with_our_key(door: Door) -> None:
    address = sign_in.request(door.sp, "corp", Purpose("/"), cookie=None).address

    assert address.startswith("https://idp.corp.example/sso?SAMLRequest=")
    query = read(urlsplit(address).query.encode())
    assert query.signature is not None
    key = door.sp.domain.keys.active("sp").private.public_key()
    check_octets(query.signature.algorithm, [key], query.signature.octets, query.signature.value)  # type: ignore[list-item]


def test_nobody_is_sent_to_an_idp_that_is_off_or_not_there(door: Door) -> None:
    with pytest.raises(NotFound):
        sign_in.request(door.sp, "other", Purpose("/"), cookie=None)
    door.configure(active=False)
    with pytest.raises(NotFound, match="^there is no workforce IdP named 'corp'$") as caught:
        door.leave()
    assert caught.value.field == "idp"


def test_the_answer_to_the_request_signs_in_once(door: Door) -> None:
    message, browser = door.leave(next="/page?x=1")
    text = written(request=message.get("ID"), session_minutes=60)

    outcome = door.bring(text, browser)

    assert isinstance(outcome, Begun), outcome
    assert (outcome.next, outcome.expires) == ("/page?x=1", NOW + timedelta(hours=1))
    assert door.events() == [("sign-in:granted", None)]
    again = door.bring(text, browser)
    assert again == Refused(Code.REPLAYED, "it answers no request of ours that is open")
    assert door.events()[1:] == [("sign-in:refused", "it answers no request of ours that is open")]


def test_nobody_goes_on_to_a_page_of_somebody_else(door: Door) -> None:
    message, browser = door.leave("https://evil.example/")

    outcome = door.bring(written(request=message.get("ID")), browser)

    assert isinstance(outcome, Begun) and outcome.next == "/"


def test_a_session_remembers_what_the_idp_said(door: Door) -> None:
    message, browser = door.leave()
    door.configure(groups_attribute="groups", roles=(("admin", "admins"),))
    text = written(sign="both", request=message.get("ID"), attributes={"groups": ("admins",)})

    outcome = door.bring(text, browser)

    assert isinstance(outcome, Begun), outcome
    assert outcome.expires == NOW + LIFE
    session = door.session(outcome)
    assert (session.subject, session.session_index, session.roles) == ("ada", "session-1", "admin")
    assert session.name_id == '<saml:NameID xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">ada</saml:NameID>'
    assert session.context == "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
    assert session.proven is None, (
        "nobody had forced them: the IdP may have known them, and named the moment of its answer"
    )


@pytest.mark.parametrize(
    ("said", "proven"),
    [
        ("2027-03-01T12:00:00Z", "2027-03-01T12:00:00.000Z"),
        ("2027-03-01T11:30:00Z", "2027-03-01T11:30:00.000Z"),  # it did not heed what was asked, and tells the truth
        ("2027-03-01T12:02:59Z", "2027-03-01T12:00:00.000Z"),  # its clock is ahead
    ],
)
def test_a_proof_that_was_forced_is_remembered_with_its_time(door: Door, said: str, proven: str) -> None:
    message, browser = door.leave(forced=True)
    text = written(
        request=message.get("ID"),
        change=lambda text: text.replace('AuthnInstant="2027-03-01T12:00:00Z"', f'AuthnInstant="{said}"'),
    )

    outcome = door.bring(text, browser)

    assert isinstance(outcome, Begun), outcome
    assert door.session(outcome).proven == proven


def test_an_assertion_is_remembered_for_longer_than_it_is_good(door: Door) -> None:
    door.configure(unsolicited=True)
    text = written(request=None)
    outcome = door.bring(text, Browser(None, None))
    assert isinstance(outcome, Begun) and door.session(outcome).proven is None, "nobody asked for a proof"

    assert door.bring(text, Browser(None, None)) == Refused(Code.REPLAYED, "the assertion was used before")
    with door.sp.domain.view() as unit:
        kept = unit.tx.run("SELECT identifier, expires FROM replay", ()).fetchall()
    assert kept == [(f"{corp().entity_id} _assertion", "2027-03-01T12:10:00.000Z")], "five minutes beyond its end"


@pytest.mark.parametrize(
    ("says", "code", "sentence"),
    [
        ({"sign": "nothing"}, Code.SIGNATURE, "neither the Response nor its Assertion is signed"),
        ({"audience": "https://other.example/"}, Code.NOT_FOR_US, f"the assertion's Audience is not {SP}"),
        ({"recipient": "https://other.example/"}, Code.NOT_FOR_US, f"Recipient is not {ACS}"),
        ({"minutes": 0}, Code.TIME, "the assertion ended at 2027-03-01T12:00:00Z"),
    ],
)
def test_an_answer_of_our_idp_that_does_not_fit_leaves_an_event(
    door: Door, says: dict[str, Any], code: Code, sentence: str
) -> None:
    message, browser = door.leave()

    assert door.bring(written(request=message.get("ID"), **says), browser) == Refused(code, sentence)
    assert door.events() == [("sign-in:refused", sentence)]


def test_of_too_many_answers_that_nobody_signed_no_more_events_are_left(door: Door) -> None:
    message, browser = door.leave()
    request = message.get("ID")

    refused = door.bring(written(request=request, sign="nothing"), browser, recorded=False)

    assert isinstance(refused, Refused) and refused.code is Code.SIGNATURE
    assert door.events() == []
    odd = written(request=request, change=lambda text: text.replace("<saml:Subject>", '<saml:Subject x="y">'))
    assert door.bring(odd, browser, recorded=False).code is Code.DISPUTED  # type: ignore[union-attr]
    unknown = written(request=request, name_id="nobody")
    assert door.bring(unknown, browser, recorded=False).code is Code.NOT_KNOWN  # type: ignore[union-attr]
    assert [action for action, _ in door.events()] == ["sign-in:disputed", "sign-in:refused"]


def test_what_is_encrypted_to_us_is_opened(door: Door) -> None:
    message, browser = door.leave()
    certificate = door.sp.domain.keys.active("sp").certificate
    assert certificate is not None
    says = Says(request=message.get("ID"))
    sealed = encrypted(forge.signed(corp().assertion(says, NOW), corp().keys.key), certificate)

    assert isinstance(door.bring(corp().response(sealed, says, NOW), browser), Begun)


def test_what_the_other_library_does_not_take_is_disputed(door: Door) -> None:
    message, browser = door.leave()
    odd = written(request=message.get("ID"), change=lambda text: text.replace("<saml:Subject>", '<saml:Subject x="y">'))

    outcome = door.bring(odd, browser)

    assert isinstance(outcome, Refused) and outcome.code is Code.DISPUTED
    assert door.events() == [("sign-in:disputed", outcome.reason)] and "python3-saml refuses it" in outcome.reason


def test_what_no_check_foresaw_is_a_refusal(door: Door) -> None:
    message, browser = door.leave()
    text = written(request=message.get("ID"))
    odd = text.replace("<saml:Conditions ", '<saml:Conditions xmlns:x="relative" x:a="b" ')

    assert door.bring(odd, browser) == Refused(Code.SIGNATURE, "the message cannot be brought into canonical form")


def test_an_answer_of_an_idp_that_is_off_leaves_an_event(door: Door) -> None:
    message, browser = door.leave()
    door.configure(active=False)

    assert door.bring(written(request=message.get("ID")), browser) == Refused(
        Code.IDP_DISABLED, "this workforce IdP is switched off"
    )


def test_metadata_that_cannot_be_read_any_more_are_a_refusal(door: Door) -> None:
    message, browser = door.leave()
    with door.sp.domain.change(SYSTEM) as unit:
        workforce.refreshed(unit, "corp", "<x/>")

    outcome = door.bring(written(request=message.get("ID")), browser)

    assert isinstance(outcome, Refused) and outcome.code is Code.IDP_EXPIRED


def test_strangers_fill_no_log_of_events(door: Door) -> None:
    door.not_accepted(None, Code.MALFORMED, "^the form has no SAMLResponse$")
    door.not_accepted("", Code.MALFORMED, "^the form has no SAMLResponse$")
    door.not_accepted("no XML", Code.MALFORMED, "^the SAMLResponse is not well-formed XML$")
    door.not_accepted(written(issuer="https://other.example/"), Code.UNKNOWN_IDP, "^the Issuer is no workforce IdP")
    with pytest.raises(NotAccepted, match="^SAMLResponse is not base64$"):
        sign_in.answer(door.sp, "!", Browser(None, None), life=LIFE)


def test_an_idp_is_known_by_its_entity_id(door: Door) -> None:
    found = provider.trusted(door.sp, corp().entity_id)

    assert found.name == "corp"
    assert provider.described(found).sign_on == "https://idp.corp.example/sso"
    with pytest.raises(NotAccepted, match="^the Issuer is no workforce IdP that was added here$"):
        provider.trusted(door.sp, corp().entity_id + "/")


@pytest.mark.parametrize(
    ("next", "page"),
    [
        ("", "/"),
        ("/", "/"),
        ("/x?y=1#Z", "/x?y=1#Z"),
        ("/X", "/X"),
        ("/" + "x" * 1999, "/" + "x" * 1999),
        ("/" + "x" * 2000, "/" + "x" * 1999),
        ("x", "/"),
        ("//evil.example/", "/"),
        ("///evil.example/", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/\\evil.example", "/"),
        ("/a b", "/"),
        ("/\t/evil.example", "/"),
        ("/\u00e4", "/"),
        ("\\\\evil.example", "/"),
    ],
)
def test_whoever_signs_in_goes_on_to_a_page_of_ours(next: str, page: str) -> None:
    assert sign_in.local_page(next) == page
