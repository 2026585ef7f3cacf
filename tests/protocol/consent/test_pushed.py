"""Pushed authorization requests (RFC 9126): what an agent says beforehand is what a person is asked, once."""

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import sqlalchemy as sa
from joserfc import jwk

from connector.domain import clients, credentials, pushed_requests, redirect_uris
from connector.storage import tables as t
from tests.conftest import BASE_URL
from tests.protocol.consent.conftest import CALLBACK, Flow, fields_of, on_both, told
from tests.protocol.consent.test_attacks import stays_here
from tests.protocol.oauth.conftest import Agent, proof

PAR = "/oauth/par"


def push(flow: Flow, agent: Agent | None = None, *, headers: Any = None, more: Any = None, **over: str | None) -> Any:
    """The request of Flow.address, pushed by that agent with its secret."""
    form = dict(parse_qsl(urlsplit(flow.address(**over)).query)) | (more or {})
    return flow.world.web.post(PAR, data=form, auth=(agent or flow.world.bot).auth, headers=headers or {})


def pushed(flow: Flow, **over: str | None) -> str:
    """The address that the person is sent to."""
    answer = push(flow, **over)
    assert answer.status_code == 201, answer.get_json()
    return address(flow, answer.get_json()["request_uri"])


def address(flow: Flow, uri: str, agent: str | None = None) -> str:
    return "/oauth/authorize?" + urlencode({"client_id": agent or flow.world.bot.id, "request_uri": uri})


def allow(flow: Flow, page: str, decision: str = "allow") -> Any:
    shown = flow.browser.get(page)
    assert shown.status_code == 200, shown.text
    return flow.browser.post(page, **{**fields_of(shown.text), "decision": decision, "term": "month"})


@on_both
def test_what_was_pushed_is_asked_and_answered_once(signed_in: Flow) -> None:
    answer = push(signed_in, scope="files.read files.write", state="s-9")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    body = answer.get_json()
    assert body["request_uri"].startswith("urn:ietf:params:oauth:request_uri:apr_") and body["expires_in"] == 600
    page = address(signed_in, body["request_uri"])

    shown = signed_in.browser.get(page)
    assert "files.write" in shown.text and CALLBACK not in page
    assert signed_in.browser.get(page).status_code == 200, "it may be reloaded until it is answered"
    back = told(allow(signed_in, page))

    assert back["state"] == "s-9"
    assert signed_in.redeem(back["code"]).get_json()["scope"] == "files.read files.write"
    stays_here(signed_in.browser.get(page))
    [event] = signed_in.events("request:pushed")
    assert (event["actor"]["id"], event["detail"]["scope"]) == (signed_in.world.bot.id, "files.read files.write")
    assert body["request_uri"] not in str(event)


@on_both
def test_of_two_answers_at_once_one_counts(signed_in: Flow) -> None:
    page = pushed(signed_in)
    fields = fields_of(signed_in.browser.get(page).text)

    told(signed_in.browser.post(page, **fields, decision="allow", term="month"))

    stays_here(signed_in.browser.post(page, **fields, decision="allow", term="month"))
    assert len(signed_in.events("consent:given")) == 1


def test_it_goes_through_the_sign_in_and_is_good_afterwards(flow: Flow) -> None:
    page = pushed(flow, prompt="login", scope="files.read files.write")
    sent = flow.browser.get(page)
    assert sent.headers["Location"].startswith("/signin?next=") and "fresh=1" in sent.headers["Location"]

    assert flow.sign_in(page, forced=True) == page

    assert "code" in told(allow(flow, page))


def test_what_stands_is_answered_without_a_page_and_uses_the_request_up(signed_in: Flow) -> None:
    signed_in.decide()
    page = pushed(signed_in)

    assert "code" in told(signed_in.browser.get(page))
    stays_here(signed_in.browser.get(page))


@pytest.mark.parametrize("wish", [{"prompt": "none"}, {"acr_values": "urn:mfa", "prompt": "none"}])
def test_a_refusal_is_an_answer_too(signed_in: Flow, wish: dict[str, str]) -> None:
    page = pushed(signed_in, **wish)

    assert "error" in told(signed_in.browser.get(page))
    stays_here(signed_in.browser.get(page))
    page = pushed(signed_in)
    assert told(allow(signed_in, page, "deny"))["error"] == "access_denied"
    stays_here(signed_in.browser.get(page))


def test_nothing_else_in_the_address_counts(signed_in: Flow) -> None:
    page = pushed(signed_in)

    shown = signed_in.browser.get(f"{page}&scope=files.write&redirect_uri=https://evil.example/&state=other")

    assert shown.status_code == 200 and "files.write" not in shown.text
    assert told(allow(signed_in, f"{page}&state=other"))["state"] == "s-1"


def test_it_is_good_for_its_own_agent_alone(signed_in: Flow) -> None:
    uri = push(signed_in).get_json()["request_uri"]

    stays_here(signed_in.browser.get(address(signed_in, uri, signed_in.world.helper.id)))
    stays_here(signed_in.browser.get("/oauth/authorize?" + urlencode({"request_uri": uri})))
    stays_here(signed_in.browser.get(address(signed_in, uri + "x")))
    assert signed_in.browser.get(address(signed_in, uri)).status_code == 200


@on_both
def test_it_lives_ten_minutes_and_leaves_nothing_behind(signed_in: Flow) -> None:
    page = pushed(signed_in)
    signed_in.world.clock.move(minutes=10)
    stays_here(signed_in.browser.get(page))

    pushed(signed_in)
    signed_in.world.clock.move(seconds=1)
    pushed(signed_in)

    with signed_in.world.parts.domain.view() as unit:
        kept = unit.tx.execute(sa.select(t.pushed_request)).all()
    assert len(kept) == 2, "what has expired goes when the next comes"
    assert all("request_uri" not in str(row) and "apr_" not in str(row) for row in kept)


def test_its_redirect_uri_must_still_be_registered_when_it_is_answered(signed_in: Flow) -> None:
    page = pushed(signed_in)
    signed_in.world.act(redirect_uris.remove, signed_in.world.bot.id, CALLBACK)

    stays_here(signed_in.browser.get(page))


@pytest.mark.parametrize(
    ("over", "more", "error"),
    [
        ({"redirect_uri": "https://evil.example/"}, {}, "invalid_request"),
        ({"scope": "mail.send"}, {}, "invalid_scope"),
        ({"code_challenge": None}, {}, "invalid_request"),
        ({"response_type": "token"}, {}, "unsupported_response_type"),
        ({"resource": "https://nobody.example"}, {}, "invalid_target"),
        ({}, {"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "invalid_request"),
        ({}, {"request": "e30.e30."}, "request_not_supported"),
        ({"client_id": "agt-other"}, {}, "invalid_request"),
    ],
)
def test_what_would_be_refused_later_is_refused_at_once(
    flow: Flow, over: dict[str, str | None], more: dict[str, str], error: str
) -> None:
    answer = push(flow, more=more, **over)

    assert (answer.status_code, answer.get_json()["error"]) == (400, error)
    assert flow.events("request:pushed") == []


def test_a_refused_request_leaves_an_event(flow: Flow) -> None:
    push(flow, scope="mail.send")

    [event] = flow.events("request:refused")
    assert event["actor"]["id"] == flow.world.bot.id and "mail.send" in event["detail"]["why"]


def test_only_an_agent_that_proves_itself_may_push(flow: Flow) -> None:
    world = flow.world
    form = dict(parse_qsl(urlsplit(flow.address()).query))
    assert world.web.post(PAR, data=form).get_json()["error"] == "invalid_client"
    wrong = world.web.post(PAR, data=form, auth=(world.bot.id, "wrong"))
    assert (wrong.status_code, wrong.get_json()["error"]) == (401, "invalid_client")
    assert push(flow, world.helper).get_json()["error"] == "invalid_request", "it is not the bot"
    client = world.act(clients.create, "hr", frozenset({"scim"}))
    secret = world.act(credentials.issue, "client", client.id, "client_secret").secret
    refused = world.web.post(PAR, data={**form, "client_id": client.id}, auth=(client.id, secret))
    assert refused.get_json()["error"] == "unauthorized_client"
    world.suspend(world.bot.id)
    assert push(flow).get_json()["error"] == "invalid_client"


@pytest.mark.parametrize("audience", [BASE_URL, f"{BASE_URL}/oauth/par", f"{BASE_URL}/oauth/token"])
def test_the_assertion_may_be_for_the_issuer_or_an_endpoint(flow: Flow, audience: str) -> None:
    """RFC 9126 section 2; the proof is not part of what is kept."""
    form = dict(parse_qsl(urlsplit(flow.address()).query))
    shown = flow.world.assertion(flow.world.bot, aud=audience)
    del shown["grant_type"]

    answer = flow.world.web.post(PAR, data={**form, **shown})

    assert answer.status_code == 201, answer.get_json()
    with flow.world.parts.domain.view() as unit:
        assert "client_assertion" not in unit.tx.execute(sa.select(t.pushed_request.c.parameters)).scalar_one()


def test_a_dpop_proof_binds_the_code_to_its_key(signed_in: Flow) -> None:
    """RFC 9449 section 10.1."""
    key, world = jwk.generate_key("EC", "P-256"), signed_in.world

    def shown(jti: str, nonce: str | None, path: str = PAR) -> dict[str, str]:
        return {"DPoP": proof(key, world.clock, "POST", f"{BASE_URL}{path}", jti=jti, nonce=nonce)}

    asked = push(signed_in, headers=shown("p1", None))
    assert (asked.status_code, asked.get_json()["error"]) == (400, "use_dpop_nonce")
    nonce = asked.headers["DPoP-Nonce"]
    refused = push(signed_in, headers=shown("p2", nonce), dpop_jkt="A" * 43)
    assert refused.get_json()["error"] == "invalid_dpop_proof"
    answer = push(signed_in, headers=shown("p3", nonce))

    code = told(allow(signed_in, address(signed_in, answer.get_json()["request_uri"])))["code"]

    assert signed_in.redeem(code).get_json()["error"] == "invalid_grant"
    code = told(signed_in.ask())["code"]
    assert signed_in.redeem(code).status_code == 200
    bound = push(signed_in, headers=shown("p4", nonce)).get_json()["request_uri"]
    code = told(signed_in.browser.get(address(signed_in, bound)))["code"]
    assert signed_in.redeem(code, headers=shown("p5", nonce, "/oauth/token")).get_json()["token_type"] == "DPoP"


def test_an_agent_can_be_made_to_push(signed_in: Flow) -> None:
    signed_in.world.act(pushed_requests.need, signed_in.world.bot.id, True)

    refused = told(signed_in.ask())
    assert (refused["error"], refused["state"]) == ("invalid_request", "s-1")
    assert signed_in.browser.get(pushed(signed_in)).status_code == 200
    signed_in.world.act(pushed_requests.need, signed_in.world.bot.id, False)
    assert signed_in.ask().status_code == 200
    assert [one["detail"]["needed"] for one in signed_in.events("pushing:changed")] == [True, False]


def test_all_agents_can_be_made_to_push(flow: Flow) -> None:
    web = flow.world.other(require_pushed_requests=True)

    described = web.get("/.well-known/oauth-authorization-server").get_json()
    assert described["require_pushed_authorization_requests"] is True
    assert described["pushed_authorization_request_endpoint"] == f"{BASE_URL}/oauth/par"
    assert told(web.get(flow.address(), base_url=BASE_URL))["error"] == "invalid_request"
    usual = flow.world.web.get("/.well-known/oauth-authorization-server").get_json()
    assert usual["require_pushed_authorization_requests"] is False


def test_an_agent_does_not_fill_the_database(flow: Flow) -> None:
    web = flow.world.other(sign_in_starts=3)
    form = dict(parse_qsl(urlsplit(flow.address()).query))

    answers = [web.post(PAR, data=form, auth=flow.world.bot.auth) for _ in range(4)]

    assert [one.status_code for one in answers] == [201, 201, 201, 429]
    assert int(answers[3].headers["Retry-After"]) >= 1
    assert push(flow, state="x" * 8000).status_code == 413
