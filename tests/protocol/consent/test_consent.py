"""A person is asked whether an agent may act for them, and the agent gets what they have allowed."""

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from lxml import etree

from connector.domain import redirect_uris, scopes
from tests.protocol.consent.conftest import CALLBACK, CONTEXT, Flow, on_both, told
from tests.protocol.oauth.conftest import EXCHANGE, FILES, MAIL, TYPE
from tests.workforce_idp import message_of


@on_both
def test_the_whole_way_from_sign_in_to_a_revoked_delegation(flow: Flow) -> None:
    first = flow.ask(max_age="600")
    assert first.status_code == 303
    signin = flow.browser.get(first.headers["Location"])
    link = signin.text.split('href="/saml/sp/login?')[1].split('"')[0].replace("&amp;", "&")
    flow.browser.carry(flow.browser.get(f"/saml/sp/login?{link}").headers["Location"])

    assert flow.come_back() == flow.address(max_age="600")

    tokens = flow.tokens()
    claims = flow.world.claims(tokens["access_token"])
    assert (claims["sub"], claims["aud"], claims["scope"]) == (flow.world.ada, FILES, "files.read")
    assert claims["act"] == {"sub": flow.world.bot.id, "sub_profile": "ai_agent"}
    assert (claims["client_id"], claims["acr"]) == (flow.world.bot.id, CONTEXT)
    assert claims["auth_time"] == int(flow.world.clock.now.timestamp())
    seen = flow.world.introspect(tokens["access_token"])
    assert seen["active"] and seen["act"]["sub"] == flow.world.bot.id and seen["auth_time"] == claims["auth_time"]

    front = flow.browser.get("/").text
    assert "What you have delegated" in front and "<td>bot</td>" in front and "2027-03-31 12:00 UTC" in front
    action = front.split('action="/delegations/')[1].split('"')[0]
    csrf = front.split('name="csrf" value="')[1].split('"')[0]
    assert flow.browser.post(f"/delegations/{action}", csrf=csrf).headers["Location"] == "/"

    assert not flow.active(tokens["access_token"])
    refused = flow.renew(tokens["refresh_token"])
    assert (refused.status_code, refused.get_json()["error"]) == (400, "invalid_grant")
    assert "No agent may act for you." in flow.browser.get("/").text
    assert flow.events("delegation:revoked")[-1]["actor"]["kind"] == "person"


def test_the_page_names_the_agent_its_owner_the_resource_each_scope_and_how_long(signed_in: Flow) -> None:
    world = signed_in.world
    world.act(scopes.add, "files.share", FILES, description="Share files with others")
    world.grant(world.bot.id, "files.share")
    world.grant(world.ada, "files.share")

    page = signed_in.ask(scope="files.read files.share")

    for shown in ("bot", world.bot.id, "ada", "Files", FILES, "Share files with others", "files.read"):
        assert shown in page.text
    for term in ("2027-03-02 12:00 UTC", "2027-03-31 12:00 UTC", "2028-03-01 12:00 UTC"):
        assert term in page.text
    assert "https://bot.example" in page.text
    assert "<script" not in page.text and "style=" not in page.text


def test_no_page_can_frame_the_question_and_its_form_leads_to_us_and_the_agent_alone(signed_in: Flow) -> None:
    page = signed_in.ask()

    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "form-action 'self' https://bot.example;" in policy
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["Cache-Control"] == "no-store"


def test_what_was_allowed_is_not_asked_again_but_what_is_more(signed_in: Flow) -> None:
    assert signed_in.tokens(scope="files.read files.write")["scope"] == "files.read files.write"

    again = signed_in.ask(prompt="none")
    assert signed_in.redeem(told(again)["code"]).get_json()["scope"] == "files.read"
    assert signed_in.ask(prompt="consent").status_code == 200

    assert [one["detail"]["scopes"] for one in signed_in.events("consent:given")] == [["files.read", "files.write"]]


@on_both
def test_a_new_answer_takes_the_place_of_the_one_before(signed_in: Flow) -> None:
    earlier = signed_in.tokens()

    signed_in.tokens(prompt="consent", term="day")

    assert not signed_in.active(earlier["access_token"])
    assert signed_in.browser.get("/").text.count('/revoke"') == 1
    assert "2027-03-02 12:00 UTC" in signed_in.browser.get("/").text


def test_a_refusal_is_told_and_recorded(signed_in: Flow) -> None:
    answer = told(signed_in.decide("deny"))

    assert (answer["error"], answer["state"]) == ("access_denied", "s-1")
    [event] = signed_in.events("consent:refused")
    assert (event["actor"]["id"], event["subject"]["id"]) == (signed_in.world.ada, signed_in.world.bot.id)
    assert signed_in.events("delegation:made") == []


def test_prompt_none_shows_no_page(flow: Flow) -> None:
    assert told(flow.ask(prompt="none"))["error"] == "login_required"
    flow.sign_in()
    assert told(flow.ask(prompt="none"))["error"] == "consent_required"


@pytest.mark.parametrize("wish", [{"max_age": "600"}, {"prompt": "login"}])
def test_who_has_proved_themselves_too_long_ago_does_so_again(proven: Flow, wish: dict[str, str]) -> None:
    assert proven.ask(**wish).status_code == 200
    proven.world.clock.move(minutes=11)

    assert told(proven.ask(max_age="600", prompt="none"))["error"] == "login_required"
    stale = proven.ask(**wish)
    assert stale.status_code == 303
    assert _query(stale)["fresh"] == ["1"]
    page = proven.browser.get(stale.headers["Location"]).text
    assert "prove again" in page and "&amp;fresh=1" in page
    sent = proven.browser.get("/saml/sp/login?idp=corp&fresh=1")
    assert "ForceAuthn" in _request(sent.headers["Location"])
    assert "ForceAuthn" not in _request(proven.browser.get("/saml/sp/login?idp=corp").headers["Location"])


@pytest.mark.parametrize("wish", [{"max_age": "600"}, {"prompt": "login"}])
def test_who_signed_in_unforced_has_proved_nothing_whatever_moment_the_idp_names(
    proven: Flow, wish: dict[str, str]
) -> None:
    proven.sign_in()

    assert _query(proven.ask(**wish))["fresh"] == ["1"]
    assert told(proven.ask(max_age="600", prompt="none"))["error"] == "login_required"
    assert proven.ask().status_code == 200
    assert "auth_time" not in proven.world.claims(proven.tokens()["access_token"])


def test_who_is_not_signed_in_is_forced_at_once_where_a_proof_is_wanted(flow: Flow) -> None:
    sent = flow.ask(prompt="login")

    assert _query(sent)["fresh"] == ["1"]
    page = flow.browser.get(sent.headers["Location"]).text
    assert "needs you to prove that it is you" in page
    flow.sign_in(forced=True)
    assert flow.ask(prompt="login").status_code == 200


def test_an_authentication_that_will_not_do_is_asked_for_and_then_told(signed_in: Flow) -> None:
    assert signed_in.ask(acr_values=f"urn:other {CONTEXT}").status_code == 200
    quiet = told(signed_in.ask(acr_values="urn:mfa", prompt="none"))
    assert quiet["error"] == "unmet_authentication_requirements"

    sent = signed_in.ask(acr_values="urn:mfa urn:hardware")
    assert _query(sent)["acr"] == ["urn:mfa urn:hardware"]
    page = signed_in.browser.get(sent.headers["Location"]).text
    assert "by other means" in page
    link = page.split('href="/saml/sp/login?')[1].split('"')[0].replace("&amp;", "&")
    address = signed_in.browser.get(f"/saml/sp/login?{link}").headers["Location"]
    signed_in.browser.carry(address)
    assert _request(address).count("</saml:AuthnContextClassRef>") == 2
    onward = signed_in.come_back()

    answer = told(signed_in.browser.get(onward))
    assert (answer["error"], answer["state"]) == ("unmet_authentication_requirements", "s-1")


def test_an_authentication_by_the_means_that_the_agent_wants_goes_on(signed_in: Flow) -> None:
    address = signed_in.address(acr_values="urn:mfa")
    next = urlencode({"": address})[1:]
    signed_in.browser.begin(next=next, more="&acr=urn:mfa")

    assert signed_in.come_back(context="urn:mfa") == address
    claims = signed_in.world.claims(signed_in.tokens(acr_values="urn:mfa")["access_token"])
    assert claims["acr"] == "urn:mfa"


def test_an_idp_that_cannot_do_it_is_told_to_the_agent(signed_in: Flow) -> None:
    next = urlencode({"": signed_in.address(acr_values="urn:mfa")})[1:]
    signed_in.browser.begin(next=next, more="&acr=urn:mfa")
    status = "urn:oasis:names:tc:SAML:2.0:status:"

    onward = signed_in.come_back(status=status + "Responder", second_status=status + "NoAuthnContext")

    assert told(signed_in.browser.get(onward))["error"] == "unmet_authentication_requirements"
    assert signed_in.browser.signed_in, "as before"


def test_acr_values_that_are_no_uris_are_refused(signed_in: Flow) -> None:
    assert told(signed_in.ask(acr_values="urn:m\u00fcll"))["error"] == "invalid_request"


def test_a_person_gives_only_what_they_hold(signed_in: Flow) -> None:
    world = signed_in.world
    world.act(scopes.withdraw, "files.write", world.ada)

    page = signed_in.ask(scope="files.read files.write")
    assert "which is not yours to give" in page.text
    assert signed_in.tokens(scope="files.read files.write")["scope"] == "files.read"

    assert told(signed_in.ask(scope="files.write"))["error"] == "access_denied"


def test_an_agent_asks_only_for_what_it_may_have(flow: Flow) -> None:
    flow.world.grant(flow.world.ada, "mail.send")

    assert told(flow.ask(scope="mail.send"))["error"] == "invalid_scope"
    assert told(flow.ask(scope="sign-on"))["error"] == "invalid_scope"
    assert told(flow.ask(scope=None))["error"] == "invalid_scope"
    assert told(flow.ask(resource="https://nobody.example"))["error"] == "invalid_target"
    assert told(flow.ask(resource=MAIL))["error"] == "invalid_scope"


def test_a_refresh_token_is_another_each_time_and_gives_no_more_than_was_consented_to(proven: Flow) -> None:
    tokens = proven.tokens(scope="files.read files.write")
    proven.world.clock.move(hours=20)

    narrow = proven.renew(tokens["refresh_token"], scope="files.read").get_json()
    assert narrow["scope"] == "files.read" and narrow["refresh_token"] != tokens["refresh_token"]
    wide = proven.renew(narrow["refresh_token"]).get_json()
    assert wide["scope"] == "files.read files.write"
    assert proven.world.claims(wide["access_token"])["auth_time"] < proven.world.clock.now.timestamp() - 3600

    assert proven.renew(wide["refresh_token"], scope="mail.send").get_json()["error"] == "invalid_scope"
    assert proven.renew(wide["refresh_token"], resource=MAIL).get_json()["error"] == "invalid_target"
    assert proven.renew(wide["refresh_token"]).status_code == 200


def test_the_delegation_ends_when_the_person_said(signed_in: Flow) -> None:
    tokens = signed_in.redeem(told(signed_in.decide(term="day"))["code"]).get_json()
    signed_in.world.clock.move(hours=23, minutes=55)
    last = signed_in.renew(tokens["refresh_token"]).get_json()
    assert last["expires_in"] == 300

    signed_in.world.clock.move(minutes=6)

    assert signed_in.renew(last["refresh_token"]).get_json()["error"] == "invalid_grant"


def test_another_agent_gets_its_part_by_exchange_and_loses_it_with_the_consent(proven: Flow) -> None:
    world = proven.world
    world.grant(world.helper.id, "files.read")
    world.delegate(world.bot.id, world.helper.id, "files.read", days=10)
    tokens = proven.tokens()

    form = {
        "grant_type": EXCHANGE,
        "subject_token": tokens["access_token"],
        "subject_token_type": TYPE + "access_token",
    }
    passed = world.post(form, world.helper).get_json()["access_token"]
    claims = world.claims(passed)
    assert claims["act"]["sub"] == world.helper.id and claims["act"]["act"]["sub"] == world.bot.id
    assert claims["auth_time"] == world.claims(tokens["access_token"])["auth_time"]

    proven.decide(prompt="consent", term="day")

    assert not proven.active(passed)


def test_a_revoked_refresh_token_takes_its_access_tokens_with_it(signed_in: Flow) -> None:
    tokens = signed_in.tokens()
    world = signed_in.world

    world.web.post("/oauth/revoke", data={"token": tokens["refresh_token"]}, auth=world.helper.auth)
    assert signed_in.active(tokens["access_token"])
    world.web.post("/oauth/revoke", data={"token": tokens["refresh_token"]}, auth=world.bot.auth)

    assert not signed_in.active(tokens["access_token"])
    assert signed_in.renew(tokens["refresh_token"]).status_code == 400


def test_where_one_redirect_uri_is_registered_it_need_not_be_named(signed_in: Flow) -> None:
    code = signed_in.code(redirect_uri=None)

    assert signed_in.redeem(code, redirect_uri=None).status_code == 200


def test_an_agent_that_ends_soon_is_delegated_to_no_longer(signed_in: Flow) -> None:
    world = signed_in.world
    urn = "urn:agentidp:params:scim:schemas:extension:governance:1.0:Agent"
    done = world.scim.patch(
        "Agents", world.bot.id, {"op": "replace", "path": f"{urn}:validUntil", "value": "2027-03-05T00:00:00Z"}
    )
    assert done.status_code == 200, done.get_json()

    page = signed_in.ask().text

    assert "2027-03-05 00:00 UTC" in page and "2027-03-31" not in page
    assert told(signed_in.decide(term="longest"))["code"]


def test_the_metadata_tell_of_the_endpoint(flow: Flow) -> None:
    told_of = flow.world.web.get("/.well-known/oauth-authorization-server").get_json()

    assert told_of["authorization_endpoint"] == "https://connector.example/oauth/authorize"
    assert told_of["response_types_supported"] == ["code"]
    assert told_of["code_challenge_methods_supported"] == ["S256"]
    assert told_of["authorization_response_iss_parameter_supported"] is True
    assert {"authorization_code", "refresh_token"} <= set(told_of["grant_types_supported"])


def test_a_registered_query_is_kept(signed_in: Flow) -> None:
    uri = f"{CALLBACK}?app=1"
    signed_in.world.act(redirect_uris.add, signed_in.world.bot.id, uri)

    answer = signed_in.decide(redirect_uri=uri)

    assert answer.headers["Location"].startswith(f"{uri}&code=")


def _query(sent: Any) -> dict[str, list[str]]:
    """Of the page that the browser is sent to."""
    return parse_qs(urlsplit(sent.headers["Location"]).query)


def _request(location: str) -> str:
    return etree.tostring(message_of(location)).decode()
