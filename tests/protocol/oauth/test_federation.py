"""Workload identity federation: assertions of an issuer elsewhere stand for a client (RFC 7523 section 2.2)."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest
from joserfc import jwk, jwt

from connector.core.errors import Conflict, Invalid
from connector.domain import client_access, clients
from connector.domain.unit import SYSTEM
from connector.storage import audit
from tests.unit.targets.small_server import Reply, serve

ISSUER, SUBJECT, AUDIENCE = "https://login.example/tenant/v2.0", "service-principal", "api://connector"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def new_key(kid):
    return jwk.generate_key("RSA", 2048, {"kid": kid})


KEY, OTHER = new_key("k1"), new_key("k2")


def published(*keys):
    return Reply(200, {"keys": [key.as_dict(private=False) for key in keys]})


@pytest.fixture
def issuer():
    with serve({"GET /keys": published(KEY)}) as server:
        yield server


@pytest.fixture
def client_id(parts, issuer):
    with parts.domain.change(SYSTEM) as unit:
        made = clients.create(unit, "entra", frozenset({"scim"}), profile="entra")
        client_access.trust(
            unit, "entra", issuer=ISSUER, subject=SUBJECT, audience=AUDIENCE, jwks_url=f"{issuer.url}/keys", jwks=None
        )
    return made.id


@pytest.fixture
def ask(app, clock, client_id):
    def send(*, key=KEY, header=None, form=None, without=(), **over):
        now = int(clock().timestamp())
        claims = {"iss": ISSUER, "sub": SUBJECT, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + 3600, "jti": "1"}
        claims = {name: value for name, value in (claims | over).items() if name not in without}
        token = jwt.encode({"alg": "RS256", "kid": key.kid, **(header or {})}, claims, key, algorithms=["RS256"])
        body = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION, "client_assertion": token}
        return app.test_client().post("/oauth/token", data=body | (form or {}))

    return send


def why(parts):
    with parts.domain.view() as unit:
        event = audit.events(unit.tx)[-1]
    body = orjson.loads(event.body)
    return body["action"], body["detail"].get("why", "")


def refused(answer):
    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_client")
    assert answer.get_json()["error_description"] == "client authentication failed"


def test_an_assertion_of_the_trusted_issuer_gets_a_token_of_the_client(ask, app, client_id):
    answer = ask()

    assert answer.status_code == 200
    headers = {"Authorization": f"Bearer {answer.get_json()['access_token']}"}
    assert app.test_client().get("/scim/v2/Users", headers=headers).status_code == 200
    assert ask(jti="2", form={"client_id": client_id}).status_code == 200


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ({"aud": "api://other"}, "aud"),
        ({"aud": [AUDIENCE, "api://other"]}, "aud"),
        ({"exp": 1}, "exp"),
        ({"exp": 99999999999}, "exp"),
        ({"nbf": 99999999999}, "nbf"),
        ({"iat": 99999999999}, "iat"),
        ({"jti": ""}, "jti"),
        ({"without": ("jti",)}, "jti"),
        ({"key": OTHER, "header": {"kid": "k1"}}, "signature"),
        ({"key": OTHER}, "no key 'k2'"),
        ({"header": {"typ": "at+jwt"}}, ""),
        ({"form": {"client_id": "cli-other"}}, "client_id"),
    ],
)
def test_an_assertion_that_does_not_fit_is_refused_alike_and_the_event_says_why(ask, parts, over, reason):
    refused(ask(**over))

    action, told = why(parts)
    assert reason in told
    assert action == "client:refused" or reason == ""


@pytest.mark.parametrize("over", [{"iss": "https://evil.example"}, {"sub": "somebody-else"}], ids=str)
def test_another_issuer_or_subject_is_a_stranger(ask, events, over):
    refused(ask(**over))
    assert "client:refused" not in events()


def test_an_assertion_is_good_for_one_token(ask, parts):
    assert ask().status_code == 200
    refused(ask())
    assert why(parts) == ("client:refused", "the assertion was used before")


def test_alg_none_is_refused(ask, app, clock, client_id):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    now = int(clock().timestamp())
    claims = {"iss": ISSUER, "sub": SUBJECT, "aud": AUDIENCE, "exp": now + 60, "jti": "n"}
    token = f"{part({'alg': 'none', 'kid': 'k1'})}.{part(claims)}."
    body = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION, "client_assertion": token}
    refused(app.test_client().post("/oauth/token", data=body))


def test_a_key_of_one_issuer_does_not_sign_for_another(ask, parts):
    with serve({"GET /keys": published(OTHER)}) as second, parts.domain.change(SYSTEM) as unit:
        clients.create(unit, "second", frozenset({"scim"}))
        client_access.trust(
            unit,
            "second",
            issuer="https://second.example",
            subject=SUBJECT,
            audience=AUDIENCE,
            jwks_url=f"{second.url}/keys",
            jwks=None,
        )
    refused(ask(key=OTHER))


def test_keys_are_fetched_once_and_again_when_the_issuer_rotates_them_but_not_for_each_made_up_kid(ask, issuer, clock):
    assert [ask(jti=str(number)).status_code for number in range(3)] == [200] * 3
    assert len(issuer.requests) == 1
    clock.move(seconds=31)
    issuer.routes["GET /keys"] = published(KEY, OTHER)
    assert ask(jti="new", key=OTHER).status_code == 200
    assert len(issuer.requests) == 2
    for number in range(5):
        refused(ask(jti=f"m{number}", header={"kid": f"made-up {number}"}))
    assert len(issuer.requests) == 2


def test_clients_that_come_at_once_wait_for_one_fetch_of_the_keys(ask, issuer):
    issuer.routes["GET /keys"] = Reply(200, published(KEY).body, hang=0.3)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda number: ask(jti=str(number)).status_code, range(4)))
    assert answers == [200] * 4
    assert len(issuer.requests) == 1


def test_an_issuer_that_is_down_is_invalid_client_with_when_to_come_back(ask, issuer, parts, clock):
    issuer.trouble = Reply(503)
    answer = ask()
    refused(answer)
    assert answer.headers["Retry-After"] == "30"
    assert "answered 503" in why(parts)[1]
    issuer.trouble = None
    clock.move(seconds=31)
    assert ask().status_code == 200


def test_known_keys_serve_while_the_issuer_is_down(ask, issuer, clock):
    assert ask().status_code == 200
    clock.move(hours=2)
    issuer.trouble = Reply(503)
    assert ask(jti="2").status_code == 200
    clock.move(hours=23)
    refused(ask(jti="3"))


def test_a_revoked_trust_is_dead_at_once_with_its_tokens(ask, app, parts, clock):
    token = ask().get_json()["access_token"]
    clock.move(seconds=1)
    with parts.domain.change(SYSTEM) as unit:
        client_access.revoke(unit, "entra", client_access.held(unit, "entra")[-1].id)
    refused(ask(jti="2"))
    headers = {"Authorization": f"Bearer {token}"}
    assert app.test_client().get("/scim/v2/Users", headers=headers).status_code == 401


def test_keys_may_come_from_a_file_and_what_is_wrong_is_named(parts, client_id):
    options = {"issuer": "https://i.example", "subject": "s", "audience": "a"}
    keys = json.dumps({"keys": [KEY.as_dict(private=False)]})
    with parts.domain.change(SYSTEM) as unit:
        assert client_access.trust(unit, "entra", **options, jwks_url=None, jwks=keys)
        with pytest.raises(Conflict, match="already"):
            client_access.trust(unit, "entra", **options, jwks_url=None, jwks=keys)
        for url, file, named in [
            (None, None, "exactly one"),
            ("http://x.example/keys", None, "https"),
            (None, "{}", "JWK Set"),
        ]:
            with pytest.raises(Invalid, match=named):
                client_access.trust(unit, "entra", **options | {"subject": "t"}, jwks_url=url, jwks=file)
