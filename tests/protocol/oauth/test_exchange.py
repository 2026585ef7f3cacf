"""Token exchange (RFC 8693): who may act for whom, by which chain, with what; and what ends it."""

import itertools

import pytest

from connector.domain import clients, credentials, delegations, scopes
from tests.protocol.oauth.conftest import EXCHANGE, FILES, TYPE
from tests.protocol.oauth.test_saml_exchange import APP, choose


def refused(answer, code, naming):
    assert (answer.status_code, answer.get_json()["error"]) == (400, code), answer.get_json()
    assert naming in answer.get_json()["error_description"]


@pytest.fixture
def chain(world):
    """bot may read and write files, helper may read: bot's token names helper by may_act."""
    world.grant(world.bot.id, "files.read", "files.write")
    world.grant(world.helper.id, "files.read", "mail.send")
    return world.token(world.bot, "files.read files.write", requested_actor=world.helper.id)


def test_the_actor_that_may_act_names_gets_a_token_with_the_chain(world, chain):
    """RFC 8693 sections 2.2.1, 4.1 and 4.4: issued_token_type, act with the current actor, may_act honoured."""
    answer = world.exchange(world.helper, chain, scope="files.read")

    body = answer.get_json()
    assert (answer.status_code, body["issued_token_type"]) == (200, TYPE + "access_token")
    claims = world.claims(body["access_token"])
    assert (claims["sub"], claims["client_id"], claims["aud"]) == (world.bot.id, world.helper.id, FILES)
    assert claims["act"] == {"sub": world.helper.id, "sub_profile": "ai_agent"}
    event = world.last_event()
    assert world.introspect(body["access_token"])["act"] == claims["act"]
    assert (event["detail"]["onBehalfOf"], event["detail"]["actors"]) == (world.bot.id, [world.helper.id])


def test_an_actor_that_nobody_named_is_refused(world, chain):
    """RFC 8693 section 4.4: without may_act and without a delegation nobody acts for another."""
    world.grant(world.third.id, "files.read")
    refused(world.exchange(world.third, chain), "invalid_request", "may not act for the subject")
    assert world.actions()[-1] == "token:refused"


def test_an_exchange_never_widens_the_scope(world, chain):
    """RFC 8693 section 5 and RFC 6749 section 3.3: the intersection of both parties, the token and the request."""
    refused(world.exchange(world.helper, chain, scope="files.write"), "invalid_scope", "files.write")
    refused(world.exchange(world.helper, chain, scope="mail.send"), "invalid_scope", "mail.send")
    refused(world.exchange(world.helper, chain, scope="sign-on"), "invalid_scope", "sign-on")
    assert world.exchange(world.helper, chain).get_json()["scope"] == "files.read"


def test_a_narrowed_token_cannot_be_widened_again(world, chain):
    """RFC 8693 section 5: what the subject token lacks, nobody gets back by exchanging it."""
    narrow = world.exchange(world.bot, chain, scope="files.read").get_json()["access_token"]
    assert "act" not in world.claims(narrow)
    refused(world.exchange(world.bot, narrow, scope="files.write"), "invalid_scope", "files.write")


def test_a_standing_delegation_lets_one_agent_act_for_another_until_it_ends(world, clock):
    """RFC 8693 section 1.1 (delegation): by the table of delegations, within its scopes and its end."""
    world.grant(world.bot.id, "files.read", "files.write")
    world.grant(world.helper.id, "files.read", "files.write")
    world.delegate(world.bot.id, world.helper.id, "files.read", days=1)
    token = world.token(world.bot, "files.read files.write")

    answer = world.exchange(world.helper, token)
    assert answer.get_json()["scope"] == "files.read"
    refused(world.exchange(world.helper, token, scope="files.write"), "invalid_scope", "files.write")
    clock.move(hours=23, minutes=55)
    late = world.exchange(world.helper, world.token(world.bot, "files.read")).get_json()
    assert late["expires_in"] == 300, "a token does not outlive the delegation"
    clock.move(minutes=6)
    refused(
        world.exchange(world.helper, world.token(world.bot, "files.read")), "invalid_request", "no delegation stands"
    )


def test_the_chain_nests_and_its_depth_is_limited(world):
    """RFC 8693 section 4.1: prior actors are nested; we allow `delegation_depth` of them."""
    agents = [world.agent(f"a{n}") for n in range(5)]
    for one in agents:
        world.grant(one.id, "files.read")
    for subject, actor in itertools.pairwise(agents):
        world.delegate(subject.id, actor.id, "files.read")
    token = world.token(agents[0], "files.read")
    for actor in agents[1:4]:
        token = world.exchange(actor, token).get_json()["access_token"]

    inner = world.claims(token)["act"]
    assert (inner["sub"], inner["act"]["sub"], inner["act"]["act"]["sub"]) == tuple(one.id for one in agents[3:0:-1])
    refused(world.exchange(agents[4], token), "invalid_request", "4 members, 3 are allowed")


@pytest.mark.parametrize("ended", ["token", "delegation", "subject", "middle", "grant"])
def test_what_ends_one_link_ends_the_whole_tree_at_once(world, clock, ended):
    """RFC 7009 section 2.1: tokens based on the revoked one end too; so do those of a delegation, of an agent, of a grant."""
    for one in (world.bot, world.helper, world.third):
        world.grant(one.id, "files.read")
    first = world.delegate(world.bot.id, world.helper.id, "files.read")
    world.delegate(world.helper.id, world.third.id, "files.read")
    root = world.token(world.bot, "files.read")
    middle = world.exchange(world.helper, root).get_json()["access_token"]
    leaf = world.exchange(world.third, middle).get_json()["access_token"]
    assert world.introspect(leaf)["active"] and world.introspect(middle)["active"]
    clock.move(seconds=1)

    if ended == "token":
        assert world.web.post("/oauth/revoke", data={"token": root}, auth=world.bot.auth).status_code == 200
    elif ended == "delegation":
        world.act(delegations.revoke, first)
    elif ended == "grant":
        world.act(scopes.withdraw, "files.read", world.bot.id)
    else:
        world.suspend(world.bot.id if ended == "subject" else world.helper.id)
    told = [world.introspect(one) for one in (middle, leaf)]
    if ended == "grant":
        assert [one["scope"] for one in told] == ["", ""]
    else:
        assert told == [{"active": False}, {"active": False}]
    assert world.exchange(world.third, leaf).status_code == 400


def test_only_who_got_a_token_revokes_it(world, chain):
    """RFC 7009 section 2.1: the token must have been issued to the client that asks."""
    token = world.exchange(world.helper, chain).get_json()["access_token"]
    world.web.post("/oauth/revoke", data={"token": token}, auth=world.bot.auth)
    assert world.introspect(token)["active"]
    world.web.post("/oauth/revoke", data={"token": token}, auth=world.helper.auth)
    assert world.introspect(token) == {"active": False}


def test_an_actor_token_must_be_the_clients_own(world, chain):
    """RFC 8693 section 2.1: actor_token with its type; another agent's is refused."""
    own, foreign = world.token(world.helper), world.token(world.third)
    kind = TYPE + "access_token"

    assert world.exchange(world.helper, chain, actor_token=own, actor_token_type=kind).status_code == 200
    refused(
        world.exchange(world.helper, chain, actor_token=foreign, actor_token_type=kind),
        "invalid_request",
        "not the client's own",
    )
    refused(world.exchange(world.helper, chain, actor_token=own), "invalid_request", "together")


def test_what_cannot_be_exchanged_is_refused_by_name(world, chain, subtests):
    """RFC 8693 section 2.2.2 and RFC 8707 section 2: the error names the parameter."""
    for form, code, naming in [
        ({"subject_token": ""}, "invalid_request", "subject_token is required"),
        ({"subject_token": "junk"}, "invalid_request", "not a signed JWT"),
        ({"subject_token_type": TYPE + "saml1"}, "invalid_request", "subject_token_type must be"),
        ({"subject_token_type": TYPE + "saml2"}, "invalid_request", "not base64url"),
        ({"requested_token_type": TYPE + "refresh_token"}, "invalid_request", "requested_token_type must be"),
        ({"requested_token_type": TYPE + "id-jag"}, "invalid_request", "requested_token_type must be"),
        ({"resource": "https://elsewhere.example"}, "invalid_target", "not registered"),
    ]:
        with subtests.test(str((form, code, naming))):
            body = {"grant_type": EXCHANGE, "subject_token": chain, "subject_token_type": TYPE + "access_token", **form}
            refused(world.post(body, world.helper), code, naming)


def test_a_delegated_token_signs_nobody_on_and_manages_nothing(world, chain):
    """RFC 8693 section 1.1: acting for another is not being it, and only where that was meant."""
    choose(world, delegation="condition")
    world.grant(world.helper.id, "files.write")
    token = world.exchange(world.helper, chain).get_json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}

    assert world.web.post("/saml/assertions", headers=bearer, json={"audience": APP}).status_code == 403
    assert world.actions()[-1] == "sign-on:refused"
    assert world.web.get(f"/oauth/agents/{world.bot.id}/credentials", headers=bearer).status_code == 401


def test_an_inbound_client_neither_acts_nor_is_acted_for(world):
    """Only agents act (RFC 8693 section 4.1 leaves that to us)."""
    made = world.act(clients.create, "hr", frozenset({"scim"}))
    secret = world.act(credentials.issue, "client", made.id, "client_secret").secret
    own = world.web.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=(made.id, secret)).get_json()
    form = {"grant_type": EXCHANGE, "subject_token": own["access_token"], "subject_token_type": TYPE + "access_token"}
    refused(world.web.post("/oauth/token", data=form, auth=(made.id, secret)), "invalid_request", "inbound client")
    refused(world.exchange(world.helper, own["access_token"]), "invalid_request", "inbound client")


def test_may_act_names_an_agent_that_may_act(world, subtests):
    """RFC 8693 section 4.4: may_act is for somebody who is there; a client's tokens name nobody."""
    for actor in ["ada", "agt-nobody", "suspended", ""]:
        with subtests.test(str(actor)):
            world.suspend(world.third.id)
            named = {"ada": world.ada, "suspended": world.third.id}.get(actor, actor)
            form = {"grant_type": "client_credentials", "requested_actor": named}
            refused(world.post(form, world.bot), "invalid_request", "requested_actor")
            own = world.token(world.bot)
            refused(world.exchange(world.bot, own, requested_actor=named), "invalid_request", "requested_actor")


def test_what_a_person_has_delegated_ends_with_the_person(world):
    """RFC 8693 section 4.1 and issue 6: nobody acts for somebody who is gone, and no list says that they may."""
    standing = world.delegate(world.ada, world.bot.id, "files.read")
    world.scim.send("DELETE", f"/Users/{world.ada}")

    with world.parts.domain.view() as unit:
        assert [one.revoked is not None for one in delegations.listing(unit) if one.id == standing] == [True]
    assert "delegation:revoked" in world.actions()
