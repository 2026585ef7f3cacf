"""Token exchange for a SAML assertion (RFC 8693 with requested_token_type saml2), and every way in to our SAML doors."""

import base64
from datetime import timedelta

import pytest
from lxml import etree

from connector.domain import apps, credentials, scopes
from connector.domain.app_settings import AppSettings, changed, to_json
from connector.domain.delegations import revoke
from connector.domain.unit import SYSTEM
from connector.storage import saml
from tests.protocol.oauth.conftest import EXCHANGE, ISSUER, TYPE
from tests.servers.pki import self_signed

APP, ACS = "https://app.example/metadata", "https://app.example/acs"
SAML = {"saml": "urn:oasis:names:tc:SAML:2.0:assertion", "del": "urn:oasis:names:tc:SAML:2.0:conditions:delegation"}
METADATA = f"""<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{APP}">
<md:SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
<md:AssertionConsumerService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="{ACS}" index="1"/>
</md:SPSSODescriptor></md:EntityDescriptor>"""


def choose(world, **choices):
    app = world.act(apps.register, name="App", entity_id=APP, metadata=METADATA)
    with world.parts.domain.change(SYSTEM) as unit:
        saml.save_app(
            unit.tx, saml.App(APP, "App", METADATA, to_json(changed(AppSettings(), choices)), True, app.created)
        )


@pytest.fixture
def app_registered(world):
    choose(world)


def wanted(world, agent, subject, **form):
    form = {"audience": APP, **form}
    form = {name: value for name, value in form.items() if value is not None}
    return world.exchange(agent, subject, requested_token_type=TYPE + "saml2", **form)


def assertion_of(answer):
    assert answer.status_code == 200, answer.get_json()
    text = answer.get_json()["access_token"]
    return etree.fromstring(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def refused(answer, code, naming):
    assert (answer.status_code, answer.get_json()["error"]) == (400, code), answer.get_json()
    assert naming in answer.get_json()["error_description"]


@pytest.mark.parametrize("form", [{}, {"resource": ACS}, {"audience": None, "resource": APP}])
def test_an_agent_gets_an_assertion_about_itself(world, app_registered, form):
    """RFC 8693 sections 2.2.1 and 3: base64url in access_token, issued_token_type, N_A."""
    answer = wanted(world, world.bot, world.token(world.bot), **form)

    body, assertion = answer.get_json(), assertion_of(answer)
    assert (body["issued_token_type"], body["token_type"], body["expires_in"]) == (TYPE + "saml2", "N_A", 300)
    assert assertion.findtext("saml:Subject/saml:NameID", namespaces=SAML) == world.bot.id
    assert assertion.findtext(".//saml:Audience", namespaces=SAML) == APP
    assert assertion.find(".//saml:SubjectConfirmationData", SAML).get("Recipient") == ACS
    event = world.last_event()
    assert (event["action"], event["detail"]["way"]) == ("sign-on:granted", "exchange")


def test_what_cannot_be_had_is_refused_by_name(world, app_registered):
    """RFC 8693 section 2.2.2: invalid_target where we are not willing to issue for the target."""
    token = world.token(world.bot)
    refused(wanted(world, world.bot, token, audience="https://nobody.example"), "invalid_target", "not an application")
    refused(wanted(world, world.bot, token, resource="https://evil.example/acs"), "invalid_target", "no such Assertion")
    refused(wanted(world, world.bot, token, audience=None), "invalid_request", "audience is required")
    world.grant(world.bot.id, "files.read")
    refused(wanted(world, world.bot, world.token(world.bot, "files.read")), "invalid_scope", "sign-on")
    world.suspend(world.bot.id)
    assert wanted(world, world.bot, token).status_code == 401


def test_policy_of_the_application_holds(world):
    """The same rules as for sign-on: here, that only agents of a group may use it."""
    group = world.scim.group("elsewhere", world.helper.id)
    choose(world, groups=(group,))
    refused(wanted(world, world.bot, world.token(world.bot)), "invalid_target", "not among those")
    assert world.actions()[-2:] == ["sign-on:refused", "token:refused"]
    assert assertion_of(wanted(world, world.helper, world.token(world.helper))) is not None


@pytest.fixture
def chain(world):
    """ada -> bot -> helper: each delegated by the one before, for the application."""
    choose(world, delegation="condition")

    world.act(scopes.add_resource, APP, "App")
    world.act(scopes.add, "app.use", APP)
    for one in (world.ada, world.bot.id, world.helper.id):
        world.grant(one, "app.use")
    return world.delegate(world.ada, world.bot.id, "app.use"), world.delegate(world.bot.id, world.helper.id, "app.use")


def direct(world, agent, **body):
    return world.web.post("/saml/assertions", json={"audience": APP, **body}, auth=agent.auth)


def test_the_chain_of_a_subject_token_is_told_oldest_first(world, chain):
    """RFC 8693 section 4.1 nests the latest outermost; the delegation condition (section 2.3) is in order of delegation."""
    root = world.token(world.bot, "app.use")
    text = world.exchange(world.helper, root, scope="app.use").get_json()["access_token"]

    assertion = assertion_of(wanted(world, world.helper, text))

    assert assertion.findtext("saml:Subject/saml:NameID", namespaces=SAML) == world.bot.id
    assert [one.text for one in assertion.iterfind(".//del:Delegate/saml:NameID", SAML)] == [world.helper.id]
    detail = world.last_event()["detail"]
    assert (detail["onBehalfOf"], detail["actors"]) == (world.bot.id, [world.helper.id])


def test_two_delegates_are_named_in_order(world, chain):
    """As above with two: bot acts for the third, helper for bot."""
    world.grant(world.third.id, "app.use")
    world.delegate(world.third.id, world.bot.id, "app.use")
    first = world.exchange(world.bot, world.token(world.third, "app.use")).get_json()["access_token"]

    assertion = assertion_of(wanted(world, world.helper, first))

    named = [one.text for one in assertion.iterfind(".//del:Delegate/saml:NameID", SAML)]
    assert named == [world.bot.id, world.helper.id]
    sessions = world.act(lambda unit: saml.sessions(unit.tx, world.helper.id))
    world.suspend(world.bot.id)
    [ended] = world.act(lambda unit: saml.sessions(unit.tx, world.helper.id))
    assert (sessions[0].ended, ended.ended is not None) == (None, True), "the one between has ended, so has the session"


def test_the_depth_of_the_chain_is_limited(world, chain):
    """The setting delegation_depth holds here as well."""
    world.grant(world.third.id, "app.use")
    world.delegate(world.third.id, world.bot.id, "app.use")
    shallow = world.other(delegation_depth=1)
    first = world.exchange(world.bot, world.token(world.third, "app.use")).get_json()["access_token"]

    answer = world.exchange(world.helper, first, web=shallow, requested_token_type=TYPE + "saml2", audience=APP)

    refused(answer, "invalid_request", "the chain of actors would have 2 members, 1 are allowed")


def test_a_standing_delegation_is_enough_by_json_and_ends_with_its_end(world, chain):
    answer = direct(world, world.bot, onBehalfOf=world.ada)
    assert answer.status_code == 200, answer.get_json()
    assert world.last_event()["detail"]["onBehalfOf"] == world.ada
    world.act(revoke, chain[0])
    [session] = world.act(lambda unit: saml.sessions(unit.tx, world.bot.id))
    assert session.ended is not None
    assert direct(world, world.bot, onBehalfOf=world.ada).status_code == 403


@pytest.mark.parametrize(
    "lacking", ["delegation", "grant of the agent", "grant of the person", "scope of the delegation"]
)
def test_nobody_acts_without_a_proven_delegation_for_that_application(world, chain, lacking):
    """The delegation must have a scope of the application, and both parties must have it too."""

    agent = world.bot
    if lacking == "delegation":
        agent = world.third
        world.grant(agent.id, "app.use")
    elif lacking == "grant of the agent":
        world.act(scopes.withdraw, "app.use", world.bot.id)
    elif lacking == "grant of the person":
        world.act(scopes.withdraw, "app.use", world.ada)
    else:
        world.act(revoke, chain[0])
        world.grant(world.ada, "files.read")
        world.grant(world.bot.id, "files.read")
        world.delegate(world.ada, world.bot.id, "files.read")

    answer = direct(world, agent, onBehalfOf=world.ada)

    assert answer.status_code == 403, answer.get_json()
    assert "sign-on:refused" in world.actions()[-2:]


def test_an_assertion_about_somebody_else_proves_nothing_at_our_own_token_endpoint(world, chain):
    """Core section 2.5.1.2: the condition is not ignored, or whoever has the assertion would be that person here."""
    own = METADATA.replace(APP, ISSUER).replace(ACS, f"{ISSUER}/oauth/token")
    for form in ("condition", "attribute"):
        world.act(apps.register, name="Own", entity_id=ISSUER, metadata=own)
        with world.parts.domain.change(SYSTEM) as unit:
            kept = to_json(changed(AppSettings(), {"delegation": form}))
            saml.save_app(unit.tx, saml.App(ISSUER, "Own", own, kept, True, unit.tx.now))

        world.act(scopes.add_resource, ISSUER, "Own")
        if form == "condition":
            world.act(scopes.add, "own.use", ISSUER)
            for one in (world.ada, world.bot.id):
                world.grant(one, "own.use")
            world.delegate(world.ada, world.bot.id, "own.use")
        answer = direct(world, world.bot, audience=ISSUER, onBehalfOf=world.ada)
        assert answer.status_code == 200, answer.get_json()
        text = answer.get_json()["assertion"]

        answer = world.exchange(world.helper, text, kind="saml2")

        refused(answer, "invalid_request", "Condition" if form == "condition" else "delegate")


# -- ways in: private_key_jwt and a certificate, at every door --------------------------------------------------------


DOORS = {
    "direct": lambda web, **how: web.post("/saml/assertions", json={"audience": APP}, **how),
    "init": lambda web, **how: web.post("/saml/sso/init", data={"providerId": APP}, **how),
    "ecp": lambda web, **how: web.post("/saml/ecp", data=b"<nonsense/>", **how),
    "sso": lambda web, **how: web.get("/saml/sso", **how),
}
PASSED = {"direct": 200, "init": 200, "ecp": 500, "sso": 400}  # the last two: let in, and told that the message is none


@pytest.mark.parametrize("door", DOORS)
def test_a_client_assertion_opens_every_door_once(world, app_registered, door):
    """RFC 7523 section 3 and RFC 10070: the audience is ours, the key the agent's, the jti good once."""
    text = world.assertion(world.bot)["client_assertion"]
    bearer = {"headers": {"Authorization": f"Bearer {text}"}}

    assert DOORS[door](world.web, **bearer).status_code == PASSED[door]
    assert DOORS[door](world.web, **bearer).status_code == 401
    assert world.last_event()["detail"]["why"] == "the assertion was used before"


@pytest.mark.parametrize(
    "over",
    [
        {"aud": "https://elsewhere.example"},
        {"sub": "agt-somebody"},
        {"exp": 0},
        {"key": "other"},
    ],
)
def test_a_client_assertion_that_does_not_fit_opens_none(world, app_registered, over):
    if over.get("key"):
        over = {"key": world.helper.key}
    text = world.assertion(world.bot, **over)["client_assertion"]
    for open_door in DOORS.values():
        assert open_door(world.web, headers={"Authorization": f"Bearer {text}"}).status_code == 401


@pytest.fixture
def certificate(world, clock):
    made = self_signed("bot")
    clock.now = made.certificate.not_valid_before_utc + timedelta(days=2)
    world.act(credentials.register_certificate, "agent", world.bot.id, made.certificate_pem)
    world.bot.secret = world.act(credentials.issue, "agent", world.bot.id, "client_secret").secret
    return made


def shown(keys):
    return {"environ_base": {"SSL_CLIENT_CERT": keys.certificate_pem.decode()}}


@pytest.mark.parametrize("door", DOORS)
def test_a_client_certificate_opens_every_door(world, app_registered, certificate, door):
    """RFC 8705 section 2: the certificate is the agent's, which client_id in the query names."""
    query = {"query_string": {"client_id": world.bot.id}}

    assert DOORS[door](world.web, **shown(certificate), **query).status_code == PASSED[door]
    assert DOORS[door](world.web, **shown(self_signed("bot")), **query).status_code == 401
    assert DOORS[door](world.web, **shown(certificate), query_string={"client_id": world.helper.id}).status_code == 401
    assert DOORS[door](world.web, **shown(certificate)).status_code == 401


def test_a_certificate_is_told_as_the_context_and_may_hold_the_assertion(world, app_registered, certificate):
    how = {**shown(certificate), "query_string": {"client_id": world.bot.id}}
    answer = world.web.post("/saml/assertions", json={"audience": APP, "holderOfKey": True}, **how)

    text = answer.get_json()["assertion"]
    assertion = etree.fromstring(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    context = assertion.findtext(".//saml:AuthnContextClassRef", namespaces=SAML)
    assert context == "urn:oasis:names:tc:SAML:2.0:ac:classes:TLSClient"
    held = assertion.findtext(".//{http://www.w3.org/2000/09/xmldsig#}SubjectConfirmationData//*") or "".join(
        assertion.find(".//saml:SubjectConfirmationData", SAML).itertext()
    )
    assert base64.b64decode(held) == certificate.certificate_der


def test_only_a_certificate_that_the_proof_was_about_holds_an_assertion(world, certificate):
    """A stolen bearer with the thief's own certificate beside it must not become a holder-of-key assertion of the thief."""
    choose(world, confirmation="holder-of-key")
    plain, thief = world.token(world.bot), self_signed("thief")
    form = {"grant_type": "client_credentials", "client_id": world.bot.id}
    bound = world.web.post("/oauth/token", data=form, **shown(certificate)).get_json()["access_token"]

    def ask(token, keys):
        headers = {"Authorization": f"Bearer {token}"}
        return world.web.post("/saml/assertions", json={"audience": APP}, headers=headers, **shown(keys)).status_code

    assert [ask(plain, thief), ask(plain, certificate), ask(bound, thief), ask(bound, certificate)] == [
        403,
        403,
        401,
        200,
    ]


def test_an_exchange_by_certificate_is_held_by_it(world, certificate):
    """The certificate that the agent authenticated with at the token endpoint."""
    choose(world, confirmation="holder-of-key")
    token = world.token(world.bot)
    form = {"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": TYPE + "access_token"}
    form |= {"requested_token_type": TYPE + "saml2", "audience": APP}

    refused(world.post(form, world.bot), "invalid_target", "certificate")
    answer = world.web.post("/oauth/token", data={**form, "client_id": world.bot.id}, **shown(certificate))
    assert assertion_of(answer).find(".//saml:SubjectConfirmation", SAML).get("Method").endswith("holder-of-key")
