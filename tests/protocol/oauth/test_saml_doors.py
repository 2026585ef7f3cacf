"""Wrong secrets at the doors of SAML count as they do at the token endpoint."""

import base64

import pytest

from connector.domain import credentials
from tests.protocol.oauth.conftest import ISSUER
from tests.protocol.oauth.test_saml_exchange import APP, choose

ENVELOPE = b'<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body/></S:Envelope>'
WAYS = ["/saml/ecp", "/saml/assertions", "/saml/sso", "/saml/sso/init"]


def knock(web, path, id, secret, address="192.0.2.1"):
    basic = base64.b64encode(f"{id}:{secret}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}"}
    return web.post(path, data=ENVELOPE, headers=headers, environ_base={"REMOTE_ADDR": address})


@pytest.mark.parametrize("path", WAYS)
def test_an_agent_that_fails_too_often_must_wait_at_every_door_and_only_from_there(world, path):
    choose(world)
    web = world.other(auth_failures=3)
    id, secret = world.bot.auth

    for _ in range(3):
        assert knock(web, path, id, "wrong").status_code == 401

    answer = knock(web, path, id, secret)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 300
    grant = {"grant_type": "client_credentials"}
    there = {"REMOTE_ADDR": "192.0.2.1"}
    assert web.post("/oauth/token", data=grant, auth=(id, secret), environ_base=there).status_code == 429
    assert knock(web, path, id, secret, "192.0.2.2").status_code in (
        400,
        500,
    )  # let in, and told what the message lacks


def test_the_right_secret_starts_the_count_anew_and_is_noted(world):
    choose(world)
    web = world.other(auth_failures=2)
    id, secret = world.bot.auth

    for _ in range(3):
        assert knock(web, "/saml/assertions", id, "wrong").status_code == 401
        answer = web.post(
            "/saml/assertions", json={"audience": APP}, auth=(id, secret), environ_base={"REMOTE_ADDR": "192.0.2.1"}
        )
        assert answer.status_code == 200

    [used] = [one.last_used for one in world.act(credentials.listing, id) if one.kind == "client_secret"]
    assert used is not None


def test_a_refusal_is_recorded_for_an_agent_that_there_is(world, events):
    web = world.other()

    knock(web, "/saml/ecp", "agt-nobody", "wrong")
    assert "client:refused" not in events()

    answer = knock(web, "/saml/ecp", world.bot.id, "wrong")
    assert answer.status_code == 401
    assert f'resource_metadata="{ISSUER}' in answer.headers["WWW-Authenticate"]
    assert events()[-1] == "client:refused"


def test_a_suspended_agent_with_the_right_secret_is_refused_by_the_sign_on_itself(world, events):
    choose(world)
    world.scim.patch("Agents", world.bot.id, {"op": "replace", "path": "active", "value": False})

    answer = world.web.post("/saml/assertions", json={"audience": APP}, auth=world.bot.auth)

    assert answer.status_code == 403
    assert events()[-1] == "sign-on:refused"
