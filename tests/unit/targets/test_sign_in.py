"""Signing in at a target: what is sent to its token endpoint, and what a refusal reads like."""

from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jwk

from connector.core import jose
from connector.core.errors import Invalid
from connector.core.http import HttpClient
from connector.core.secret import Secret
from connector.targets.base import NotAllowed, Unreachable
from connector.targets.sign_in import SignIn, Tokens
from tests.conftest import Clock
from tests.unit.targets.small_server import Reply, SmallServer, serve

GIVEN = Reply(200, {"access_token": "t1", "expires_in": 100})


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()


def _tokens(server: SmallServer, clock: Clock, sign_in: dict[str, object]) -> Tokens:
    made = SignIn(token_url=f"{server.url}/token", client_id="client-1", **sign_in)  # type: ignore[arg-type]
    return Tokens(made, HttpClient(clock=clock), clock)


@pytest.mark.parametrize("kind", ["RSA", "EC"])
def test_an_assertion_is_signed_for_the_token_endpoint_and_for_a_short_time(clock: Clock, kind: str) -> None:
    key = rsa.generate_private_key(65537, 2048) if kind == "RSA" else ec.generate_private_key(ec.SECP256R1())
    with serve({"POST /token": GIVEN}) as server:
        tokens = _tokens(
            server, clock, {"private_key": Secret(_pem(key)), "key_header": {"kid": "k1"}, "scope": "okta.users.manage"}
        )

        assert tokens.authorization() == "Bearer t1"

        form = {name: values[0] for name, values in parse_qs(server.requests[0].body).items()}
        assertion = form.pop("client_assertion")
        claims = jose.verify(assertion, [jwk.import_key(_pem(key), kind)], algorithms=["RS256", "ES256"])
        now = int(clock.now.timestamp())
        assert jose.unverified_header(assertion)["kid"] == "k1"
        assert (claims["iss"], claims["sub"], claims["aud"]) == ("client-1", "client-1", f"{server.url}/token")
        assert (claims["iat"], claims["exp"]) == (now, now + 300)
        assert claims["jti"]
        assert form == {
            "grant_type": "client_credentials",
            "scope": "okta.users.manage",
            "client_id": "client-1",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        }
        assert tokens.blot(f"got {assertion}") == "got ********"


def test_a_secret_that_is_a_part_of_another_one_does_not_save_the_rest_of_it(clock: Clock) -> None:
    with serve({"POST /token": GIVEN}) as server:
        tokens = _tokens(server, clock, {"client_secret": Secret("a-t1-b")})
        tokens.authorization()

        assert tokens.blot("t1 and a-t1-b") == "******** and ********"


def test_a_token_is_asked_for_again_before_it_ends(clock: Clock) -> None:
    replies = [GIVEN, Reply(200, {"access_token": "t2", "expires_in": 100})]
    with serve({"POST /token": replies}) as server:
        tokens = _tokens(server, clock, {"client_secret": Secret("s")})
        used = [tokens.authorization(), tokens.authorization()]
        clock.move(seconds=71)

        assert [*used, tokens.authorization()] == ["Bearer t1", "Bearer t1", "Bearer t2"]
        assert server.requests[0].headers["Authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(401, {"error": "invalid_client", "error_description": "AADSTS7000215: bad s-secret"}), NotAllowed),
        (Reply(400, {"error": "unauthorized_client"}), NotAllowed),
        (Reply(500), Unreachable),
        (Reply(200, "<html>"), Unreachable),
        (Reply(drop=True), Unreachable),
    ],
)
def test_no_token_is_told_in_the_servers_words_without_the_secret(
    clock: Clock, reply: Reply, kind: type[Exception]
) -> None:
    with serve({"POST /token": reply}) as server, pytest.raises(kind) as problem:
        _tokens(server, clock, {"client_secret": Secret("s-secret")}).authorization()

    assert "s-secret" not in str(problem.value)
    if reply.status == 401:
        assert "AADSTS7000215: bad ********" in str(problem.value)


def test_a_key_that_cannot_sign_is_told_without_showing_it() -> None:
    with pytest.raises(Invalid, match="cannot sign") as problem:
        jose.sign_with("-----BEGIN PRIVATE KEY-----\nnonsense", {}, header={})

    assert "nonsense" not in str(problem.value)
