"""The token endpoint (RFC 6749, RFC 7523): who gets a token, who does not, and what ends it."""

from datetime import timedelta

import pytest
from joserfc import jwk, jwt

from connector.core.errors import Invalid
from connector.domain import agents, clients, credentials
from connector.domain.unit import SYSTEM

ISSUER = "https://connector.example"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture
def web(app):
    return app.test_client()


@pytest.fixture
def hr(parts):
    with parts.domain.change(SYSTEM) as unit:
        made = clients.create(unit, "hr", frozenset({"scim:agents", "introspect"}))
        return made.id, credentials.issue(unit, "client", made.id, "client_secret").secret


@pytest.fixture
def agent(client, parts):
    owner = client.person("ada")
    id = client.post("Agents", agentUserName="bot", owners=[{"value": owner}]).get_json()["id"]
    key = jwk.generate_key("EC", "P-256")
    with parts.domain.change(SYSTEM) as unit:
        credentials.register_key(unit, "agent", id, key.as_dict(private=False))
    return id, key


def assertion(parts, id, key, *, alg="ES256", header=None, **over):
    now = int(parts.domain.database.clock().timestamp())
    claims = {"iss": id, "sub": id, "aud": ISSUER, "iat": now, "exp": now + 60, "jti": "one", **over}
    token = jwt.encode({"alg": alg, **(header or {})}, claims, key, algorithms=[alg])
    return {"grant_type": "client_credentials", "client_assertion_type": ASSERTION, "client_assertion": token}


def test_a_client_gets_a_token_by_basic_and_by_post(web, hr):
    by_basic = web.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=hr)
    by_post = web.post(
        "/oauth/token", data={"grant_type": "client_credentials", "client_id": hr[0], "client_secret": hr[1]}
    )

    assert by_basic.status_code == by_post.status_code == 200
    assert by_basic.get_json()["scope"] == "introspect scim:agents"
    assert by_basic.headers["Cache-Control"] == "no-store"


def test_the_tokens_of_a_client_last_as_long_as_it_was_made_with(web, parts, clock):
    """Microsoft's gallery asks for an hour at least; who is disabled is out at once all the same."""
    with parts.domain.change(SYSTEM) as unit:
        id = clients.create(unit, "entra", frozenset({"scim"}), token_minutes=60).id
        secret = credentials.issue(unit, "client", id, "client_secret").secret
        with pytest.raises(Invalid, match="token_minutes must be from 5 to 360, not 361"):
            clients.create(unit, "long", frozenset({"scim"}), token_minutes=361)

    issued = web.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=(id, secret)).get_json()

    def status():
        bearer = {"Authorization": f"Bearer {issued['access_token']}"}
        return web.get("/scim/v2/Users", headers=bearer).status_code

    assert issued["expires_in"] == 3600
    clock.move(minutes=59)
    assert status() == 200
    with parts.domain.change(SYSTEM) as unit:
        clients.switch(unit, "entra", active=False)
    assert status() == 401


@pytest.mark.parametrize("secret", ["", "wrong", "acs_wrong"])
def test_a_wrong_secret_is_invalid_client(web, hr, secret):
    answer = web.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=(hr[0], secret))

    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_client")
    assert "Basic" in answer.headers["WWW-Authenticate"]


def test_a_scope_that_was_not_granted_is_refused_by_name_and_recorded(web, hr, events):
    form = {"grant_type": "client_credentials", "scope": "scim:groups"}
    answer = web.post("/oauth/token", data=form, auth=hr)

    assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_scope")
    assert "scim:groups" in answer.get_json()["error_description"]
    assert events()[-1] == "token:refused"


def test_scopes_are_enforced_on_scim(web, hr):
    token = web.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=hr).get_json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}

    assert web.get("/scim/v2/Agents", headers=headers).status_code == 200
    refused = web.get("/scim/v2/Groups", headers=headers)
    assert refused.status_code == 403
    assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]


def test_an_agent_gets_a_token_by_a_signed_assertion_only_once(web, agent, parts):
    form = assertion(parts, *agent)

    assert web.post("/oauth/token", data=form).status_code == 200
    replayed = web.post("/oauth/token", data=form)
    assert (replayed.status_code, replayed.get_json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    "over",
    [
        {"aud": "https://other.example"},
        {"aud": [ISSUER, "https://other.example"]},
        {"sub": "agt-other"},
        {"exp": 1},
        {"exp": 99999999999},
        {"exp": "soon"},
        {"jti": ""},
        {"nbf": 99999999999},
    ],
    ids=str,
)
def test_an_assertion_with_a_wrong_claim_is_refused(web, agent, parts, over):
    answer = web.post("/oauth/token", data=assertion(parts, *agent, **over))

    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_client")


def test_an_assertion_of_a_foreign_key_is_refused_even_if_it_brings_the_key(web, agent, parts):
    foreign = jwk.generate_key("EC", "P-256")
    form = assertion(parts, agent[0], foreign, header={"jwk": foreign.as_dict(private=False)})

    assert web.post("/oauth/token", data=form).status_code == 401


def test_an_unsigned_assertion_is_refused(web, agent, parts):
    form = assertion(parts, *agent)
    _, payload, _ = form["client_assertion"].split(".")
    form["client_assertion"] = "eyJhbGciOiJub25lIn0." + payload + "."

    assert web.post("/oauth/token", data=form).status_code == 401


def test_a_suspended_agent_loses_its_token_and_gets_no_other_even_after_it_is_resumed(
    web, agent, parts, client, hr, clock
):
    token = web.post("/oauth/token", data=assertion(parts, *agent)).get_json()["access_token"]
    assert web.post("/oauth/introspect", data={"token": token}, auth=hr).get_json()["active"] is True
    clock.now += timedelta(seconds=1)

    def set_active(active):
        with parts.domain.change(SYSTEM) as unit:
            record = agents.resources.fetch(unit, "agent", agent[0])
            agents.amend(unit, record, {**agents.document(unit, record), "active": active}, record.external_id)

    set_active(False)
    assert web.post("/oauth/introspect", data={"token": token}, auth=hr).get_json() == {"active": False}
    assert web.post("/oauth/token", data=assertion(parts, *agent, jti="two")).status_code == 401
    set_active(True)
    assert web.post("/oauth/introspect", data={"token": token}, auth=hr).get_json() == {"active": False}


def test_an_agent_that_nobody_owns_gets_no_token(web, client, parts):
    id = client.post("Agents", agentUserName="orphan").get_json()["id"]
    key = jwk.generate_key("EC", "P-256")
    with parts.domain.change(SYSTEM) as unit:
        credentials.register_key(unit, "agent", id, key.as_dict(private=False))

    answer = web.post("/oauth/token", data=assertion(parts, id, key))

    assert answer.status_code == 400
    assert "nobody owns" in answer.get_json()["error_description"]


def test_a_revoked_token_is_dead_at_once(web, hr):
    token = web.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=hr).get_json()["access_token"]
    assert web.post("/oauth/revoke", data={"token": token}, auth=hr).status_code == 200

    assert web.post("/oauth/introspect", data={"token": token}, auth=hr).get_json() == {"active": False}
    assert web.get("/scim/v2/Agents", headers={"Authorization": f"Bearer {token}"}).status_code == 401


@pytest.mark.parametrize("token", ["", "junk", "a.b.c", "acb_unknown"])
def test_junk_is_inactive_and_not_an_error(web, hr, token):
    assert web.post("/oauth/introspect", data={"token": token}, auth=hr).get_json() == {"active": False}


def test_others_verify_our_tokens_by_the_published_keys(web, hr):
    token = web.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=hr).get_json()["access_token"]
    keys = jwk.KeySet.import_key_set(web.get("/oauth/jwks").get_json())
    opened = jwt.decode(token, keys, algorithms=["ES256"])

    assert opened.header["typ"] == "at+jwt"
    assert opened.claims["iss"] == web.get("/.well-known/oauth-authorization-server").get_json()["issuer"] == ISSUER
