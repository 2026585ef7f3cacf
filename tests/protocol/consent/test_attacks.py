"""Attacks on consent, on codes, and on where they are sent (RFC 9700)."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwk

from connector.domain import agents, people, person_sessions, redirect_uris, resources, scopes
from connector.domain.unit import SYSTEM
from tests.protocol.consent.conftest import CALLBACK, VERIFIER, Flow, challenge, fields_of, on_both, told
from tests.protocol.oauth.conftest import ISSUER, proof


def invalid_grant(answer: Any) -> None:
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_grant"), answer.get_json()


def stays_here(answer: Any) -> None:
    """A page for the person; the browser is sent nowhere."""
    assert answer.status_code in (400, 403, 404), (answer.status_code, answer.headers.get("Location"))
    assert "Location" not in answer.headers and "http-equiv" not in answer.text
    assert "That did not work" in answer.text


ELSEWHERE = [
    "https://evil.example/callback",
    "https://bot.example.evil.example/callback",
    "https://bot.example@evil.example/callback",
    "https://evil.example#@bot.example/callback",
    f"{CALLBACK}#fragment",
    f"{CALLBACK}?extra=1",
    f"{CALLBACK}/",
    f"{CALLBACK}/../other",
    f"{CALLBACK}/%2e%2e/other",
    f"{CALLBACK};x",
    f"{CALLBACK} ",
    f" {CALLBACK}",
    f"{CALLBACK}\r\nX-Evil: 1",
    "https://bot.example/Callback",
    "HTTPS://bot.example/callback",
    "https://BOT.example/callback",
    "https://bot.example:443/callback",
    "https://bot.example:8443/callback",
    "http://bot.example/callback",
    "//bot.example/callback",
    "/callback",
    "https://bot.example\\@evil.example/callback",
    "https://bot.example/c\u0430llback",
    "javascript:alert(1)",
    "data:text/html,x",
    "",
    "http://127.0.0.1:5000/other",
    "http://127.0.0.1.evil.example/cb",
    "http://127.0.0.1@evil.example/cb",
    "http://127.0.0.1:80@evil.example/cb",
    "http://127.0.0.1:99999/cb",
    "http://127.0.0.1:/cb",
    "http://127.1:5000/cb",
    "http://0x7f000001:5000/cb",
    "http://localhost:5000/cb",
    "https://127.0.0.1:5000/cb",
    "http://[::1]:5000/cb",
    "http://127.0.0.1:5000/cb?x=1",
    "http://127.0.0.1:5000/cb#x",
]


def test_codes_are_sent_to_registered_addresses_alone(signed_in: Flow) -> None:
    """RFC 9700 section 4.1: compared as texts. Of a loopback address the port is free (RFC 8252 section 7.3), and nothing else."""
    world = signed_in.world
    world.act(redirect_uris.add, world.bot.id, "http://127.0.0.1:3000/cb")
    signed_in.decide()  # so that nothing but the address could stop a code

    for uri in ELSEWHERE:
        stays_here(signed_in.ask(redirect_uri=uri))
        stays_here(signed_in.ask(redirect_uri=uri, response_type="nonsense"))

    for uri in ("http://127.0.0.1:54321/cb", "http://127.0.0.1/cb", "http://127.0.0.1:3000/cb"):
        code = told(signed_in.ask(redirect_uri=uri), uri)["code"]
        assert signed_in.redeem(code, redirect_uri=uri).status_code == 200
    twice = signed_in.address() + "&redirect_uri=https%3A%2F%2Fevil.example"
    stays_here(signed_in.browser.get(twice))
    stays_here(signed_in.ask(redirect_uri=None))  # there are two


def test_strangers_and_agents_that_may_not_act_are_shown_a_page(signed_in: Flow) -> None:
    stays_here(signed_in.ask(client_id="agt-nobody"))
    stays_here(signed_in.ask(client_id=None))
    stays_here(signed_in.ask(client_id="<script>alert(1)</script>"))
    stays_here(signed_in.browser.get(signed_in.address() + "&client_id=agt-other"))
    signed_in.world.suspend(signed_in.world.bot.id)
    stays_here(signed_in.ask())


BAD_REQUESTS: list[tuple[dict[str, str | None], str]] = [
    ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
    ({"code_challenge": None}, "invalid_request"),
    ({"code_challenge_method": None}, "invalid_request"),
    ({"code_challenge_method": "plain", "code_challenge": VERIFIER}, "invalid_request"),
    ({"code_challenge": "short"}, "invalid_request"),
    ({"response_type": "token"}, "unsupported_response_type"),
    ({"response_type": "code token"}, "unsupported_response_type"),
    ({"response_type": None}, "invalid_request"),
    ({"response_mode": "fragment"}, "invalid_request"),
    ({"request": "eyJ"}, "request_not_supported"),
    ({"request_uri": "urn:x"}, "request_uri_not_supported"),
    ({"prompt": "none login"}, "invalid_request"),
    ({"prompt": "sometimes"}, "invalid_request"),
    ({"max_age": "-1"}, "invalid_request"),
    ({"dpop_jkt": "x"}, "invalid_request"),
    ({"state": "x" * 2000}, "invalid_request"),
]


def test_a_request_that_is_not_good_gets_no_code(signed_in: Flow) -> None:
    signed_in.decide()  # so that nothing else could stop one

    for over, error in BAD_REQUESTS:
        answer = told(signed_in.ask(**over))

        assert (answer["error"], "code" in answer) == (error, False), over
        assert answer["state"] == over.get("state", "s-1")


def test_parameters_come_once(signed_in: Flow) -> None:
    for more, error in (("scope=files.write", "invalid_request"), ("resource=a&resource=b", "invalid_target")):
        answer = signed_in.browser.get(f"{signed_in.address()}&{more}")
        assert told(answer)["error"] == error


@on_both
def test_a_code_that_comes_again_ends_all_that_came_of_it(signed_in: Flow) -> None:
    code = signed_in.code()
    tokens = signed_in.redeem(code).get_json()
    later = signed_in.renew(tokens["refresh_token"]).get_json()
    assert signed_in.active(tokens["access_token"]) and signed_in.active(later["access_token"])

    invalid_grant(signed_in.redeem(code))

    assert not signed_in.active(tokens["access_token"]) and not signed_in.active(later["access_token"])
    invalid_grant(signed_in.renew(later["refresh_token"]))
    assert signed_in.events("grant:replayed")[0]["detail"]["grant"] == "code"


@on_both
def test_of_many_that_redeem_a_code_at_once_one_gets_tokens(signed_in: Flow) -> None:
    code, answers = signed_in.code(), []

    def redeem() -> None:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        answers.append(signed_in.world.app.test_client().post("/oauth/token", data=form, auth=signed_in.world.bot.auth))

    threads = [threading.Thread(target=redeem) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert sorted(one.status_code for one in answers) == [200, 400, 400, 400]
    [good] = [one.get_json() for one in answers if one.status_code == 200]
    assert not signed_in.active(good["access_token"])


def test_a_refresh_token_that_comes_again_ends_its_family(signed_in: Flow) -> None:
    stolen = signed_in.tokens()
    thief = signed_in.renew(stolen["refresh_token"]).get_json()

    invalid_grant(signed_in.renew(stolen["refresh_token"]))

    assert not signed_in.active(thief["access_token"])
    invalid_grant(signed_in.renew(thief["refresh_token"]))


def test_a_code_is_for_its_agent(signed_in: Flow) -> None:
    world = signed_in.world
    code = signed_in.code()

    invalid_grant(signed_in.redeem(code, world.helper))
    tokens = signed_in.redeem(code).get_json()
    invalid_grant(signed_in.redeem(code, world.helper))  # who it was not given to ends nothing
    invalid_grant(signed_in.renew(tokens["refresh_token"], world.helper))
    invalid_grant(signed_in.redeem(tokens["refresh_token"]))

    assert signed_in.active(tokens["access_token"])
    assert signed_in.renew(tokens["refresh_token"]).status_code == 200


BAD_REDEMPTIONS: list[tuple[dict[str, str | None], str]] = [
    ({"code_verifier": "another-verifier-that-is-long-enough-as-well-000"}, "invalid_grant"),
    ({"code_verifier": challenge(VERIFIER)}, "invalid_grant"),
    ({"code_verifier": "short"}, "invalid_grant"),
    ({"code_verifier": None}, "invalid_request"),
    ({"redirect_uri": None}, "invalid_grant"),
    ({"redirect_uri": "https://evil.example/"}, "invalid_grant"),
    ({"code": "aco_guess"}, "invalid_grant"),
    ({"resource": "https://mail.example"}, "invalid_target"),
]


def test_a_code_needs_all_that_it_is_bound_to(signed_in: Flow) -> None:
    signed_in.decide()

    for over, error in BAD_REDEMPTIONS:
        answer = signed_in.redeem(**{"code": told(signed_in.ask())["code"], **over})
        assert (answer.status_code, answer.get_json()["error"]) == (400, error), over

    assert signed_in.events("token:issued") == []
    assert signed_in.redeem(told(signed_in.ask())["code"]).status_code == 200


def test_a_guess_at_the_verifier_uses_up_the_code(signed_in: Flow) -> None:
    code = signed_in.code()

    invalid_grant(signed_in.redeem(code, code_verifier="another-verifier-that-is-long-enough-as-well-000"))

    invalid_grant(signed_in.redeem(code))


def test_a_code_lives_a_minute(signed_in: Flow) -> None:
    code = signed_in.code()
    signed_in.world.clock.move(seconds=61)

    invalid_grant(signed_in.redeem(code))


def test_a_code_may_be_bound_to_a_dpop_key(signed_in: Flow) -> None:
    """RFC 9449 section 10: a code that was stolen with the agent's own proofs is worth nothing with another key."""
    world, keys = signed_in.world, [jwk.generate_key("EC", "P-256") for _ in range(2)]
    nonce = world.web.post("/oauth/token", data={}, auth=world.bot.auth, headers={"DPoP": "x"})
    assert nonce.status_code == 400

    def shown(key: Any, jti: str) -> dict[str, str]:
        url = f"{ISSUER}/oauth/token"
        made = proof(key, world.clock, "POST", url, jti=jti)
        refused = world.post({"grant_type": "client_credentials"}, world.bot, headers={"DPoP": made})
        given = refused.headers["DPoP-Nonce"]
        return {"DPoP": proof(key, world.clock, "POST", url, jti=jti + "n", nonce=given)}

    thumbprint = keys[0].thumbprint()
    invalid_grant(signed_in.redeem(signed_in.code(dpop_jkt=thumbprint)))
    invalid_grant(signed_in.redeem(told(signed_in.ask(dpop_jkt=thumbprint))["code"], headers=shown(keys[1], "a")))
    good = signed_in.redeem(told(signed_in.ask(dpop_jkt=thumbprint))["code"], headers=shown(keys[0], "b")).get_json()

    assert good["token_type"] == "DPoP"
    assert world.claims(good["access_token"])["cnf"] == {"jkt": thumbprint}


Change = Callable[[Flow], None]


def _person_off(flow: Flow) -> None:
    with flow.world.parts.domain.change(SYSTEM) as unit:
        record = resources.fetch(unit, "person", flow.world.ada)
        people.amend(unit, record, {"userName": "ada", "active": False}, None)


def _agent_off(flow: Flow) -> None:
    flow.world.suspend(flow.world.bot.id)


def _agent_gone(flow: Flow) -> None:
    with flow.world.parts.domain.change(SYSTEM) as unit:
        agents.delete(unit, resources.fetch(unit, "agent", flow.world.bot.id))


def _right_of_the_person_gone(flow: Flow) -> None:
    flow.world.act(scopes.withdraw, "files.read", flow.world.ada)


def _right_of_the_agent_gone(flow: Flow) -> None:
    flow.world.act(scopes.withdraw, "files.read", flow.world.bot.id)


def _revoked(flow: Flow) -> None:
    front = flow.browser.get("/").text
    flow.browser.post(
        f"/delegations/{front.split('/delegations/')[1].split('/')[0]}/revoke", csrf=fields_of(front)["csrf"]
    )


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (_person_off, 400),
        (_agent_off, 401),
        (_agent_gone, 401),
        (_right_of_the_person_gone, 400),
        (_right_of_the_agent_gone, 400),
        (_revoked, 400),
    ],
)
def test_what_has_changed_between_consent_and_token_counts(signed_in: Flow, change: Change, status: int) -> None:
    tokens, code = signed_in.tokens(), told(signed_in.ask())["code"]
    change(signed_in)

    refused = [signed_in.redeem(code), signed_in.renew(tokens["refresh_token"])]

    assert [one.status_code for one in refused] == [status, status]
    assert not signed_in.active(tokens["access_token"]) or change in (
        _right_of_the_person_gone,
        _right_of_the_agent_gone,
    )
    if signed_in.active(tokens["access_token"]):  # the token lives, and allows nothing
        assert signed_in.world.introspect(tokens["access_token"])["scope"] == ""


def test_a_form_of_somebody_else_gives_nothing(signed_in: Flow) -> None:
    for csrf in ("", "x", "é"):
        stays_here(signed_in.decide(form={"csrf": csrf}))
    assert signed_in.events("delegation:made") == []


def test_what_is_sent_is_what_was_shown(signed_in: Flow) -> None:
    """The form of one question does not answer another: more scopes, another agent, another address, another session."""
    shown = fields_of(signed_in.ask().text)
    others = [
        signed_in.address(scope="files.read files.write"),
        signed_in.address(state="s-2"),
        signed_in.address(code_challenge=challenge("x")),
        signed_in.address() + "&more=1",
    ]
    for address in others:
        stays_here(signed_in.browser.post(address, **shown, decision="allow", term="month"))
    for forged in ("", "x", shown["shown"][:-1], shown["shown"].replace("2027", "2028")):
        stays_here(
            signed_in.browser.post(signed_in.address(), **{**shown, "shown": forged}, decision="allow", term="month")
        )
    stays_here(signed_in.decide("perhaps"))
    stays_here(signed_in.decide(term="forever"))

    signed_in.world.act(scopes.withdraw, "files.read", signed_in.world.ada)
    signed_in.world.grant(signed_in.world.ada, "files.read")
    signed_in.world.clock.move(minutes=16)
    stays_here(signed_in.browser.post(signed_in.address(), **shown, decision="allow", term="month"))
    assert signed_in.events("delegation:made") == []


def test_a_right_that_was_gained_meanwhile_is_not_given_unseen(signed_in: Flow) -> None:
    world, address = signed_in.world, signed_in.address(scope="files.read files.write")
    world.act(scopes.withdraw, "files.write", world.ada)
    shown = fields_of(signed_in.browser.get(address).text)
    world.grant(world.ada, "files.write")

    stays_here(signed_in.browser.post(address, **shown, decision="allow", term="month"))


def test_nobody_allows_anything_without_a_session_of_their_own(signed_in: Flow) -> None:
    address, shown = signed_in.address(), fields_of(signed_in.ask().text)
    for cookie in (None, "acp_forged", "é"):
        stranger = signed_in.world.app.test_client()
        if cookie is not None:
            stranger.set_cookie("__Host-connector_session", cookie, domain="connector.example", secure=True)
        answer = stranger.post(address, data={**shown, "decision": "allow"}, base_url=ISSUER)
        assert (answer.status_code, answer.headers["Location"].startswith("/signin")) == (303, True)

    signed_in.sign_in()  # another session of the same person
    stays_here(signed_in.browser.post(address, **shown, decision="allow", term="month"))
    with signed_in.world.parts.domain.change(SYSTEM) as unit:
        person_sessions.end_of_person(unit, signed_in.world.ada, by="test")
    assert signed_in.ask().headers["Location"].startswith("/signin?next=/oauth/authorize%3F")


def test_nobody_revokes_what_somebody_else_has_delegated(signed_in: Flow) -> None:
    world = signed_in.world
    world.scim.person("eve")
    signed_in.tokens()
    delegation = signed_in.browser.get("/").text.split("/delegations/")[1].split("/")[0]
    stays_here(signed_in.browser.post(f"/delegations/{delegation}/revoke", csrf="x"))

    signed_in.sign_in(name_id="eve")
    csrf = fields_of(signed_in.browser.get("/").text)["csrf"]
    stays_here(signed_in.browser.post(f"/delegations/{delegation}/revoke", csrf=csrf))
    assert told(signed_in.ask(prompt="none"))["error"] == "access_denied"  # nor uses it: eve holds nothing

    assert [one for one in signed_in.events("delegation:revoked")] == []


def test_nothing_of_the_request_or_of_names_becomes_markup(signed_in: Flow) -> None:
    evil = "\"><script>alert('x')</script>&state=2"
    world = signed_in.world
    done = world.scim.patch("Agents", world.bot.id, {"op": "replace", "path": "displayName", "value": evil})
    assert done.status_code == 200
    world.act(scopes.add, "files.odd", "https://files.example", description=evil)
    world.grant(world.bot.id, "files.odd")
    world.grant(world.ada, "files.odd")

    page = signed_in.ask(scope="files.odd", state=evil).text
    answer = signed_in.decide("deny", scope="files.odd", state=evil)

    assert "<script" not in page and "&lt;script&gt;" in page
    assert told(answer)["state"] == evil
    assert "<script" not in answer.text and "<" not in answer.headers["Location"]


def test_bytes_that_are_no_text_are_refused(signed_in: Flow) -> None:
    stays_here(signed_in.browser.get(signed_in.address() + "&x=\u00e9"))
    assert told(signed_in.browser.get(signed_in.address() + "&scope=%FF"))["error"] == "invalid_request"
