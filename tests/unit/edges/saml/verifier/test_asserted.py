"""What of an Assertion is believed: whose it is, for whom, when, who it is about, and each bound at its very moment."""

from typing import Any

import pytest

from connector.domain.vouched import Code
from connector.edges.saml.sp.asserted import SKEW
from tests.unit.edges.saml.verifier.believed import NOW, SECOND, accepted, refused, replaced, without, written
from tests.workforce_idp import ACS, SP, instant

BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
UNTIL = instant(NOW + 300 * SECOND)
AUDIENCE = "<saml:AudienceRestriction>{}</saml:AudienceRestriction>"


def confirmation(method: str = BEARER, **data: str) -> str:
    written = "".join(f' {name}="{value}"' for name, value in data.items())
    inside = f"<saml:SubjectConfirmationData{written}/>" if data else ""
    return f'<saml:SubjectConfirmation Method="{method}">{inside}</saml:SubjectConfirmation>'


def only(*confirmations: str) -> Any:
    """These instead of the one that was there."""

    def change(text: str) -> str:
        start = text.index("<saml:SubjectConfirmation ")
        end = text.index("</saml:SubjectConfirmation>") + len("</saml:SubjectConfirmation>")
        return text[:start] + "".join(confirmations) + text[end:]

    return change


GOOD = confirmation(Recipient=ACS, NotOnOrAfter=UNTIL, InResponseTo="_request")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (replaced(' Version="2.0"', ""), "^the Assertion must have an ID, and Version 2.0$"),
        (replaced('Version="2.0"', 'Version="1.1"'), "^the Assertion must have an ID"),
        (without("saml:Issuer"), "^Assertion has no Issuer$"),
        (replaced("</saml:Issuer>", "</saml:Issuer><saml:Issuer/>"), "^Assertion has more than one Issuer$"),
        (without("saml:Subject"), "^Assertion has no Subject$"),
        (replaced("</saml:Subject>", "</saml:Subject><saml:Subject/>"), "^Assertion has more than one Subject$"),
        (without("saml:NameID"), "^Subject has no NameID$"),
        (replaced("<saml:NameID>", "<saml:NameID>admin</saml:NameID><saml:NameID>"), "^Subject has more than one NameID$"),
        (replaced(">ada<", "> <"), "^the NameID is empty$"),
        (replaced(">ada<", ">admin<saml:x/>ada<"), "^NameID must hold text only$"),
        (without("saml:Conditions"), "^Assertion has no Conditions$"),
        (replaced("</saml:Conditions>", "</saml:Conditions><saml:Conditions/>"), "^Assertion has more than one Conditions$"),
        (without("saml:AuthnStatement"), "^Assertion has no AuthnStatement$"),
        (replaced("</saml:AuthnStatement>", '</saml:AuthnStatement><saml:AuthnStatement/>'),
         "^Assertion has more than one AuthnStatement$"),
        (replaced('AuthnInstant="2027-03-01T12:00:00Z"', ""), "^AuthnStatement must have AuthnInstant, a date and time in UTC$"),
        (without("saml:AuthnContext"), "^AuthnStatement has no AuthnContext$"),
        (replaced("</saml:AuthnContextClassRef>", "</saml:AuthnContextClassRef><saml:AuthnContextClassRef/>"),
         "^AuthnContext has more than one AuthnContextClassRef$"),
        (replaced('NotBefore="2027-03-01T11:59:00Z"', 'NotBefore="soon"'), "^NotBefore is not a date"),
        (replaced(f'11:59:00Z" NotOnOrAfter="{UNTIL}"', '11:59:00Z" NotOnOrAfter="late"'), "^NotOnOrAfter is not a date"),
        (replaced("<saml:AudienceRestriction>", "<saml:Condition/><saml:AudienceRestriction>"),
         "^the condition Condition is not known here$"),
        (replaced("<saml:AudienceRestriction>", '<x:OneTimeUse xmlns:x="urn:x"/><saml:AudienceRestriction>'),
         "^the condition OneTimeUse is not known here$"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("sign", ["assertion", "response"])
def test_an_assertion_has_one_of_each_that_it_needs(change: Any, sentence: str, sign: str) -> None:
    refused(written(sign=sign, change=change), Code.MALFORMED, sentence)


def test_an_assertion_needs_an_id() -> None:
    refused(written(sign="response", change=replaced(' ID="_assertion"', "")), Code.MALFORMED, "must have an ID")


def test_another_issuers_assertion_is_refused_though_our_idp_signed_it() -> None:
    other = replaced("corp.example/saml<", "corp.example/other<")

    refused(written(change=other), Code.SIGNATURE, "^the Assertion's Issuer is another one$")


@pytest.mark.parametrize("known", ["<saml:OneTimeUse/>", '<saml:ProxyRestriction Count="0"/>'])
def test_conditions_that_are_known_do_no_harm(known: str) -> None:
    assert accepted(written(conditions=known)).assertion.subject == "ada"


# -- for whom


@pytest.mark.parametrize(
    ("restrictions", "fits"),
    [
        (AUDIENCE.format(f"<saml:Audience>{SP}</saml:Audience>"), True),
        (AUDIENCE.format(f"<saml:Audience>x</saml:Audience><saml:Audience> {SP} </saml:Audience>"), True),
        (AUDIENCE.format(f"<saml:Audience>{SP}</saml:Audience>") * 2, True),
        (AUDIENCE.format(f"<saml:Audience>{SP}</saml:Audience>") + AUDIENCE.format("<saml:Audience>x</saml:Audience>"), False),
        (AUDIENCE.format("<saml:Audience>x</saml:Audience>") + AUDIENCE.format(f"<saml:Audience>{SP}</saml:Audience>"), False),
        (AUDIENCE.format(""), False),
        (AUDIENCE.format(f"<saml:Audience>{SP}/</saml:Audience>"), False),
        (AUDIENCE.format(f'<x:Audience xmlns:x="urn:x">{SP}</x:Audience>'), False),
    ],
)  # fmt: skip
def test_each_restriction_must_name_us(restrictions: str, fits: bool) -> None:
    text = written(audience=None, conditions=restrictions)

    if fits:
        assert accepted(text).assertion.subject == "ada"
    else:
        refused(text, Code.NOT_FOR_US, f"^the assertion's Audience is not {SP}$")


def test_an_assertion_for_whomsoever_is_refused() -> None:
    refused(written(audience=None), Code.NOT_FOR_US, "^the assertion has no AudienceRestriction$")


# -- when


def test_an_assertion_is_good_from_its_beginning_less_what_clocks_differ() -> None:
    minutes = SKEW / (60 * SECOND)

    assert accepted(written(before=-minutes)).assertion.subject == "ada"
    assert accepted(written(change=replaced(' NotBefore="2027-03-01T11:59:00Z"', ""))).assertion.subject == "ada"
    refused(written(before=-minutes - 1 / 60), Code.TIME, "^the assertion is not good before 2027-03-01T12:03:01Z$")


def test_an_assertion_is_good_until_its_end_and_not_at_it() -> None:
    def ends(moment: str) -> Any:
        return replaced(f'11:59:00Z" NotOnOrAfter="{UNTIL}"', f'11:59:00Z" NotOnOrAfter="{moment}"')

    assert accepted(written(change=ends("2027-03-01T12:00:01Z"))).assertion.good_until == NOW + SECOND
    refused(written(change=ends("2027-03-01T12:00:00Z")), Code.TIME, "^the assertion ended at 2027-03-01T12:00:00Z$")
    late = ends("2027-03-01T12:09:00Z")
    assert accepted(written(change=late)).assertion.good_until == NOW + 300 * SECOND, "the sooner of the two"
    endless = replaced(f'11:59:00Z" NotOnOrAfter="{UNTIL}"', '11:59:00Z"')
    assert accepted(written(change=endless)).assertion.good_until == NOW + 300 * SECOND


def test_nobody_has_signed_in_there_in_the_future() -> None:
    def at(moment: str) -> Any:
        return replaced('AuthnInstant="2027-03-01T12:00:00Z"', f'AuthnInstant="{moment}"')

    assert accepted(written(change=at("2027-03-01T12:03:00Z"))).assertion.authenticated == NOW + SKEW
    refused(written(change=at("2027-03-01T12:03:01Z")), Code.TIME, "^AuthnInstant is in the future$")


def test_the_session_there_ends_at_its_moment() -> None:
    assert accepted(written(session_minutes=1 / 60)).assertion.session_until == NOW + SECOND
    assert accepted(written()).assertion.session_until is None
    refused(written(session_minutes=0), Code.TIME, "^the session at the IdP has ended$")


# -- who may bring it, where, until when


@pytest.mark.parametrize(
    ("confirmations", "code", "sentence"),
    [
        ([], Code.NOT_FOR_US, "^the assertion has no SubjectConfirmation for bearers$"),
        ([confirmation(BEARER)], Code.NOT_FOR_US, "^the assertion has no SubjectConfirmation for bearers$"),
        ([confirmation("urn:oasis:names:tc:SAML:2.0:cm:holder-of-key", Recipient=ACS, NotOnOrAfter=UNTIL)], Code.NOT_FOR_US,
         "no SubjectConfirmation for bearers"),
        ([confirmation("urn:oasis:names:tc:SAML:2.0:cm:sender-vouches", Recipient=ACS, NotOnOrAfter=UNTIL)], Code.NOT_FOR_US,
         "no SubjectConfirmation for bearers"),
        ([confirmation(NotOnOrAfter=UNTIL)], Code.NOT_FOR_US, f"^Recipient is not {ACS}$"),
        ([confirmation(Recipient=ACS + "/", NotOnOrAfter=UNTIL)], Code.NOT_FOR_US, f"^Recipient is not {ACS}$"),
        ([confirmation(Recipient=ACS)], Code.MALFORMED, "^SubjectConfirmationData must have NotOnOrAfter and no NotBefore$"),
        ([confirmation(Recipient=ACS, NotOnOrAfter=UNTIL, NotBefore=instant(NOW))], Code.MALFORMED,
         "^SubjectConfirmationData must have NotOnOrAfter and no NotBefore$"),
        ([confirmation(Recipient=ACS, NotOnOrAfter="late")], Code.MALFORMED, "^NotOnOrAfter is not a date and time in UTC$"),
        ([confirmation(Recipient=ACS, NotOnOrAfter=instant(NOW))], Code.TIME,
         "^the assertion could be brought until 2027-03-01T12:00:00Z$"),
        ([GOOD.replace("/>", "/><saml:SubjectConfirmationData/>")], Code.MALFORMED,
         "^SubjectConfirmation has more than one SubjectConfirmationData$"),
    ],
)  # fmt: skip
def test_an_assertion_that_nobody_may_bring_here_now_is_refused(
    confirmations: list[str], code: Code, sentence: str
) -> None:
    refused(written(change=only(*confirmations)), code, sentence)


@pytest.mark.parametrize(
    "before",
    [
        confirmation("urn:oasis:names:tc:SAML:2.0:cm:holder-of-key", Recipient=ACS, NotOnOrAfter=UNTIL),
        confirmation(BEARER),
        confirmation(Recipient="https://other.example/", NotOnOrAfter=UNTIL),
        confirmation(Recipient=ACS),
        confirmation(Recipient=ACS, NotOnOrAfter=instant(NOW)),
    ],
)
def test_one_confirmation_that_fits_is_enough(before: str) -> None:
    found = accepted(written(change=only(before, GOOD))).assertion

    assert (found.request, found.good_until) == ("_request", NOW + 300 * SECOND)


def test_it_may_be_brought_until_just_before_its_end() -> None:
    soon = confirmation(Recipient=ACS, NotOnOrAfter=instant(NOW + SECOND), InResponseTo="_request")

    assert accepted(written(change=only(soon))).assertion.good_until == NOW + SECOND


# -- what else it says


def test_values_of_an_attribute_are_put_together_and_structures_left_out() -> None:
    value = "<saml:AttributeValue>{}</saml:AttributeValue>"
    first = f'<saml:Attribute Name="a">{value.format("1")}{value.format("<x/>")}{value.format(" ")}{value.format(" 2 ")}</saml:Attribute>'
    second = f'<saml:Attribute Name="a">{value.format("3")}</saml:Attribute><saml:Attribute>{value.format("4")}</saml:Attribute>'
    empty = '<saml:Attribute Name="b"/>'
    statements = "".join(f"<saml:AttributeStatement>{one}</saml:AttributeStatement>" for one in (first + empty, second))

    found = accepted(written(change=replaced("</saml:Assertion>", statements + "</saml:Assertion>"))).assertion

    assert found.attributes == {"a": ("1", "2", "3"), "b": (), "": ("4",)}


@pytest.mark.parametrize("kind", ["saml:EncryptedAttribute", "saml:Subject", "Attribute"])
def test_attributes_that_cannot_be_read_are_refused(kind: str) -> None:
    readable = '<saml:Attribute Name="a"/>'
    statement = f"<saml:AttributeStatement>{readable}<{kind}/></saml:AttributeStatement>"

    refused(
        written(change=replaced("</saml:Assertion>", statement + "</saml:Assertion>")),
        Code.MALFORMED,
        "^the assertion has attributes that are encrypted$",
    )


def test_an_idp_need_not_say_how_somebody_signed_in() -> None:
    assert accepted(written(change=without("saml:AuthnContextClassRef"))).assertion.context is None
    assert accepted(written(index=None)).assertion.session_index is None
