"""Answers that came to the wrong place, too late, twice or unasked: nobody is signed in, and the audit log knows why."""

import base64
import zlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from connector.domain import workforce
from connector.domain.unit import SYSTEM
from connector.edges.saml import xml
from connector.edges.saml.sp import identity_provider, response, second_opinion
from connector.parts import Parts
from tests.conftest import Clock
from tests.protocol.people.conftest import Told, Trust, code_of, refused
from tests.workforce_idp import ACS, SP, BrowserOf, Idp, Says, at_that_time, new_idp

# what is refused here is refused before anything of a session is stored: one database is enough
pytestmark = [
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.usefixtures("people_here"),
]


# -- for whom, where, when, and which request


@pytest.mark.parametrize(
    ("says", "code"),
    [
        ({"audience": "https://other.example/sp"}, "not-for-us"),
        ({"audience": None}, "not-for-us"),
        ({"recipient": "https://other.example/acs"}, "not-for-us"),
        ({"recipient": "https://connector.example/saml/acs/x"}, "not-for-us"),
        ({"recipient": None}, "not-for-us"),
        ({"destination": "https://connector.example/saml/acs/x"}, "not-for-us"),
        ({"conditions": "<saml:AudienceRestriction><saml:Audience>x</saml:Audience></saml:AudienceRestriction>"}, "not-for-us"),
        ({"conditions": '<saml:Condition xmlns:x="urn:x" xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type="x:T"/>'}, "malformed"),
        ({"minutes": 0}, "time"),
        ({"minutes": -1}, "time"),
        ({"before": -4}, "time"),
        ({"session_minutes": 0}, "time"),
        ({"status": "urn:oasis:names:tc:SAML:2.0:status:Responder"}, "idp-refused"),
        ({"wrapper_request": "_another"}, "unsolicited"),
        ({"name_id": "<saml:x/>admin"}, "malformed"),
        ({"name_id": ""}, "malformed"),
    ],
)  # fmt: skip
def test_an_answer_that_does_not_fit_is_refused(
    browser: BrowserOf, idp: Idp, clock: Clock, told: Told, says: dict[str, Any], code: str
) -> None:
    answer = idp.answer(Says(request=browser.begin().request, **says), clock.now, sign="response")

    refused(browser.bring(answer), told, code)


@pytest.mark.parametrize("extra", ["<!-- -->", "<?x y?>", "<![CDATA[]]><!---->"])
def test_a_name_is_not_cut_where_a_comment_is(
    browser: BrowserOf, idp: Idp, clock: Clock, told: Told, extra: str
) -> None:
    """Canonical form has no comments: the signature stays good (CVE-2017-11427 and its kin)."""
    says = Says("admin@evil.example", browser.begin().request)
    answer = idp.answer(says, clock.now).replace("admin@evil", f"admin{extra}@evil")

    refused(browser.bring(answer), told, "malformed", known=False)


def test_a_request_named_in_the_unsigned_wrapper_only_is_refused(
    browser: BrowserOf, idp: Idp, trust: Trust, clock: Clock, told: Told
) -> None:
    """As SimpleSAMLphp once took it (CVE-2026-49284)."""
    trust(idp, unsolicited=True)
    browser.begin()

    refused(browser.bring(idp.answer(Says(wrapper_request=browser.request), clock.now)), told, "unsolicited")


def test_an_answer_to_no_request_is_refused(browser: BrowserOf, idp: Idp, clock: Clock, told: Told) -> None:
    browser.begin()

    refused(browser.bring(idp.answer(Says(), clock.now)), told, "unsolicited")


def test_an_answer_to_no_request_is_taken_where_that_was_chosen(
    browser: BrowserOf, idp: Idp, trust: Trust, clock: Clock, told: Told
) -> None:
    trust(idp, unsolicited=True)

    answer = browser.bring(idp.answer(Says(), clock.now), relay_state="https://evil.example/")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    [event] = told("sign-in:granted")
    assert event["detail"]["unsolicited"] is True


def test_an_answer_is_taken_once(browser: BrowserOf, idp: Idp, clock: Clock, told: Told) -> None:
    answer = idp.answer(Says(request=browser.begin().request), clock.now)
    assert browser.bring(answer).status_code == 303

    again = browser.bring(answer)

    assert code_of(again) == "replayed"


def test_an_unsolicited_assertion_is_taken_once(
    app: Flask, browser: BrowserOf, idp: Idp, trust: Trust, clock: Clock
) -> None:
    trust(idp, unsolicited=True)
    answer = idp.answer(Says(), clock.now)
    assert browser.bring(answer, relay_state="x").status_code == 303

    assert code_of(BrowserOf(app).bring(answer, relay_state="x")) == "replayed"


def test_an_answer_to_the_request_of_another_browser_is_refused(
    app: Flask, browser: BrowserOf, idp: Idp, clock: Clock, told: Told
) -> None:
    """Login CSRF: the attacker begins, and has the victim's browser finish as the attacker."""
    attacker = BrowserOf(app).begin()
    answer = idp.answer(Says("admin", attacker.request), clock.now)

    refused(browser.bring(answer, relay_state=attacker.relay_state), told, "other-browser")
    assert not browser.signed_in
    assert code_of(attacker.bring(answer)) == "replayed", "the request is used up"


def test_another_relay_state_is_refused(browser: BrowserOf, idp: Idp, clock: Clock, told: Told) -> None:
    answer = idp.answer(Says(request=browser.begin().request), clock.now)

    refused(browser.bring(answer, relay_state="/another"), told, "other-browser")


def test_an_answer_that_took_too_long_is_refused(browser: BrowserOf, idp: Idp, clock: Clock, told: Told) -> None:
    browser.begin()
    begun = clock.now
    clock.move(minutes=16)
    with at_that_time(begun + timedelta(minutes=16)):
        refused(browser.bring(idp.answer(Says(request=browser.request), clock.now)), told, "replayed")


# -- which IdP


def test_an_idp_that_is_off_signs_nobody_in(
    browser: BrowserOf, parts: Parts, idp: Idp, clock: Clock, told: Told
) -> None:
    answer = idp.answer(Says(request=browser.begin().request), clock.now)
    with parts.domain.change(SYSTEM) as unit:
        workforce.configure(unit, "corp", {"active": False})

    refused(browser.bring(answer), told, "idp-disabled")
    assert code_of(browser.get("/saml/sp/login?idp=corp")) == "unknown-idp"


def test_switching_an_idp_off_signs_out_whom_it_had_signed_in(
    browser: BrowserOf, parts: Parts, idp: Idp, clock: Clock
) -> None:
    browser.begin().bring(idp.answer(Says(request=browser.request), clock.now))
    assert browser.signed_in

    with parts.domain.change(SYSTEM) as unit:
        workforce.configure(unit, "corp", {"active": False})

    assert not browser.signed_in


def test_metadata_that_have_ended_sign_nobody_in(
    browser: BrowserOf, idp: Idp, trust: Trust, clock: Clock, told: Told
) -> None:
    trust(idp, metadata=idp.metadata(valid_until=clock.now + timedelta(minutes=1)))
    browser.begin()
    clock.move(minutes=2)

    refused(browser.bring(idp.answer(Says(request=browser.request), clock.now)), told, "idp-metadata-expired")


def test_an_idp_that_was_not_added_leaves_no_event(browser: BrowserOf, clock: Clock, told: Told) -> None:
    stranger = new_idp("stranger", entity_id="https://stranger.example/")
    browser.begin()

    answer = browser.bring(stranger.answer(Says("admin", browser.request), clock.now))

    refused(answer, told, "unknown-idp", known=False)


# -- documents


@pytest.mark.parametrize(
    "content",
    [
        '<!DOCTYPE x [<!ENTITY a "admin">]><samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"/>',
        '<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"/>',
        "<x/>",
        "no XML",
        "",
    ],
)
def test_what_is_no_response_is_refused(browser: BrowserOf, told: Told, content: str) -> None:
    browser.begin()

    refused(browser.bring(content), told, "malformed", known=False)


def test_what_is_no_base64_is_refused(browser: BrowserOf) -> None:
    assert code_of(browser.post("/saml/acs", SAMLResponse="<>", RelayState="x")) == "malformed"
    assert code_of(browser.post("/saml/acs")) == "malformed"


def test_a_huge_answer_is_not_read(browser: BrowserOf) -> None:
    assert browser.post("/saml/acs", SAMLResponse="A" * 500_000).status_code == 413


def test_two_readers_that_differ_sign_nobody_in(
    browser: BrowserOf, idp: Idp, clock: Clock, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """python3-saml holds the schema against it: an attribute that is in no schema. Our verifier does not mind it."""
    says = Says(request=browser.begin().request)
    assertion = idp.assertion(says, clock.now).replace("<saml:Subject>", '<saml:Subject not-in-the-schema="x">')

    answer = browser.bring(idp.response(idp.signed(assertion), says, clock.now))

    refused(answer, told, "disputed")
    [event] = told("sign-in:disputed")
    assert "python3-saml refuses it" in event["detail"]["reason"]


def test_the_second_opinion_reads_for_itself(idp: Idp, clock: Clock, browser: BrowserOf, parts: Parts) -> None:
    """Were our own reading wrong, it would be noticed."""
    says = Says(request=browser.begin().request, attributes={"groups": ("staff",)})
    text = idp.answer(says, clock.now)
    expected = response.Expected(identity_provider.parsed(idp.metadata()), ACS, SP, clock.now, [])
    judged = response.accept(xml.parse(text.encode(), what="Response"), expected)

    def with_reading(**changes: Any) -> str | None:
        return second_opinion.objection(
            text.encode(), expected, replace(judged, assertion=replace(judged.assertion, **changes))
        )

    assert with_reading() is None
    assert "another subject" in (with_reading(subject="admin") or "")
    assert "another subject" in (with_reading(session_index="session-2") or "")
    assert "other values" in (with_reading(attributes={"groups": ("admins",)}) or "")


def test_forged_answers_do_not_fill_the_audit_log_nor_keep_anybody_out(
    browser: BrowserOf, idp: Idp, clock: Clock, told: Told, parts: Parts
) -> None:
    """Anybody can write an answer that names an IdP of ours; every one is refused, and the log of the process has them all."""
    browser.begin()
    forged = idp.answer(Says("admin", browser.request), clock.now, sign="none")

    codes = {code_of(browser.bring(forged)) for _ in range(parts.settings.auth_failures + 5)}

    assert codes == {"signature"}
    assert len(told("sign-in:refused")) == parts.settings.auth_failures
    assert browser.bring(idp.answer(Says(request=browser.request), clock.now)).status_code == 303


def test_forms_need_the_csrf_token_of_the_session(browser: BrowserOf, idp: Idp, clock: Clock) -> None:
    browser.begin().bring(idp.answer(Says(request=browser.request), clock.now))

    assert browser.post("/saml/sp/logout").status_code == 403
    assert browser.post("/saml/sp/logout", csrf="x").status_code == 403
    assert browser.signed_in


def test_a_redirect_bomb_is_not_inflated(browser: BrowserOf) -> None:
    deflate = zlib.compressobj(wbits=-15)
    bomb = base64.b64encode(deflate.compress(b"x" * 10_000_000) + deflate.flush()).decode()

    answer = browser.client.get("/saml/sp/slo", query_string={"SAMLRequest": bomb, "SigAlg": "x", "Signature": "x"})

    assert code_of(answer) == "malformed"
