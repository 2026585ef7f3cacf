"""Our own assertions that come back to our token endpoint (RFC 7522 section 3): ours, for us, of now, and about who brings them."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connector.core.errors import Invalid
from connector.core.keys import KeyRing
from connector.domain.identity_assertions import OwnAssertion
from connector.domain.unit import Domain
from connector.edges.saml import bearer
from connector.storage.db import Database
from tests.unit.edges.saml.verifier import forge
from tests.unit.edges.saml.verifier.believed import NOW, SECOND, replaced, without
from tests.workforce_idp import instant

US, AUDIENCE, RECIPIENT = "https://us.example/saml", "https://us.example", "https://us.example/oauth/token"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
ASSERTION = (
    f'<saml:Assertion xmlns:saml="{forge.SAML}" ID="_1" Version="2.0"><saml:Issuer>{US}</saml:Issuer>'
    f'<saml:Subject><saml:NameID Format="{PERSISTENT}">agt-1</saml:NameID><saml:SubjectConfirmation Method="{BEARER}">'
    f'<saml:SubjectConfirmationData Recipient="{RECIPIENT}" NotOnOrAfter="{instant(NOW + 60 * SECOND)}"/>'
    f'</saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="{instant(NOW)}" '
    f'NotOnOrAfter="{instant(NOW + 90 * SECOND)}"><saml:AudienceRestriction><saml:Audience>{AUDIENCE}</saml:Audience>'
    "</saml:AudienceRestriction></saml:Conditions></saml:Assertion>"
)

FOR_ANOTHER = (
    '<saml:AttributeStatement><saml:Attribute Name="urn:agentidp:attributes:delegate"/></saml:AttributeStatement>'
    "</saml:Assertion>"
)

Verify = Callable[..., OwnAssertion]


@pytest.fixture
def verify(keys: KeyRing, tmp_path: Path) -> Verify:
    """What becomes of that assertion, signed with our key or `by`; nothing here is stored."""
    domain = Domain(Database(f"sqlite:///{tmp_path / 'none.db'}", clock=lambda: NOW), keys)
    check = bearer.verifier(domain, entity_id=US, audience=AUDIENCE, recipient=RECIPIENT)

    def run(text: str = ASSERTION, *, by: Any = None) -> OwnAssertion:
        made = forge.signed(text, by or keys.active("saml").private).encode()
        return check(base64.urlsafe_b64encode(made).rstrip(b"=").decode())

    run.check = check  # type: ignore[attr-defined]
    return run


def test_an_assertion_of_ours_tells_whose_it_is_and_until_when(verify: Verify) -> None:
    assert verify() == OwnAssertion("_1", "agt-1", NOW + 60 * SECOND)
    sooner = replaced(instant(NOW + 90 * SECOND), instant(NOW + 30 * SECOND))(ASSERTION)
    assert verify(sooner).until == NOW + 30 * SECOND


def test_our_token_endpoint_is_as_good_an_audience(verify: Verify) -> None:
    named = replaced(f"<saml:Audience>{AUDIENCE}<", f"<saml:Audience>{RECIPIENT}<")

    assert verify(named(ASSERTION)).agent_id == "agt-1"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (replaced(f"<saml:Issuer>{US}", f"<saml:Issuer>{US}/"), "^these do not fit: Issuer$"),
        (replaced(f"<saml:Audience>{AUDIENCE}<", f"<saml:Audience>{US}<"), "^these do not fit: Audience$"),
        (replaced(f' Format="{PERSISTENT}"', ""), "^these do not fit: NameID$"),
        (replaced(":bearer", ":sender-vouches"), "^these do not fit: SubjectConfirmation$"),
        (replaced(f'Recipient="{RECIPIENT}"', f'Recipient="{AUDIENCE}"'), "^these do not fit: Recipient$"),
        (replaced(f'Recipient="{RECIPIENT}"', ""), "^these do not fit: Recipient$"),
        (replaced(f'NotBefore="{instant(NOW)}"', f'NotBefore="{instant(NOW + SECOND)}"'), "^these do not fit: NotBefore$"),
        (replaced(instant(NOW + 90 * SECOND), instant(NOW)), "^these do not fit: NotOnOrAfter$"),
        (replaced(instant(NOW + 60 * SECOND), instant(NOW)), "^these do not fit: NotOnOrAfter$"),
        (replaced("<saml:AudienceRestriction>", "<saml:OneTimeUse/><saml:AudienceRestriction>"), "^these do not fit: Condition$"),
        (replaced("</saml:Assertion>", FOR_ANOTHER), "^these do not fit: delegate$"),
        (lambda text: replaced(":bearer", ":x")(replaced(f"<saml:Issuer>{US}", "<saml:Issuer>x")(text)),
         "^these do not fit: Issuer, SubjectConfirmation$"),
        (replaced(f'NotBefore="{instant(NOW)}"', ""), "^Conditions must have NotBefore,"),
        (replaced(f'NotOnOrAfter="{instant(NOW + 90 * SECOND)}"', ""), "^Conditions must have NotOnOrAfter,"),
        (replaced(f'NotOnOrAfter="{instant(NOW + 60 * SECOND)}"', ""), "^SubjectConfirmationData must have NotOnOrAfter,"),
        (without("saml:Issuer"), "^Assertion has no Issuer$"),
        (without("saml:Subject"), "^Assertion has no Subject$"),
        (without("saml:NameID"), "^Subject has no NameID$"),
        (without("saml:SubjectConfirmation"), "^Subject has no SubjectConfirmation$"),
        (without("saml:SubjectConfirmationData"), "^SubjectConfirmation has no SubjectConfirmationData$"),
        (without("saml:Conditions"), "^Assertion has no Conditions$"),
        (without("saml:AudienceRestriction"), "^Conditions has no AudienceRestriction$"),
        (without("saml:Audience"), "^AudienceRestriction has no Audience$"),
        (replaced("</saml:Audience>", "</saml:Audience><saml:Audience/>"), "^AudienceRestriction has more than one Audience$"),
        (replaced("<saml:NameID", "<saml:NameID>agt-2</saml:NameID><saml:NameID"), "^Subject has more than one NameID$"),
        (replaced("saml:Assertion", "saml:Other"), "^it is not an Assertion$"),
    ],
)  # fmt: skip
def test_an_assertion_that_does_not_fit_is_refused(verify: Verify, change: Any, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence):
        verify(change(ASSERTION))


def test_attributes_that_name_no_delegate_do_no_harm(verify: Verify) -> None:
    more = '<saml:AttributeStatement><saml:Attribute Name="mail"/></saml:AttributeStatement></saml:Assertion>'

    assert verify(replaced("</saml:Assertion>", more)(ASSERTION)).id == "_1"


def test_only_what_we_signed_is_ours(verify: Verify, keys: KeyRing) -> None:
    with pytest.raises(Invalid, match="does not verify"):
        verify(by=forge.rsa_key("stranger"))
    with pytest.raises(Invalid, match="does not verify"):
        verify(by=keys.active("sp").private)  # what signs our requests as a service provider vouches for nobody


def test_our_other_key_signs_for_us_too(verify: Verify, keys: KeyRing) -> None:
    keys.all("samlec") or keys.make("samlec")
    text = forge.signed(ASSERTION, keys.active("samlec").private, algorithm=forge.MORE + "ecdsa-sha256")

    assert verify.check(base64.urlsafe_b64encode(text.encode()).decode()).agent_id == "agt-1"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("!", "^it is not base64url$"),
        ("A", "^it is not base64url$"),
        ("\u00e4", "^it is not base64url$"),
        ("", "^the assertion is not well-formed XML$"),
        ("PGE-", "^the assertion is not well-formed XML$"),
        ("PGEvPg", "exactly one signature"),
        ("PGEvPg==", "exactly one signature"),
        ("PGE-PC9hPg", "exactly one signature"),
    ],
)
def test_what_is_no_signed_document_is_refused(verify: Verify, text: str, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence):
        verify.check(text)  # type: ignore[attr-defined]
