"""A person is asked whether an agent may act for them, and the agent gets what they have allowed."""

from urllib.parse import parse_qs, urlsplit

import pytest
from lxml import etree

from connector.domain import redirect_uris, scopes
from tests.protocol.consent.conftest import CALLBACK, CONTEXT, Flow, on_both, told
from tests.protocol.oauth.conftest import EXCHANGE, FILES, MAIL, TYPE
from tests.workforce_idp import message_of


@on_both
def test_the_whole_way_from_sign_in_to_a_revoked_delegation(flow: Flow) -> None:
    first = flow.ask()
    assert first.status_code == 303
    signin = flow.browser.get(first.headers["Location"])
    link = signin.text.split('href="/saml/sp/login?')[1].split('"')[0].replace("&amp;", "&")
    flow.browser.carry(flow.browser.get(f"/saml/sp/login?{link}").headers["Location"])

    assert flow.come_back() == flow.address()

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
def test_who_has_proved_themselves_too_long_ago_does_so_again(signed_in: Flow, wish: dict[str, str]) -> None:
    assert signed_in.ask(**wish).status_code == 200
    signed_in.world.clock.move(minutes=11)

    assert told(signed_in.ask(max_age="600", prompt="none"))["error"] == "login_required"
    stale = signed_in.ask(**wish)
    assert stale.status_code == 303
    assert parse_qs(urlsplit(stale.headers["Location"]).query)["fresh"] == ["1"]
    page = signed_in.browser.get(stale.headers["Location"]).text
    assert "prove again" in page and "&amp;fresh=1" in page
    sent = signed_in.browser.get("/saml/sp/login?idp=corp&fresh=1")
    assert "ForceAuthn" in _request(sent.headers["Location"])
    assert "ForceAuthn" not in _request(signed_in.browser.get("/saml/sp/login?idp=corp").headers["Location"])


def test_an_authentication_that_will_not_do_is_told(signed_in: Flow) -> None:
    assert signed_in.ask(acr_values=f"urn:other {CONTEXT}").status_code == 200
    assert told(signed_in.ask(acr_values="urn:mfa"))["error"] == "unmet_authentication_requirements"


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


def test_a_refresh_token_is_another_each_time_and_gives_no_more_than_was_consented_to(signed_in: Flow) -> None:
    tokens = signed_in.tokens(scope="files.read files.write")
    signed_in.world.clock.move(hours=20)

    narrow = signed_in.renew(tokens["refresh_token"], scope="files.read").get_json()
    assert narrow["scope"] == "files.read" and narrow["refresh_token"] != tokens["refresh_token"]
    wide = signed_in.renew(narrow["refresh_token"]).get_json()
    assert wide["scope"] == "files.read files.write"
    assert signed_in.world.claims(wide["access_token"])["auth_time"] < signed_in.world.clock.now.timestamp() - 3600

    assert signed_in.renew(wide["refresh_token"], scope="mail.send").get_json()["error"] == "invalid_scope"
    assert signed_in.renew(wide["refresh_token"], resource=MAIL).get_json()["error"] == "invalid_target"
    assert signed_in.renew(wide["refresh_token"]).status_code == 200


def test_the_delegation_ends_when_the_person_said(signed_in: Flow) -> None:
    tokens = signed_in.redeem(told(signed_in.decide(term="day"))["code"]).get_json()
    signed_in.world.clock.move(hours=23, minutes=55)
    last = signed_in.renew(tokens["refresh_token"]).get_json()
    assert last["expires_in"] == 300

    signed_in.world.clock.move(minutes=6)

    assert signed_in.renew(last["refresh_token"]).get_json()["error"] == "invalid_grant"


def test_another_agent_gets_its_part_by_exchange_and_loses_it_with_the_consent(signed_in: Flow) -> None:
    world = signed_in.world
    world.grant(world.helper.id, "files.read")
    world.delegate(world.bot.id, world.helper.id, "files.read", days=10)
    tokens = signed_in.tokens()

    form = {
        "grant_type": EXCHANGE,
        "subject_token": tokens["access_token"],
        "subject_token_type": TYPE + "access_token",
    }
    passed = world.post(form, world.helper).get_json()["access_token"]
    claims = world.claims(passed)
    assert claims["act"]["sub"] == world.helper.id and claims["act"]["act"]["sub"] == world.bot.id
    assert claims["auth_time"] == world.claims(tokens["access_token"])["auth_time"]

    signed_in.decide(prompt="consent", term="day")

    assert not signed_in.active(passed)


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


def _request(location: str) -> str:
    return etree.tostring(message_of(location)).decode()
