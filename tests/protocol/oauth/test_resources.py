"""Resources and scopes: whom a token is for, how long it lives, who was granted what."""

import pytest

from connector.core.errors import Conflict, Invalid, NotFound
from connector.domain import scopes
from tests.protocol.oauth.conftest import FILES, ISSUER, MAIL


def ask(world, scope="", **form):
    return world.post({"grant_type": "client_credentials", "scope": scope, **form}, world.bot)


def test_a_token_is_for_one_resource_and_for_no_other(world):
    """RFC 8707 section 2 and RFC 9068 section 3: aud is the resource; our own endpoints refuse a token for another."""
    world.grant(world.bot.id, "files.read", "mail.send")
    named = ask(world, resource=FILES).get_json()
    assert (world.claims(named["access_token"])["aud"], named["scope"]) == (FILES, "files.read")
    assert world.claims(ask(world, "mail.send").get_json()["access_token"])["aud"] == MAIL
    assert world.claims(ask(world).get_json()["access_token"])["aud"] == ISSUER
    answer = world.web.post("/saml/ecp", headers={"Authorization": f"Bearer {named['access_token']}"}, data=b"")
    assert answer.status_code == 401


def test_what_may_not_be_had_is_refused_by_name(world, subtests):
    """RFC 8707 section 2 (invalid_target), RFC 9068 section 3 and RFC 6749 section 5.2 (invalid_scope)."""
    for form, code, naming in [
        ({"resource": "https://elsewhere.example"}, "invalid_target", "elsewhere"),
        ({"scope": "files.read mail.send"}, "invalid_scope", "several resources"),
        ({"scope": "mail.send", "resource": FILES}, "invalid_scope", "'mail.send' does not belong"),
        ({"scope": "files.write"}, "invalid_scope", "'files.write'"),
        ({"scope": "nonsense"}, "invalid_scope", "'nonsense'"),
    ]:
        with subtests.test(str((form, code, naming))):
            world.grant(world.bot.id, "files.read", "mail.send")
            answer = ask(world, **form)
            assert (answer.status_code, answer.get_json()["error"]) == (400, code)
            assert naming in answer.get_json()["error_description"]


def test_two_resources_at_once_are_refused(world):
    """RFC 8707 section 2: a token for several resources can be replayed by one at the other."""
    data = {"grant_type": "client_credentials", "resource": [FILES, MAIL]}
    answer = world.web.post("/oauth/token", data=data, auth=world.bot.auth)
    assert answer.get_json()["error"] == "invalid_target"


def test_scopes_come_by_groups_and_nested_groups_and_end(world, clock):
    """Issue 6: granted directly or through groups, with an end date; what has ended is not granted."""
    inner = world.scim.group("robots", world.bot.id)
    outer = world.scim.group("machines", inner)
    world.act(scopes.grant, "files.read", outer, not_after="2027-03-02T00:00:00.000Z")
    token = ask(world, "files.read").get_json()["access_token"]
    world.scim.patch("Groups", inner, {"op": "remove", "path": f'members[value eq "{world.bot.id}"]'})
    assert world.introspect(token)["scope"] == "", "leaving the group takes the scope away at once"
    world.act(scopes.grant, "files.read", world.bot.id, not_after="2027-03-02T00:00:00.000Z")
    assert ask(world, "files.read").status_code == 200
    clock.move(hours=12)
    assert ask(world, "files.read").get_json()["error"] == "invalid_scope"


@pytest.mark.parametrize(
    ("risk", "seconds", "life"), [(None, None, 600), ("high", None, 300), ("low", 120, 120), ("high", 900, 300)]
)
def test_lifetime_follows_risk_and_scope(world, risk, seconds, life):
    """RFC 6749 section 5.1 (expires_in): ten minutes, less by the agent's riskLevel or the scope."""
    if risk:
        urn = "urn:agentidp:params:scim:schemas:extension:governance:1.0:Agent"
        assert (
            world.scim.patch(
                "Agents", world.bot.id, {"op": "add", "path": f"{urn}:riskLevel", "value": risk}
            ).status_code
            == 200
        )
    world.act(scopes.add, "files.list", FILES, seconds=seconds)
    world.grant(world.bot.id, "files.list")
    assert ask(world, "files.list").get_json()["expires_in"] == life


def test_the_registry_says_what_is_wrong_and_records_what_changed(world):
    """RFC 6749 appendix A.4 and RFC 8707 section 2: what a scope and a resource may look like."""
    for uri in ("files", "https://files.example/#part", ""):
        with pytest.raises(Invalid, match="absolute URI"):
            world.act(scopes.add_resource, uri, "Files")
    for name, problem in (("two words", Invalid), ('"quoted"', Invalid), ("files.read", Conflict), ("scim", Conflict)):
        with pytest.raises(problem, match="name|scope"):
            world.act(scopes.add, name, FILES)
    with pytest.raises(Invalid, match="seconds"):
        world.act(scopes.add, "long", FILES, seconds=7200)
    for call in (("nothing", world.bot.id), ("files.read", "agt-nobody")):
        with pytest.raises(NotFound):
            world.act(scopes.grant, *call)
    world.grant(world.bot.id, "files.read")
    world.act(scopes.withdraw, "files.read", world.bot.id)
    world.act(scopes.remove, "files.read")
    world.act(scopes.remove_resource, MAIL)
    done = world.actions()
    assert {
        "resource:registered",
        "scope:added",
        "scope:granted",
        "scope:withdrawn",
        "scope:removed",
        "resource:removed",
    } <= set(done)
    assert ask(world, "mail.send").get_json()["error"] == "invalid_scope"


def test_metadata_describes_both_sides(world):
    """RFC 8414 section 2 and RFC 9728 section 2."""
    server = world.web.get("/.well-known/oauth-authorization-server").get_json()
    refused = world.web.get("/scim/v2/Users").headers["WWW-Authenticate"]
    assert f'resource_metadata="{ISSUER}/.well-known/oauth-protected-resource"' in refused, "RFC 9728 section 5.1"
    resource = world.web.get("/.well-known/oauth-protected-resource").get_json()
    assert server["issuer"] == resource["resource"] == ISSUER
    assert resource["authorization_servers"] == [ISSUER] and server["protected_resources"] == [ISSUER]
    assert "urn:ietf:params:oauth:grant-type:token-exchange" in server["grant_types_supported"]
    assert {"tls_client_auth", "self_signed_tls_client_auth"} < set(server["token_endpoint_auth_methods_supported"])
    assert "none" not in server["dpop_signing_alg_values_supported"]
