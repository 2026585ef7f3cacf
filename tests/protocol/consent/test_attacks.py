"""Attacks on the question that a person is asked, and on where its answer is sent (RFC 9700 sections 4.1 and 4.11)."""

from typing import Any

from connector.domain import person_sessions, redirect_uris, scopes
from connector.domain.unit import SYSTEM
from tests.protocol.consent.conftest import CALLBACK, VERIFIER, Flow, challenge, fields_of, told
from tests.protocol.oauth.conftest import ISSUER


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
