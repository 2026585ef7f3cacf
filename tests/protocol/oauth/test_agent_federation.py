"""Workload identity of agents: a token of another issuer stands for one, so that no secret is stored (RFC 7523 section 2.2)."""

import json

import pytest
from joserfc import jwk, jwt

from connector.core.errors import Conflict
from connector.domain import client_access, rotation
from tests.protocol.oauth.conftest import ASSERTION, ISSUER

CLUSTER, SUBJECT = "https://k8s.example", "system:serviceaccount:prod:bot"
KEY = jwk.generate_key("RSA", 2048, {"kid": "k8s-1"})
KEYS = json.dumps({"keys": [KEY.as_dict(private=False)]})


def trust(world, agent, *, reusable=True, subject=SUBJECT):
    where = {"jwks_url": None, "jwks": KEYS, "reusable": reusable}
    holder = ("agent", agent.id)
    return world.act(client_access.add_trust, *holder, issuer=CLUSTER, subject=subject, audience=ISSUER, **where)


def ask(world, *, without=(), **over):
    now = int(world.clock().timestamp())
    claims = {"iss": CLUSTER, "sub": SUBJECT, "aud": [ISSUER], "iat": now, "exp": now + 3600, "jti": "1", **over}
    claims = {name: value for name, value in claims.items() if name not in without}
    token = jwt.encode({"alg": "RS256", "kid": KEY.kid}, claims, KEY, algorithms=["RS256"])
    form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION, "client_assertion": token}
    return world.post(form)


def test_a_token_of_the_platform_stands_for_the_agent(world):
    """RFC 7523 section 3: issuer, subject and audience as registered; a projected token comes again until it ends."""
    trust(world, world.bot)
    first, again = ask(world), ask(world)
    assert (first.status_code, again.status_code) == (200, 200)
    assert world.claims(first.get_json()["access_token"])["sub"] == world.bot.id
    assert ask(world, without=("jti",)).status_code == 200, "a JWT-SVID has none"


def test_without_reusable_each_is_good_once(world):
    """RFC 7523 section 3, point 7."""
    trust(world, world.bot, reusable=False)
    assert [ask(world).status_code for _ in range(2)] == [200, 401]
    assert ask(world, without=("jti",)).status_code == 401


def test_another_workload_does_not_get_in(world, subtests):
    """RFC 7523 section 3, points 2 to 4."""
    trust(world, world.bot)
    for over in [{"sub": "system:serviceaccount:prod:other"}, {"aud": "https://other.example"}, {"exp": 1}]:
        with subtests.test(str(over)):
            assert ask(world, **over).status_code == 401


def test_it_goes_with_the_agent_and_with_the_trust(world):
    """Issue 6: suspension and revocation act at once; one subject stands for one agent."""
    made = trust(world, world.bot)
    with pytest.raises(Conflict):
        trust(world, world.helper)
    world.act(rotation.revoke, world.bot.id, made)
    assert ask(world).status_code == 401
    trust(world, world.bot)
    world.clock.move(seconds=1)
    assert ask(world).status_code == 200
    world.suspend(world.bot.id)
    assert ask(world).status_code == 401
    world.scim.send("DELETE", f"/Agents/{world.bot.id}")
    trust(world, world.helper)
    assert world.claims(ask(world).get_json()["access_token"])["sub"] == world.helper.id
