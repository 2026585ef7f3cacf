"""A token that is dead opens nothing; whose it was is recorded where an agent that was switched off tries to sign on with it."""

import orjson
import pytest

from connector.domain import credentials
from connector.domain.unit import SYSTEM
from connector.storage import audit


@pytest.fixture
def web(app):
    return app.test_client()


@pytest.fixture
def agent(client, parts):
    id = client.agent("bot", owners=[{"value": client.person("ada")}])
    with parts.domain.change(SYSTEM) as unit:
        return id, credentials.issue(unit, "agent", id, "client_secret").secret


@pytest.fixture
def token(web, agent):
    answer = web.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=agent)
    return answer.get_json()["access_token"]


@pytest.fixture
def refusals(parts):
    def found():
        with parts.domain.view() as unit:
            events = [orjson.loads(one.body) for one in audit.events(unit.tx) if one.action == "sign-on:refused"]
        return [(one["subject"]["id"], one["detail"]["way"], one["detail"]["reasons"]) for one in events]

    return found


def sign_on(web, token, path="/saml/ecp"):
    return web.post(path, headers={"Authorization": f"Bearer {token}"}, data=b"")


def set_active(client, id, active):
    answer = client.patch("Agents", id, {"op": "replace", "path": "active", "value": active})
    assert answer.status_code == 200


@pytest.mark.parametrize(("path", "way"), [("/saml/ecp", "ecp"), ("/saml/sso", "post")])
def test_a_suspended_agents_token_is_refused_and_recorded(web, client, agent, token, refusals, path, way):
    set_active(client, agent[0], False)

    answer = sign_on(web, token, path)

    assert answer.status_code == 401 and "Bearer" in answer.headers["WWW-Authenticate"]
    assert refusals() == [(agent[0], way, ["the agent is suspended"])]


def test_a_deleted_agents_token_is_refused_and_recorded(web, client, agent, token, refusals):
    client.send("DELETE", f"/Agents/{agent[0]}")

    assert sign_on(web, token).status_code == 401
    assert refusals() == [(agent[0], "ecp", ["there is no such agent"])]


def test_a_token_from_before_a_suspension_stays_dead_when_the_agent_is_resumed(
    web, client, agent, token, refusals, clock
):
    set_active(client, agent[0], False)
    clock.move(seconds=1)
    set_active(client, agent[0], True)

    assert sign_on(web, token).status_code == 401
    assert refusals() == []


def test_strangers_and_expired_tokens_leave_no_event(web, client, agent, token, refusals, clock):
    set_active(client, agent[0], False)
    head, payload, signature = token.split(".")

    for forged in ("", "nonsense", f"{head}.{payload}.{signature[::-1]}", client.bearer[:-1] + "x"):
        assert sign_on(web, forged).status_code == 401
    clock.move(minutes=11)
    assert sign_on(web, token).status_code == 401
    assert refusals() == []
