"""private_key_jwt (RFC 7523, RFC 10070): whom an assertion is for, and attacks by its header."""

import json
from datetime import timedelta

from joserfc import jwk, jws, jwt

from connector.domain import credentials, rotation
from tests.protocol.oauth.conftest import ISSUER

NEW = {"typ": "client-authentication+jwt"}


def ask(world, *arguments, **over):
    return world.post(world.assertion(*arguments, **over))


def refused(answer):
    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_client")
    assert answer.get_json()["error_description"] == "client authentication failed", "which part was wrong is not told"


def test_an_assertion_is_for_us_alone(world, subtests):
    """RFC 10070 section 4: with its own typ the issuer is the sole value; older ones (RFC 7523 section 3) may name the endpoint."""
    for header, audience, accepted in [
        (NEW, ISSUER, True),
        (NEW, f"{ISSUER}/oauth/token", False),
        (NEW, [ISSUER], False),
        ({}, ISSUER, True),
        ({}, f"{ISSUER}/oauth/token", True),
        ({}, [ISSUER], True),
        ({}, f"{ISSUER}/oauth/introspect", False),
        ({}, f"{ISSUER}/", False),
        (NEW, [ISSUER, "https://other.example"], False),
        ({"typ": "at+jwt"}, ISSUER, False),
        ({"typ": "dpop+jwt"}, ISSUER, False),
    ]:
        with subtests.test(str((header, audience, accepted))):
            answer = ask(world, world.bot, header=header, aud=audience, jti=str((header, audience)))
            if accepted:
                assert answer.status_code == 200
            else:
                refused(answer)


def test_an_assertion_is_used_once_at_whichever_endpoint(world):
    """RFC 7523 section 3, point 7: jti replay."""
    form = world.assertion(world.bot)
    assert world.post(form).status_code == 200
    again = {name: form[name] for name in ("client_assertion", "client_assertion_type")}
    refused(world.post(form))
    refused(world.web.post("/oauth/revoke", data={**again, "token": "x"}))


def test_jti_is_remembered_for_as_long_as_the_assertion_could_be_accepted(world, clock):
    """RFC 7523 section 3: replay memory outlives exp and the leeway."""
    form = world.assertion(world.bot)
    assert world.post(form).status_code == 200
    clock.move(seconds=110)
    refused(world.post(form))


def test_a_key_named_by_the_header_is_not_used(world, subtests):
    """RFC 8725 section 3.10 and RFC 7515 section 4.1: jwk, jku, x5u, x5c and kid of a stranger change nothing."""
    for attack in ["jwk", "jku", "x5u", "x5c", "kid-traversal", "kid-sql"]:
        with subtests.test(str(attack)):
            foreign = jwk.generate_key("EC", "P-256")
            header = {
                "jwk": {"jwk": foreign.as_dict(private=False)},
                "jku": {"jku": "http://127.0.0.1:1/keys"},
                "x5u": {"x5u": "http://127.0.0.1:1/chain"},
                "x5c": {"x5c": ["MIIB"]},
                "kid-traversal": {"kid": "../../../../dev/null"},
                "kid-sql": {"kid": "' OR 1=1 --"},
            }[attack]
            refused(ask(world, world.bot, key=foreign, header=header, jti=attack))


def test_an_unknown_critical_header_is_refused(world):
    """RFC 7515 section 4.1.11: what must be understood and is not makes the JWS invalid."""
    claims = jwt.decode(world.assertion(world.bot)["client_assertion"], world.bot.key, algorithms=["ES256"]).claims
    header = {"alg": "ES256", "crit": ["b64"], "b64": True}
    token = jws.serialize_compact(header, json.dumps(claims), world.bot.key, algorithms=["ES256"])
    refused(world.post({**world.assertion(world.bot), "client_assertion": token}))


def test_an_unsigned_assertion_is_refused(world, subtests):
    """RFC 8725 section 3.1: alg none, however it is written."""
    for alg in ["none", "None", "nOnE"]:
        with subtests.test(str(alg)):
            form = world.assertion(world.bot, jti=alg)
            head = jwk.OctKey.import_key(json.dumps({"alg": alg}).encode()).as_dict()["k"]
            form["client_assertion"] = head + "." + form["client_assertion"].split(".")[1] + "."
            refused(world.post(form))


def test_a_public_key_used_as_an_hmac_secret_is_refused(world):
    """RFC 8725 section 2.1: algorithm confusion, HS256 with the bytes of the public key."""
    claims = jwt.decode(world.assertion(world.bot)["client_assertion"], world.bot.key, algorithms=["ES256"]).claims
    secret = jwk.OctKey.import_key(json.dumps(world.bot.key.as_dict(private=False)).encode())
    token = jws.serialize_compact({"alg": "HS256"}, json.dumps(claims), secret, algorithms=["HS256"])
    refused(world.post({**world.assertion(world.bot), "client_assertion": token}))


def test_the_key_of_another_agent_does_not_serve(world):
    """RFC 7523 section 3, point 1 and 2: iss and sub are the client's whose key has signed."""
    refused(ask(world, world.bot, key=world.helper.key))
    refused(ask(world, world.bot, sub=world.helper.id))


def test_a_key_that_was_rotated_away_is_dead(world, clock):
    """RFC 7523 section 3: stale keys. With overlap the old one serves until it ends, without at once."""
    new = jwk.generate_key("EC", "P-256")

    public = new.as_dict(private=False)
    world.act(rotation.rotate, world.bot.id, kind="public_key", jwk=public, overlap=timedelta(days=1))
    assert ask(world, world.bot, jti="a").status_code == ask(world, world.bot, key=new, jti="b").status_code == 200
    clock.move(hours=1, minutes=1)  # the use of the new one ends the old one an hour later
    refused(ask(world, world.bot, jti="c"))
    assert ask(world, world.bot, key=new, jti="d").status_code == 200


def test_exactly_one_method_is_used(world):
    """RFC 6749 section 2.3: not more than one authentication method in each request."""
    both = world.web.post("/oauth/token", data=world.assertion(world.bot), auth=world.bot.auth)
    assert (both.status_code, both.get_json()["error"]) == (401, "invalid_client")


def test_use_is_noted_to_the_minute(world, clock):
    """Issue 6: each credential tells when it was last used, never its secret."""
    ask(world, world.bot, jti="a")
    clock.move(seconds=90)
    ask(world, world.bot, jti="b")
    with world.parts.domain.view() as unit:
        used = {one.kind: one.last_used for one in credentials.listing(unit, world.bot.id)}
    assert used == {"public_key": "2027-03-01T12:01:30.000Z", "client_secret": None}
