"""connector.client by itself: what it sends, what it keeps, when it asks again, and what it says when it is refused."""

import base64
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs

import pytest
import requests
from joserfc import jwk, jwt

from connector.client import AgentClient, DPoPKey, Federated, PrivateKey, Secret, TokenRefused
from tests.unit.targets.small_server import Reply, serve


class Server:
    """An authorization server whose answers a test chooses; `asked` are the forms that came."""

    def __init__(self, small):
        self.url, self.small, self.asked = small.url, small, []
        self.answers = [Reply(200, {"access_token": "t1", "token_type": "Bearer", "expires_in": 600, "scope": "a b"})]
        metadata = {"issuer": small.url, "token_endpoint": f"{small.url}/token"}
        small.routes["GET /.well-known/oauth-authorization-server"] = Reply(200, metadata)
        small.routes["POST /token"] = self._token

    def _token(self, request):
        form = {
            name: value[0] for name, value in parse_qs(request.body if isinstance(request.body, str) else "").items()
        }
        self.asked.append((form, request.headers))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def server():
    with serve({}) as small:
        yield Server(small)


class Now:
    def __init__(self):
        self.moment = 1_800_000_000.0

    def __call__(self):
        return self.moment


def test_a_token_is_kept_and_renewed_before_it_ends(server):
    """RFC 6749 section 5.1: expires_in; what would end on the way is not sent."""
    now = Now()
    client = AgentClient(server.url, Secret("agt-1", "acs_1"), now=now)
    token = client.token("a b")
    assert (token.text, token.scopes) == ("t1", {"a", "b"}) and client.token("a b") is token
    now.moment += 569
    assert client.token("a b") is token
    now.moment += 2
    assert client.token("a b") is not token
    assert len(server.asked) == 2
    assert client.token("a") is not client.token("a b"), "another scope is another token"
    basic = base64.b64encode(b"agt-1:acs_1").decode()
    assert server.asked[0][1]["Authorization"] == f"Basic {basic}"


def test_many_threads_ask_once(server):
    client = AgentClient(server.url, Secret("agt-1", "acs_1"))
    together = threading.Barrier(8)

    def ask(_):
        together.wait()
        return client.token()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(map(id, pool.map(ask, range(8))))) == 1
    assert len(server.asked) == 1


def test_an_assertion_is_for_the_issuer_and_new_each_time(server):
    """RFC 10070 section 4: typ, the issuer as sole audience; RFC 7523 section 3: jti."""
    key = jwk.generate_key("EC", "P-256")
    client = AgentClient(server.url, PrivateKey("agt-1", key))
    client.token("a")
    client.token("b")
    opened = [jwt.decode(form["client_assertion"], key, algorithms=["ES256"]) for form, _ in server.asked]
    assert {one.header["typ"] for one in opened} == {"client-authentication+jwt"}
    assert {one.claims["aud"] for one in opened} == {server.url}
    assert len({one.claims["jti"] for one in opened}) == 2


def test_a_wanted_nonce_is_used_and_remembered(server):
    """RFC 9449 section 8: one more try with the nonce, and the latest one from then on."""
    refusal = Reply(400, {"error": "use_dpop_nonce"}, {"DPoP-Nonce": "n1"})
    good = Reply(200, {"access_token": "t", "token_type": "DPoP", "expires_in": 600}, {"DPoP-Nonce": "n2"})
    server.answers = [refusal, good]
    client = AgentClient(server.url, Secret("agt-1", "acs_1"), dpop=DPoPKey())
    assert client.token().scheme == "DPoP"
    client.token("more")
    proofs = [
        jwt.decode(headers["DPoP"], _key_in(headers["DPoP"]), algorithms=["ES256"]) for _, headers in server.asked
    ]
    assert [one.claims.get("nonce") for one in proofs] == [None, "n1", "n2"]
    assert {one.claims["htu"] for one in proofs} == {f"{server.url}/token"}


def test_a_resource_that_wants_a_nonce_gets_the_request_again_once(server):
    """RFC 9449 section 9: the session answers use_dpop_nonce by itself; a second refusal is the caller's to see."""
    server.answers = [Reply(200, {"access_token": "t", "token_type": "DPoP", "expires_in": 600})]
    challenge = {"WWW-Authenticate": 'DPoP error="use_dpop_nonce"', "DPoP-Nonce": "r1"}
    server.small.routes["GET /files"] = [Reply(401, {}, challenge), Reply(200, {"ok": True}), Reply(401, {}, challenge)]
    session = AgentClient(server.url, Secret("agt-1", "acs_1"), dpop=DPoPKey()).session()
    assert session.get(f"{server.url}/files").json() == {"ok": True}
    assert session.get(f"{server.url}/files").status_code == 401
    sent = [one.headers["DPoP"] for one in server.small.sent("GET") if one.path == "/files"]
    claims = [jwt.decode(one, _key_in(one), algorithms=["ES256"]).claims for one in sent]
    assert [one.get("nonce") for one in claims] == [None, "r1", "r1", "r1"]
    assert len({one["jti"] for one in claims}) == 4 and all("ath" in one for one in claims)


def test_a_refusal_tells_what_the_server_said(server):
    """RFC 6749 section 5.2."""
    client = AgentClient(server.url, Federated(lambda: "platform-token"))
    server.answers = [Reply(400, {"error": "invalid_scope", "error_description": "the scope 'x' is not granted"})]
    with pytest.raises(TokenRefused) as refused:
        client.exchange("subject", scope="x")
    assert (refused.value.error, refused.value.status) == ("invalid_scope", 400) and "'x'" in str(refused.value)
    assert server.asked[0][0]["client_assertion"] == "platform-token"
    assert server.asked[0][0]["subject_token_type"] == "urn:ietf:params:oauth:token-type:access_token"
    server.answers = [Reply(502, "not JSON")]
    with pytest.raises(TokenRefused, match="server_error"):
        client.token()


@pytest.mark.parametrize(
    "body",
    [
        "<html>Please sign in</html>",
        {"access_token": "t1", "expires_in": 600},
        {"token_type": "Bearer", "expires_in": 600},
        {"access_token": "t1", "token_type": "Bearer", "expires_in": "soon"},
    ],
)
def test_an_answer_that_is_no_token_is_refused_by_a_sentence(server, body):
    server.answers = [Reply(200, body)]
    with pytest.raises(TokenRefused, match="the answer is not a token") as refused:
        AgentClient(server.url, Secret("agt-1", "acs_1")).token()
    assert (refused.value.error, refused.value.status) == ("server_error", 200)


def test_a_token_that_does_not_say_how_long_it_lives_is_used_once(server):
    """RFC 6749 section 5.1: expires_in is recommended only."""
    server.answers = [Reply(200, {"access_token": "t1", "token_type": "Bearer", "refresh_token": None})]
    client = AgentClient(server.url, Secret("agt-1", "acs_1"))
    assert client.token().refresh is None and client.token().text == "t1"
    assert len(server.asked) == 2


def test_metadata_of_another_issuer_is_not_believed(server):
    """RFC 8414 section 3.3: the issuer must be the one that was asked for."""
    metadata = {"issuer": "https://evil.example", "token_endpoint": "https://evil.example/token"}
    server.small.routes["GET /.well-known/oauth-authorization-server"] = Reply(200, metadata)
    with pytest.raises(TokenRefused, match="does not describe"):
        AgentClient(server.url, Secret("agt-1", "acs_1")).token()
    assert server.asked == []


def test_nothing_secret_shows_itself():
    key = jwk.generate_key("EC", "P-256")
    shown = repr([Secret("agt-1", "acs_secret"), PrivateKey("agt-1", key), DPoPKey(key), Federated(lambda: "t")])
    assert "acs_secret" not in shown and key.as_dict(private=True)["d"] not in shown
    assert isinstance(AgentClient("https://x.example", Secret("a", "b")).session(), requests.Session)


def _key_in(proof):
    header = proof.split(".")[0]
    return jwk.import_key(json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["jwk"])
