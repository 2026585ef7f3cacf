"""By what means people sign in: what an operator has chosen, what an agent wishes for, and what the IdP did."""

import pytest

from connector.domain.sign_in import Begun, Browser, Unmet
from connector.domain.vouched import Code, Refused
from tests.unit.edges.saml.verifier.believed import written
from tests.unit.edges.saml.verifier.conftest import Door
from tests.workforce_idp import NS, fits_schema

CLASSES = "urn:oasis:names:tc:SAML:2.0:ac:classes:"
USUAL, STRONG = CLASSES + "PasswordProtectedTransport", "https://refeds.org/profile/mfa"


@pytest.mark.parametrize(
    ("chosen", "comparison", "wished", "asked"),
    [
        ((), "exact", (), None),
        ((USUAL, STRONG), "exact", (), ("exact", [USUAL, STRONG])),
        ((USUAL, STRONG), "minimum", (), ("minimum", [USUAL, STRONG])),
        ((), "minimum", (STRONG,), ("exact", [STRONG])),
        ((USUAL, STRONG), "minimum", (STRONG, "urn:x"), ("exact", [STRONG])),
        ((USUAL,), "minimum", (STRONG,), ("minimum", [USUAL])),
        ((), "exact", ("urn:a&b",), ("exact", ["urn:a&b"])),
    ],
)
def test_the_request_names_the_contexts_that_will_do(
    door: Door, chosen: tuple[str, ...], comparison: str, wished: tuple[str, ...], asked: tuple[str, list[str]] | None
) -> None:
    door.configure(contexts=chosen, comparison=comparison)

    message, _ = door.leave(contexts=wished)

    assert fits_schema(message)
    found = message.find("samlp:RequestedAuthnContext", NS)
    named = [one.text for one in message.iterfind(".//saml:AuthnContextClassRef", NS)]
    assert (None if found is None else (found.get("Comparison"), named)) == asked


@pytest.mark.parametrize("begun_here", [True, False], ids=["asked for", "unasked"])
def test_nobody_is_signed_in_by_another_context_than_those_that_were_chosen(door: Door, begun_here: bool) -> None:
    door.configure(contexts=(STRONG, "urn:x"), unsolicited=True)
    message, browser = door.leave() if begun_here else ({}, Browser(None, None))

    refused = door.bring(written(request=message.get("ID")), browser)

    assert isinstance(refused, Refused) and refused.code is Code.CONTEXT
    assert USUAL in refused.reason and door.events() == [("sign-in:refused", refused.reason)]
    message, browser = door.leave() if begun_here else ({}, Browser(None, None))
    assert isinstance(door.bring(written(request=message.get("ID"), id="_other", context=STRONG), browser), Begun)


@pytest.mark.parametrize(
    ("next", "context", "onward"),
    [
        ("/page", STRONG, "/page"),
        ("/page", USUAL, "/page?unmet=1"),
        ("/page?x=1", USUAL, "/page?x=1&unmet=1"),
        ("/page?unmet=1", USUAL, "/page?unmet=1"),
    ],
)
def test_who_only_wished_for_a_context_is_told_that_it_was_another(
    door: Door, next: str, context: str, onward: str
) -> None:
    message, browser = door.leave(next, contexts=(STRONG,))

    outcome = door.bring(written(request=message.get("ID"), context=context), browser)

    assert isinstance(outcome, Begun) and outcome.next == onward


NO_SUCH = {
    "status": "urn:oasis:names:tc:SAML:2.0:status:Responder",
    "second_status": "urn:oasis:names:tc:SAML:2.0:status:NoAuthnContext",
    "sign": "nothing",
}


def test_an_idp_that_has_no_such_context_signs_nobody_in_and_the_page_that_wished_for_it_is_told(door: Door) -> None:
    message, browser = door.leave("/page", contexts=(STRONG,))
    text = written(request=message.get("ID"), **NO_SUCH)

    assert isinstance(door.bring(text, Browser("another", browser.relay_state)), Refused)
    message, browser = door.leave("/page", contexts=(STRONG,))
    text = written(request=message.get("ID"), **NO_SUCH)

    assert door.bring(text, browser) == Unmet("/page?unmet=1")
    assert isinstance(door.bring(text, browser, recorded=False), Refused), "it was answered"
    assert door.events() == [("sign-in:refused", "the IdP answered Responder, NoAuthnContext")] * 2


def test_where_nobody_wished_for_a_context_the_idp_without_it_has_refused(door: Door) -> None:
    message, browser = door.leave()

    refused = door.bring(written(request=None, **NO_SUCH), browser)
    assert isinstance(refused, Refused), "it answers nothing"
    refused = door.bring(written(request=message.get("ID"), **NO_SUCH), browser)

    assert refused == Refused(Code.CONTEXT, "the IdP answered Responder, NoAuthnContext")
