"""DPoP (RFC 9449): tokens bound to a key, at the token endpoint and where they are used."""

import re

import pytest
from joserfc import jwk

from connector.domain import clients, credentials
from tests.protocol.oauth.conftest import ISSUER, proof

ENDPOINT = f"{ISSUER}/oauth/token"
USERS = f"{ISSUER}/scim/v2/Users"
GRANT = {"grant_type": "client_credentials"}


class Holder:
    """A SCIM client with a key, which asks with DPoP proofs."""

    def __init__(self, world):
        made = world.act(clients.create, "hr", frozenset({"scim"}))
        self.auth = made.id, world.act(credentials.issue, "client", made.id, "client_secret").secret
        self.world, self.key, self.nonce, self.number = world, jwk.generate_key("EC", "P-256"), None, 0

    def proof(self, method, url, **over):
        self.number += 1
        claims = {"jti": f"p{self.number}", "nonce": self.nonce, **over}
        return proof(claims.pop("key", self.key), self.world.clock, method, url, **claims)

    def ask(self, sent=None, **over):
        headers = {"DPoP": sent or self.proof("POST", ENDPOINT, **over)}
        answer = self.world.web.post("/oauth/token", data=GRANT, auth=self.auth, headers=headers)
        self.nonce = answer.headers.get("DPoP-Nonce", self.nonce)
        return answer

    def token(self):
        self.ask()  # refused, with a nonce
        return self.ask().get_json()["access_token"]

    def use(self, access, *, scheme="DPoP", sent=None, **over):
        headers = {"Authorization": f"{scheme} {access}"}
        headers["DPoP"] = sent or self.proof("GET", USERS, **{"token": access, **over})
        return self.world.web.get("/scim/v2/Users?count=1", headers=headers)


@pytest.fixture
def holder(world):
    return Holder(world)


def test_a_proof_without_a_nonce_is_answered_with_one(holder):
    """RFC 9449 section 8: 400 use_dpop_nonce and DPoP-Nonce; the next proof with it is taken, and gets a fresh nonce."""
    first = holder.ask()
    assert (first.status_code, first.get_json()["error"]) == (400, "use_dpop_nonce")
    second = holder.ask()
    assert (second.status_code, second.get_json()["token_type"]) == (200, "DPoP")
    assert second.headers["DPoP-Nonce"]


def test_nonces_can_be_switched_off_and_do_not_live_long(world, holder):
    """RFC 9449 section 8: requiring a nonce is the server's choice; section 11.3: an old one is not taken."""
    headers = {"DPoP": holder.proof("POST", ENDPOINT)}
    assert (
        world.other(dpop_nonce=False).post("/oauth/token", data=GRANT, auth=holder.auth, headers=headers).status_code
        == 200
    )
    holder.ask()
    world.clock.move(seconds=301)
    assert holder.ask().get_json()["error"] == "use_dpop_nonce"


def test_a_bound_token_says_so_and_opens_only_with_its_key(world, holder):
    """RFC 9449 sections 6.1, 7.1 and 7.2: cnf.jkt; no use as a bearer token; another key's proof is refused."""
    token = holder.token()
    assert world.claims(token)["cnf"] == {"jkt": holder.key.thumbprint()}
    assert world.introspect(token)["token_type"] == "DPoP"

    assert holder.use(token).status_code == 200
    for answer in (
        holder.use(token, scheme="Bearer"),
        holder.use(token, key=jwk.generate_key("EC", "P-256")),
        world.web.get("/scim/v2/Users", headers={"Authorization": f"DPoP {token}"}),
    ):
        assert answer.status_code == 401
        assert re.match('DPoP .*error="', answer.headers["WWW-Authenticate"])


def test_a_resource_asks_for_a_nonce_too(world, holder):
    """RFC 9449 section 9: 401 with use_dpop_nonce and a nonce."""
    token = holder.token()
    answer = holder.use(token, nonce=None)
    assert answer.status_code == 401
    assert 'error="use_dpop_nonce"' in answer.headers["WWW-Authenticate"] and answer.headers["DPoP-Nonce"]


def test_a_plain_token_is_not_taken_by_the_dpop_scheme(world, holder):
    """RFC 9449 section 7.1: the scheme belongs to bound tokens."""
    token = world.web.post("/oauth/token", data=GRANT, auth=holder.auth).get_json()["access_token"]
    assert holder.use(token).status_code == 401


def test_a_proof_is_good_once(holder):
    """RFC 9449 section 11.1: a replayed proof is refused, at the token endpoint and at a resource."""
    token = holder.token()
    again = holder.proof("POST", ENDPOINT)
    assert [holder.ask(again).status_code for _ in range(2)] == [200, 400]
    again = holder.proof("GET", USERS, token=token)
    assert [holder.use(token, sent=again).status_code for _ in range(2)] == [200, 401]


def test_a_proof_that_does_not_fit_the_request_is_refused(holder, subtests):
    """RFC 9449 section 4.3: every check on the claims."""
    for over in [
        {"htm": "GET"},
        {"htu": f"{ISSUER}/oauth/revoke"},
        {"htu": "https://elsewhere.example/oauth/token"},
        {"htu": None},
        {"iat": 1},
        {"iat": 99999999999},
        {"iat": "now"},
        {"iat": None},
        {"jti": ""},
        {"jti": None},
        {"jti": "x" * 300},
        {"nonce": "made-up"},
    ]:
        with subtests.test(str(over)):
            holder.ask()
            answer = holder.ask(**over)
            assert (answer.status_code, answer.get_json()["error"]) in [
                (400, "invalid_dpop_proof"),
                (400, "use_dpop_nonce"),
            ]


@pytest.mark.parametrize("missing", ["ath", "other"])
def test_a_proof_for_another_token_is_refused(holder, missing):
    """RFC 9449 section 4.3, check 12: ath."""
    token = holder.token()
    assert holder.use(token, token=None if missing == "ath" else token + "x").status_code == 401


def test_htu_is_compared_without_query_and_in_normal_form(holder):
    """RFC 9449 section 4.3, check 9: query and fragment are ignored, host and port normalised."""
    holder.ask()
    assert holder.ask(htu="HTTPS://CONNECTOR.example:443/oauth/token?a=1#b").status_code == 200


@pytest.mark.parametrize(
    "header", [{"typ": "jwt"}, {"crit": ["b64"], "b64": True}, "private", "symmetric", "none"], ids=str
)
def test_a_proof_with_a_wrong_header_is_refused(world, holder, header):
    """RFC 9449 section 4.3, checks 4 to 7: typ, asymmetric algorithm, public key only; RFC 7515 section 4.1.11: unknown crit."""
    holder.ask()
    if header == "private":
        header = {"jwk": holder.key.as_dict(private=True)}
    elif header == "symmetric":
        header = {"jwk": {"kty": "oct", "k": "c2VjcmV0"}}
    elif header == "none":
        _, body, _ = holder.proof("POST", ENDPOINT).split(".")
        answer = holder.ask("eyJhbGciOiJub25lIiwidHlwIjoiZHBvcCtqd3QifQ." + body + ".")
        assert answer.get_json()["error"] == "invalid_dpop_proof"
        return
    assert holder.ask(header=header).get_json()["error"] == "invalid_dpop_proof"


def test_two_dpop_headers_are_refused(world, holder):
    """RFC 9449 section 4.3, check 1: not more than one DPoP header."""
    holder.ask()
    headers = [("DPoP", holder.proof("POST", ENDPOINT)), ("DPoP", holder.proof("POST", ENDPOINT))]
    answer = world.web.post("/oauth/token", data=GRANT, auth=holder.auth, headers=headers)
    assert answer.get_json()["error"] == "invalid_dpop_proof"


def test_a_cached_bound_token_is_still_checked_each_time(world, holder):
    """RFC 9449 section 7.1: knowing the token's caller does not spare the proof."""
    token = holder.token()
    assert holder.use(token).status_code == 200
    assert world.web.get("/scim/v2/Users", headers={"Authorization": f"Bearer {token}"}).status_code == 401
