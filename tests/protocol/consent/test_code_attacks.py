"""Attacks on authorization codes and refresh tokens (RFC 9700 sections 4.5 and 4.14), and what has changed since consent."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwk

from connector.domain import agents, people, resources, scopes
from connector.domain.unit import SYSTEM
from tests.protocol.consent.conftest import CALLBACK, VERIFIER, Flow, challenge, fields_of, on_both, told
from tests.protocol.oauth.conftest import ISSUER, proof


def invalid_grant(answer: Any) -> None:
    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_grant"), answer.get_json()


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
