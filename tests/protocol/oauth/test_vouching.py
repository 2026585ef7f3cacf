"""People: JWTs of an issuer that vouches for them, as subject tokens, as JWT bearer grants, and as ID-JAGs."""

import pytest
from joserfc import jwk, jwt

from connector.core.errors import Invalid, NotFound
from connector.domain import delegations, scopes
from tests.protocol.oauth.conftest import BEARER, FILES, ISSUER, MAIL, TYPE
from tests.protocol.oauth.test_saml_exchange import APP, SAML, assertion_of, choose
from tests.unit.targets.small_server import Reply, serve

IDP, AUDIENCE, JAG = "https://idp.example", "connector", "oauth-id-jag+jwt"
KEY, OTHER = (jwk.generate_key("EC", "P-256", {"kid": kid}) for kid in ("k1", "k2"))


@pytest.fixture
def idp():
    with serve({"GET /keys": Reply(200, {"keys": [KEY.as_dict(private=False)]})}) as server:
        yield server


@pytest.fixture
def world(world, idp):
    world.act(
        delegations.vouch, IDP, audience=AUDIENCE, claim="preferred_username", jwks_url=f"{idp.url}/keys", jwks=None
    )
    world.grant(world.ada, "files.read", "files.write")
    world.grant(world.bot.id, "files.read", "mail.send")
    return world


@pytest.fixture
def jwt_of(world, clock):
    def make(*, by="its own", typ="JWT", without=(), **over):
        key = KEY if by == "its own" else OTHER
        now = int(clock().timestamp())
        claims = {
            "iss": IDP,
            "aud": AUDIENCE,
            "sub": "00u1",
            "preferred_username": "ada",
            "iat": now,
            "exp": now + 900,
            "jti": "1",
        }
        claims = {name: value for name, value in (claims | over).items() if name not in without}
        return jwt.encode({"alg": "ES256", "kid": key.kid, "typ": typ}, claims, key, algorithms=["ES256"])

    return make


def refused(answer, code, naming=""):
    assert (answer.status_code, answer.get_json()["error"]) == (400, code), answer.get_json()
    assert naming in answer.get_json()["error_description"]


def bear(world, assertion, agent=None, *, web=None, **form):
    return world.post({"grant_type": BEARER, "assertion": assertion, **form}, agent or world.bot, web=web)


def test_an_agent_acts_for_a_person_by_her_id_token_and_a_standing_delegation(world, jwt_of):
    """RFC 8693 section 2.1 with an ID token: sub is the person, act the agent, scopes those that both have."""
    refused(world.exchange(world.bot, jwt_of(), kind="id_token"), "invalid_request", "no delegation stands")
    delegation = world.delegate(world.ada, world.bot.id, "files.read", "files.write")
    answer = world.exchange(world.bot, jwt_of(), kind="id_token")
    token = answer.get_json()["access_token"]
    claims = world.claims(token)
    assert (claims["sub"], claims["act"]["sub"], claims["scope"]) == (world.ada, world.bot.id, "files.read")
    refused(world.exchange(world.bot, jwt_of(), kind="id_token", scope="files.write"), "invalid_scope", "files.write")
    refused(world.exchange(world.bot, jwt_of(), kind="id_token", scope="mail.send"), "invalid_scope", "mail.send")
    world.act(delegations.revoke, delegation)
    assert world.introspect(token) == {"active": False}


def test_a_person_who_is_switched_off_takes_the_tokens_with_her(world, jwt_of):
    """RFC 8693 section 1.1: the subject must still be there; suspension acts at once."""
    world.delegate(world.ada, world.bot.id, "files.read")
    token = world.exchange(world.bot, jwt_of(), kind="id_token").get_json()["access_token"]
    grace = world.scim.person("grace")
    world.scim.patch("Agents", world.bot.id, {"op": "add", "path": "owners", "value": [{"value": grace}]})
    assert world.introspect(token)["active"]
    world.scim.patch("Users", world.ada, {"op": "replace", "path": "active", "value": False})
    assert world.introspect(token) == {"active": False}
    refused(world.exchange(world.bot, jwt_of(), kind="id_token"), "invalid_request", "may not act any more")


def test_the_jwt_bearer_grant_takes_each_assertion_once(world, jwt_of):
    """RFC 7523 sections 2.1 and 3: the same rights as by exchange; jti replay; invalid_grant."""
    world.delegate(world.ada, world.bot.id, "files.read")
    answer = bear(world, jwt_of())
    assert (answer.status_code, answer.get_json()["scope"]) == (200, "files.read")
    refused(bear(world, jwt_of()), "invalid_grant", "used before")
    refused(bear(world, jwt_of(jti="2", aud=ISSUER)), "invalid_grant", "aud")
    refused(bear(world, ""), "invalid_request", "assertion is required")


def test_a_jwt_that_does_not_fit_says_nothing_of_anybody(world, jwt_of, subtests):
    """RFC 7523 section 3 and RFC 8725 sections 3.8 to 3.11: issuer, audience, dates, type, and a subject that is known."""
    for over, naming in [
        ({"by": "other"}, "no key 'k2'"),
        ({"aud": "another"}, "aud"),
        ({"aud": [AUDIENCE, "another"]}, "aud"),
        ({"iss": "https://stranger.example"}, "not one of ours"),
        ({"exp": 1}, "exp"),
        ({"exp": 99999999999}, "exp"),
        ({"nbf": 99999999999}, "nbf"),
        ({"typ": "client-authentication+jwt"}, "typ"),
        ({"typ": "dpop+jwt"}, "typ"),
        ({"typ": "logout+jwt"}, "typ"),
        ({"preferred_username": "nobody"}, "not the userName"),
        ({"preferred_username": ["ada"]}, "not the userName"),
        ({"without": ("preferred_username",)}, "not the userName"),
    ]:
        with subtests.test(str((over, naming))):
            world.delegate(world.ada, world.bot.id, "files.read")
            refused(world.exchange(world.bot, jwt_of(**over), kind="jwt"), "invalid_request", naming)


def test_a_jwt_of_the_idp_is_no_access_token_and_no_credential(world, jwt_of):
    """RFC 8725 section 3.12: one kind of JWT does not pass for another."""
    refused(world.exchange(world.bot, jwt_of(typ="at+jwt"), kind="access_token"), "invalid_request")
    form = world.assertion(world.bot)
    assert world.post({**form, "client_assertion": jwt_of()}).status_code == 401


def test_an_id_jag_is_issued_where_the_setting_says_so(world, jwt_of):
    """Identity assertion authorization grant, section 4: a signed grant for the other server, not an access token."""
    world.grant(world.ada, "mail.send")
    world.delegate(world.ada, world.bot.id, "files.read", "mail.send")
    web, wanted = world.other(id_jag=True), {"requested_token_type": TYPE + "id-jag"}
    answer = world.exchange(
        world.bot, jwt_of(), kind="id_token", web=web, audience=MAIL, resource="https://api.mail.example", **wanted
    )
    body = answer.get_json()
    assert (body["token_type"], body["issued_token_type"], body["expires_in"]) == ("N_A", TYPE + "id-jag", 300)
    keys = jwk.KeySet.import_key_set(web.get("/oauth/jwks").get_json())
    jag = jwt.decode(body["access_token"], keys, algorithms=["ES256"])
    assert jag.header["typ"] == JAG
    claims = jag.claims
    assert (claims["sub"], claims["aud"], claims["client_id"], claims["scope"]) == (
        world.ada,
        MAIL,
        world.bot.id,
        "mail.send",
    )
    assert (claims["resource"], claims["act"]) == (
        "https://api.mail.example",
        {"sub": world.bot.id, "sub_profile": "ai_agent"},
    )
    assert world.introspect(body["access_token"]) == {"active": False}
    refused(
        world.exchange(world.bot, jwt_of(), kind="id_token", audience=MAIL, **wanted),
        "invalid_request",
        "requested_token_type",
    )
    refused(
        world.exchange(world.bot, jwt_of(), kind="id_token", web=web, audience="https://x.example", **wanted),
        "invalid_target",
    )


def test_an_id_jag_of_the_idp_is_accepted_without_a_standing_delegation(world, jwt_of):
    """Identity assertion authorization grant, section 5: for us, for this client, once; its scope is the limit."""
    web = world.other(id_jag=True)
    jag = {"typ": JAG, "aud": ISSUER, "client_id": world.bot.id, "scope": "files.read files.write"}
    answer = bear(world, jwt_of(**jag), web=web)
    body = answer.get_json()
    assert (answer.status_code, body["scope"]) == (200, "files.read")
    claims = world.claims(body["access_token"])
    assert (claims["sub"], claims["act"]["sub"], claims["aud"]) == (world.ada, world.bot.id, FILES)
    refused(bear(world, jwt_of(**jag), web=web), "invalid_grant", "used before")
    refused(bear(world, jwt_of(**jag, jti="2"), world.helper, web=web), "invalid_grant", "client_id")
    refused(bear(world, jwt_of(**{**jag, "aud": AUDIENCE}, jti="3"), web=web), "invalid_grant", "aud")
    refused(bear(world, jwt_of(**jag, jti="4"), web=world.web), "invalid_grant", "typ")


def test_while_the_issuer_is_down_the_caller_is_told_to_come_back(world, jwt_of, idp):
    """RFC 6749 section 5.2 has no code for it: 503 with Retry-After."""
    idp.routes["GET /keys"] = Reply(500, {})
    answer = world.exchange(world.bot, jwt_of(), kind="id_token")
    assert answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0


def test_delegations_and_issuers_say_what_is_wrong_and_are_recorded(world):
    """Issue 6: standing delegations per person, agent and scopes, with an end date."""
    end = "2027-03-20T00:00:00.000Z"
    for arguments, problem in (
        ((world.ada, world.ada), "actor"),
        (("usr-nobody", world.bot.id), "subject"),
        ((world.bot.id, world.bot.id), "actor"),
    ):
        with pytest.raises(Invalid, match=problem):
            world.act(delegations.add, *arguments, frozenset({"files.read"}), not_after=end)
    for names, until, problem in (
        ((), end, "name a scope"),
        (("x",), end, "'x'"),
        (("files.read",), "2030", "a year at most"),
    ):
        with pytest.raises(Invalid, match=problem):
            world.act(delegations.add, world.ada, world.bot.id, frozenset(names), not_after=until)
    with pytest.raises(NotFound):
        world.act(delegations.revoke, "dlg-none")
    with pytest.raises(Invalid, match="https"):
        world.act(delegations.vouch, IDP, audience="x", claim="sub", jwks_url="http://idp.example/keys", jwks=None)
    made = world.delegate(world.ada, world.bot.id, "files.read")
    world.scim.send("DELETE", f"/Agents/{world.bot.id}")
    world.act(delegations.stop_vouching, IDP)
    with world.parts.domain.view() as unit:
        assert {one.id: one.revoked is not None for one in delegations.listing(unit)} == {made: True}
    assert {"delegation:made", "delegation:revoked", "vouching:added", "vouching:removed"} <= set(world.actions())


def test_her_id_token_gets_the_agent_an_assertion_about_her_for_an_application(world, jwt_of):
    """RFC 8693 section 3: requested_token_type saml2 with an ID token; the session lasts no longer than either proof."""
    choose(world, delegation="condition")
    world.act(scopes.add_resource, APP, "App")
    world.act(scopes.add, "app.use", APP)
    world.grant(world.ada, "app.use")
    world.grant(world.bot.id, "app.use")
    wanted = {"kind": "id_token", "requested_token_type": TYPE + "saml2", "audience": APP}
    refused(world.exchange(world.bot, jwt_of(), **wanted), "invalid_request", "no delegation stands")
    world.delegate(world.ada, world.bot.id, "files.read", days=29)
    refused(world.exchange(world.bot, jwt_of(), **wanted), "invalid_scope", "no scope that may be had")
    world.delegate(
        world.ada, world.bot.id, "app.use", days=1
    )  # the other one lasts longer, and is for another resource

    assertion = assertion_of(world.exchange(world.bot, jwt_of(), **wanted))

    assert assertion.findtext("saml:Subject/saml:NameID", namespaces=SAML) == world.ada
    assert [one.text for one in assertion.iterfind(".//del:Delegate/saml:NameID", SAML)] == [world.bot.id]
    assert assertion.find("saml:AuthnStatement", SAML).get("SessionNotOnOrAfter") == "2027-03-01T12:15:00Z"
