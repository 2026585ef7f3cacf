"""Access tokens of an issuer elsewhere that open SCIM as they are, as Entra sends them where its Secret Token is left empty."""

import pytest
from joserfc import jwk, jwt

from connector.domain import client_access, clients
from connector.domain.unit import SYSTEM
from tests.edge_client import problem
from tests.unit.targets.small_server import Reply, serve

ISSUER, SUBJECT, AUDIENCE = "https://sts.windows.net/tenant/", "provisioning", "8adf8e6e-67b2-4cf2-a259-e3dc5476c621"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
KEY, OTHER = (jwk.generate_key("RSA", 2048, {"kid": "k1"}) for _ in range(2))


@pytest.fixture
def issuer():
    with serve({"GET /keys": Reply(200, {"keys": [KEY.as_dict(private=False)]})}) as server:
        yield server


@pytest.fixture
def trusted(parts, issuer):
    """Makes a client that trusts the issuer; its id."""

    def make(**options):
        with parts.domain.change(SYSTEM) as unit:
            made = clients.create(unit, "entra", frozenset({"scim:users"}), profile="entra")
            named = {"issuer": ISSUER, "subject": SUBJECT, "audience": AUDIENCE, "jwks_url": f"{issuer.url}/keys"}
            client_access.trust(unit, "entra", **named, jwks=None, **options)
        return made.id

    return make


@pytest.fixture
def token(clock):
    def make(*, key=KEY, without=(), **over):
        now = int(clock().timestamp())
        claims = {"iss": ISSUER, "sub": SUBJECT, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + 5400} | over
        claims = {name: value for name, value in claims.items() if name not in without}
        return jwt.encode({"alg": "RS256", "kid": "k1", "typ": "JWT"}, claims, key, algorithms=["RS256"])

    return make


@pytest.fixture
def read(app):
    def send(bearer, path="/scim/v2/Users", scheme="Bearer"):
        return app.test_client().get(path, headers={"Authorization": f"{scheme} {bearer}"})

    return send


def test_a_token_of_the_issuer_is_the_clients_until_it_ends(trusted, token, read, clock):
    trusted(direct=True)
    held = token()

    assert [read(held).status_code for _ in range(2)] == [200, 200]
    problem(read(held, "/scim/v2/Groups"), 403, None, "scim:groups")
    clock.move(minutes=91)
    problem(read(held), 401, None, "it has expired")


@pytest.mark.parametrize(
    ("over", "why"),
    [
        ({"aud": "api://other"}, "aud is somebody else"),
        ({"aud": [AUDIENCE, "api://other"]}, "aud is somebody else"),
        ({"exp": 0}, "it has expired"),
        ({"without": ("exp",)}, "exp is not a number"),
        ({"exp": True}, "exp is not a number"),
        ({"nbf": 4102444800}, "it is not valid yet"),
        ({"iat": "soon"}, "iat is not a number"),
        ({"key": OTHER}, "signature"),
        ({"iss": "https://sts.windows.net/other/"}, ""),
        ({"sub": "somebody"}, ""),
    ],
)
def test_a_token_that_does_not_fit_opens_nothing(trusted, token, read, over, why):
    trusted(direct=True)
    answer = read(token(**over))
    problem(answer, 401, None, why)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_an_assertion_is_no_access_token_and_an_access_token_no_assertion(trusted, token, read, app, parts):
    id = trusted()
    problem(read(token()), 401)

    with parts.domain.change(SYSTEM) as unit:
        [trust] = [one for one in client_access.held(unit, "entra") if one.kind == "trust"]
        client_access.revoke(unit, "entra", trust.id)
        clients.remove(unit, "entra")
    assert trusted(direct=True) != id
    body = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION, "client_assertion": token(jti="1")}
    assert app.test_client().post("/oauth/token", data=body).status_code == 401


def test_it_opens_scim_and_nothing_else(trusted, token, read):
    trusted(direct=True)
    problem(read(token(), scheme="DPoP"), 401)
    assert read(token(), "/oauth/agents/agt-1/credentials").status_code == 401


def test_who_is_disabled_or_no_longer_trusted_is_out_at_once(trusted, token, read, parts):
    trusted(direct=True)
    held = token()
    for active, status in ((False, 401), (True, 200)):
        with parts.domain.change(SYSTEM) as unit:
            clients.switch(unit, "entra", active=active)
        assert read(held).status_code == status
    with parts.domain.change(SYSTEM) as unit:
        [trust] = [one for one in client_access.held(unit, "entra") if one.kind == "trust"]
        assert trust.about == f"{ISSUER} {SUBJECT} direct"
        client_access.revoke(unit, "entra", trust.id)
    problem(read(held), 401)


def test_while_the_keys_cannot_be_had_the_client_is_told_when_to_come_back(trusted, token, read, issuer):
    trusted(direct=True)
    issuer.routes["GET /keys"] = Reply(503, {})
    answer = read(token())
    problem(answer, 503)
    assert answer.headers["Retry-After"] == "30"
