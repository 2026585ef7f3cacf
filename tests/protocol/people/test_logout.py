"""Signing out both ways: the person here, the IdP there."""

import base64
import hashlib
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from lxml import etree

from connector.parts import Parts
from tests.conftest import Clock
from tests.protocol.people.conftest import SignIn, Told, Trust, code_of
from tests.servers.pki import self_signed_rsa
from tests.workforce_idp import NS, BrowserOf, Idp, Says, at_that_time, fits_schema, message_of, new_idp

POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"


def asked_of_the_idp(browser: BrowserOf) -> str:
    """Sign out here; the address of the IdP that the page leads to."""
    page = browser.sign_out()
    assert page.status_code == 200, page.text
    [address] = re.findall(r'http-equiv="refresh" content="0; url=([^"]+)"', page.text)
    return str(address).replace("&amp;", "&")


def test_signing_out_here_ends_the_session_at_once_and_asks_the_idp(
    idp: Idp, trust: Trust, ada: str, sign_in: SignIn, clock: Clock, told: Told
) -> None:
    trust(idp)
    browser = sign_in()

    location = asked_of_the_idp(browser)

    assert not browser.signed_in
    message = message_of(location)
    assert location.startswith("https://idp.corp.example/slo?SAMLRequest=") and "&Signature=" in location
    assert (message.tag, message.get("Destination")) == (
        f"{{{NS['samlp']}}}LogoutRequest",
        "https://idp.corp.example/slo",
    )
    assert fits_schema(message)
    assert message.findtext("saml:NameID", namespaces=NS) == "ada"
    assert message.findtext("samlp:SessionIndex", namespaces=NS) == "session-1"
    [event] = told("sign-in:ended")
    assert event["detail"]["by"] == "person"

    browser.carry(location)
    answer = idp.query("SAMLResponse", idp.logout_response(browser.request, clock.now), browser.relay_state)
    assert "signed out here and at your identity provider" in browser.get(f"/saml/sp/slo?{answer}").text
    assert "may still be signed in" in browser.get(f"/saml/sp/slo?{answer}").text, "an answer counts once"


@pytest.mark.parametrize("status", ["PartialLogout", "Responder"])
def test_an_idp_that_did_not_sign_out_is_told_of(
    idp: Idp, trust: Trust, ada: str, sign_in: SignIn, clock: Clock, status: str
) -> None:
    trust(idp)
    browser = sign_in()
    browser.carry(asked_of_the_idp(browser))

    answer = idp.query(
        "SAMLResponse", idp.logout_response(browser.request, clock.now, status=status), browser.relay_state
    )

    assert "you may still be signed in" in browser.get(f"/saml/sp/slo?{answer}").text


def test_an_idp_without_logout_leaves_it_at_ours(idp: Idp, trust: Trust, ada: str, sign_in: SignIn) -> None:
    trust(idp, metadata=idp.metadata(logout=False))
    browser = sign_in()

    page = browser.sign_out()

    assert "you may still be signed in" in page.text and "refresh" not in page.text
    assert not browser.signed_in


@pytest.mark.parametrize("way", ["redirect", "post", "soap"])
def test_the_idp_ends_a_session(
    app: Any, idp: Idp, trust: Trust, ada: str, sign_in: SignIn, clock: Clock, told: Told, way: str
) -> None:
    trust(idp)
    browser, other = sign_in(), sign_in(index="session-2")
    request = idp.logout_request(clock.now)

    response = ask(BrowserOf(app), idp, request, way)

    assert response.tag == f"{{{NS['samlp']}}}LogoutResponse"
    assert fits_schema(response)
    assert response.get("InResponseTo") == etree.fromstring(request).get("ID")
    assert response.find("samlp:Status/samlp:StatusCode", NS).get("Value").endswith(":Success")
    assert (browser.signed_in, other.signed_in) == (False, True)
    [event] = told("sign-in:ended")
    assert (event["subject"]["id"], event["detail"]["by"]) == (ada, "idp")


def ask(browser: BrowserOf, idp: Idp, request: str, way: str) -> Any:
    """Send a LogoutRequest as the IdP would; our LogoutResponse."""
    if way == "redirect":
        answer = browser.get(f"/saml/sp/slo?{idp.query('SAMLRequest', request, 'their state')}")
        assert answer.status_code == 303, answer.text
        location = answer.headers["Location"]
        assert "&RelayState=their%20state&SigAlg=" in location and "&Signature=" in location
        assert urlsplit(location).path == "/slo"
        return message_of(location)
    signed = idp.signed(request)
    if way == "post":
        encoded = base64.b64encode(signed.encode()).decode()
        answer = browser.post("/saml/sp/slo", SAMLRequest=encoded)
        assert answer.status_code == 303, answer.text  # the IdP takes answers by Redirect
        return message_of(answer.headers["Location"])
    envelope = f'<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body>{signed}</S:Body></S:Envelope>'
    answer = browser.client.post("/saml/sp/slo/soap", data=envelope, content_type="text/xml")
    assert answer.status_code == 200, answer.text
    return etree.fromstring(answer.data)[0][0]


def test_an_idp_that_takes_answers_by_post_gets_a_form(
    browser: BrowserOf, idp: Idp, trust: Trust, ada: str, sign_in: SignIn, clock: Clock
) -> None:
    slo = f'<md:SingleLogoutService Binding="{POST}" Location="https://idp.corp.example/post"/>'
    metadata = (
        idp.metadata(logout=False).decode().replace("<md:SingleSignOnService", slo + "<md:SingleSignOnService", 1)
    )
    trust(idp, metadata=metadata.encode())
    inside = sign_in()

    answer = browser.get(f"/saml/sp/slo?{idp.query('SAMLRequest', idp.logout_request(clock.now))}")

    assert 'action="https://idp.corp.example/post"' in answer.text and 'name="SAMLResponse"' in answer.text
    assert not inside.signed_in
    policy = assert_form_sends_itself(answer)
    assert "frame-ancestors" not in policy, "an IdP tells several service providers at once by frames"
    assert "X-Frame-Options" not in answer.headers


def assert_form_sends_itself(answer: Any) -> dict[str, str]:
    """To another site, under the page's own policy; which is returned."""
    policy = dict(one.strip().partition(" ")[::2] for one in answer.headers["Content-Security-Policy"].split(";"))
    [script] = re.findall("<script>(.*?)</script>", answer.text)
    assert policy["script-src"] == f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
    assert "form-action" not in policy
    return policy


def test_a_logout_without_an_index_ends_every_session_of_that_name(
    browser: BrowserOf, idp: Idp, trust: Trust, ada: str, sign_in: SignIn, clock: Clock
) -> None:
    trust(idp)
    sessions = [sign_in(), sign_in(index="session-2"), sign_in(index=None)]

    ask(browser, idp, idp.logout_request(clock.now, index=None), "redirect")

    assert [one.signed_in for one in sessions] == [False, False, False]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Destination": "https://other.example/slo"}, "not-for-us"),
        ({"IssueInstant": "2027-03-01T11:50:00Z"}, "time"),
        ({"NotOnOrAfter": "2027-03-01T11:50:00Z"}, "time"),
    ],
)
def test_a_logout_that_does_not_fit_ends_nothing(
    browser: BrowserOf,
    idp: Idp,
    trust: Trust,
    ada: str,
    sign_in: SignIn,
    clock: Clock,
    changes: dict[str, str],
    code: str,
) -> None:
    trust(idp)
    inside = sign_in()

    answer = browser.get(f"/saml/sp/slo?{idp.query('SAMLRequest', idp.logout_request(clock.now, **changes))}")

    assert code_of(answer) == code
    assert inside.signed_in


def test_a_logout_that_is_not_the_idps_own_ends_nothing(
    browser: BrowserOf, idp: Idp, trust: Trust, ada: str, sign_in: SignIn, clock: Clock
) -> None:
    trust(idp)
    other = new_idp("other", entity_id="https://other.example/idp")
    trust(other, "other")
    inside = sign_in()
    request = idp.logout_request(clock.now)
    forged = Idp(self_signed_rsa("stranger"))

    assert code_of(browser.get(f"/saml/sp/slo?{idp.query('SAMLRequest', request, sign=False)}")) == "signature"
    assert code_of(browser.get(f"/saml/sp/slo?{forged.query('SAMLRequest', request)}")) == "signature"
    unsigned = base64.b64encode(request.encode()).decode()
    assert code_of(browser.post("/saml/sp/slo", SAMLRequest=unsigned)) == "signature"
    ask(browser, other, other.logout_request(clock.now), "soap")
    assert inside.signed_in, "another IdP's sessions are its own, though the name is the same"
    query = idp.query("SAMLRequest", request)
    assert browser.get(f"/saml/sp/slo?{query}").status_code == 303
    assert code_of(browser.get(f"/saml/sp/slo?{query}")) == "replayed"


def test_an_answer_that_cannot_be_believed_confirms_nothing(
    browser: BrowserOf, idp: Idp, trust: Trust, ada: str, sign_in: SignIn, clock: Clock
) -> None:
    trust(idp)
    inside = sign_in()
    inside.carry(asked_of_the_idp(inside))

    answer = idp.logout_response(inside.request, clock.now)
    unsigned = idp.query("SAMLResponse", answer, inside.relay_state, sign=False)
    signed = idp.query("SAMLResponse", answer, inside.relay_state)

    for there, query in ((inside, unsigned), (browser, signed)):
        assert "may still be signed in" in there.get(f"/saml/sp/slo?{query}").text


def test_signing_in_again_replaces_the_session(
    idp: Idp, trust: Trust, ada: str, sign_in: SignIn, clock: Clock, parts: Parts, told: Told
) -> None:
    trust(idp)
    browser = sign_in()
    with at_that_time(clock.now):
        browser.begin().bring(idp.answer(Says(request=browser.request), clock.now))

    assert browser.signed_in
    assert len(told("sign-in:ended")) == 1
