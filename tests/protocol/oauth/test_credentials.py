"""Credentials of agents: each ends, is rotated with overlap or by the schedule, and all end at once after a leak."""

import base64
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jwk

from connector.core.clock import to_text
from connector.core.errors import Invalid
from connector.core.keys import KeyRing
from connector.core.lives import LONGEST_DAYS
from connector.domain import ca, credentials, rotation, scopes
from connector.domain.unit import SYSTEM, Domain

GRANT = {"grant_type": "client_credentials"}


def lets_in(world, secret):
    return world.web.post("/oauth/token", data=GRANT, auth=(world.bot.id, secret)).status_code == 200


class Manager:
    """Speaks to /oauth/agents/ID with a bearer."""

    def __init__(self, world, bearer, id):
        self.web, self.headers, self.place = world.web, {"Authorization": f"Bearer {bearer}"}, f"/oauth/agents/{id}"

    def get(self, path="/credentials"):
        return self.web.get(self.place + path, headers=self.headers)

    def post(self, path="/credentials", **body):
        return self.web.post(self.place + path, json=body, headers=self.headers)

    def delete(self, id):
        return self.web.delete(f"{self.place}/credentials/{id}", headers=self.headers)


@pytest.fixture
def manager(world):
    return Manager(world, world.token(world.bot), world.bot.id)


def test_an_agent_rotates_its_own_secret_with_overlap(world, manager, clock):
    """Issue 6: the new one is valid before the old ends; its first use is recorded and ends the old one."""
    answer = manager.post(kind="client_secret", overlapDays=7)
    new = answer.get_json()["secret"]
    assert answer.status_code == 201 and answer.headers["Cache-Control"] == "no-store"
    clock.move(days=6)
    assert lets_in(world, world.bot.secret) and lets_in(world, new)
    assert "credential:confirmed" in world.actions()
    clock.move(hours=2)
    assert (lets_in(world, world.bot.secret), lets_in(world, new)) == (False, True)
    bearer = world.post(GRANT, auth=(world.bot.id, new)).get_json()["access_token"]
    told = Manager(world, bearer, world.bot.id).get()
    by_kind = {one["id"]: one for one in told.get_json()}
    assert by_kind[answer.get_json()["id"]]["lastUsed"] and new not in told.get_data(as_text=True)
    assert "secret_hash" not in told.get_data(as_text=True)


def test_without_overlap_the_old_secret_and_its_tokens_end_at_once(world, manager, clock):
    """Issue 6 and RFC 7009 section 2.1: rotation without overlap is a revocation."""
    token = world.token(world.bot)
    clock.move(seconds=1)
    new = manager.post(overlapDays=0).get_json()["secret"]
    clock.move(seconds=1)
    assert (lets_in(world, world.bot.secret), lets_in(world, new)) == (False, True)
    assert world.introspect(token) == {"active": False}


def test_only_the_agent_itself_or_a_client_with_the_scope_manages_them(world, manager, new_client):
    """RFC 6750 section 3.1: insufficient_scope names what is needed; RFC 6750 section 3: no token, a challenge."""
    for bearer, status in (
        (world.token(world.helper), 403),
        (new_client("reader", scopes={"scim"}).bearer, 403),
        (new_client("governance", scopes={"credentials"}).bearer, 200),
        ("nonsense", 401),
    ):
        answer = Manager(world, bearer, world.bot.id).get()
        assert answer.status_code == status, answer.get_json()
        assert ("WWW-Authenticate" in answer.headers) == (status != 200)
    boss = Manager(world, new_client("boss", scopes={"credentials"}).bearer, world.bot.id)
    assert boss.post().status_code == 201
    assert boss.post("/credentials/crd-1/secret").status_code == 403, "a secret that waits is the agent's alone"
    assert Manager(world, boss.headers["Authorization"][7:], "agt-nobody").get().status_code == 404


def test_a_rotation_that_cannot_be_is_refused_by_name(manager, subtests):
    """RFC 6749 section 5.2 form: the error names the field."""
    for body, naming in [
        ({"kind": "password"}, "kind"),
        ({"kind": "public_key"}, "kind"),
        ({"kind": 1}, "kind"),
        ({"kind": "public_key", "publicKey": {"kty": "oct", "k": "c2VjcmV0"}}, "publicKey"),
        ({"overlapDays": -1}, "overlapDays"),
        ({"overlapDays": "7"}, "overlapDays"),
        ({"overlapDays": True}, "overlapDays"),
        ({"kind": "api_key"}, "no live API key"),
        ({"replaces": "crd-none"}, "crd-none"),
    ]:
        with subtests.test(str((body, naming))):
            answer = manager.post(**body)
            assert answer.status_code in (400, 404) and naming in answer.get_json()["error_description"]


def test_an_agent_rotates_its_key_and_revokes_one(world, manager):
    """Issue 6: any number side by side; revoking one ends the tokens, too."""
    key = jwk.generate_key("EC", "P-256")
    made = manager.post(kind="public_key", publicKey=key.as_dict(private=False)).get_json()
    assert set(made) == {"id"}
    assert world.post(world.assertion(world.bot, key=key)).status_code == 200
    world.clock.move(seconds=1)
    assert manager.delete(made["id"]).status_code == 204
    assert world.post(world.assertion(world.bot, key=key, jti="2")).status_code == 401
    assert manager.get().status_code == 401, "its own token ended with it"


def test_a_leak_ends_everything_at_once_and_the_agent_lives(world, manager, clock):
    """Issue 6: credentials, API keys, trusts, tokens in one transaction."""
    world.grant(world.bot.id, "files.read")
    key = world.act(credentials.issue, "agent", world.bot.id, "api_key", scopes=frozenset({"files.read"})).secret
    token = world.token(world.bot, "files.read")
    assert world.introspect(key)["active"] and world.introspect(token)["active"]
    clock.move(seconds=1)
    assert manager.post("/leaked", why="seen in a log").status_code == 204
    assert [world.introspect(one) for one in (key, token)] == [{"active": False}] * 2
    assert not lets_in(world, world.bot.secret) and world.post(world.assertion(world.bot)).status_code == 401
    assert world.scim.get(f"/Agents/{world.bot.id}").get_json()["active"] is True
    assert world.actions()[-1] == "client:refused" and "credential:leaked" in world.actions()


def test_an_api_key_allows_its_own_scopes_within_the_agents(world):
    """Issue 6: prefix, hashed, scoped, expiring; it goes with the grant, and with the agent."""
    world.grant(world.bot.id, "files.read", "files.write")
    issued = world.act(credentials.issue, "agent", world.bot.id, "api_key", scopes=frozenset({"files.read"}))
    assert issued.secret.startswith("ack_") and issued.secret not in repr(issued)
    assert world.introspect(issued.secret)["scope"] == "files.read"
    bearer = {"Authorization": f"Bearer {issued.secret}"}
    assert world.web.post("/saml/ecp", headers=bearer, data=b"").status_code == 403, "no scope sign-on"
    world.act(scopes.withdraw, "files.read", world.bot.id)
    assert world.introspect(issued.secret)["scope"] == ""
    world.suspend(world.bot.id)
    assert world.introspect(issued.secret) == {"active": False}


def test_an_api_key_that_replaces_another_is_confirmed_by_its_use(world, clock):
    """Issue 6: the use of an API key is noted to the minute, also where another service asks about it."""
    world.grant(world.bot.id, "files.read")
    old = world.act(credentials.issue, "agent", world.bot.id, "api_key", scopes=frozenset({"files.read"}))
    new = world.act(rotation.rotate, world.bot.id, kind="api_key", overlap=timedelta(days=7))
    assert world.introspect(old.secret)["scope"] == world.introspect(new.secret)["scope"] == "files.read"
    assert "credential:confirmed" in world.actions()
    clock.move(hours=1, seconds=1)
    assert world.introspect(old.secret) == {"active": False} and world.introspect(new.secret)["active"]
    with world.parts.domain.view() as unit:
        used = {one.id: one.last_used for one in credentials.listing(unit, world.bot.id) if one.kind == "api_key"}
    assert used == {old.id: "2027-03-01T12:00:00.000Z", new.id: "2027-03-01T13:00:01.000Z"}


@pytest.mark.parametrize(("kind", "days"), [("client_secret", 365), ("api_key", 90)])
def test_each_kind_has_a_longest_life(world, clock, kind, days):
    """Issue 6: a policy for the longest life of each kind."""
    id = world.act(credentials.issue, "agent", world.helper.id, kind, scopes=frozenset()).id
    with pytest.raises(Invalid, match=f"within {days} days"):
        world.act(credentials.issue, "agent", world.helper.id, kind, not_after="2029-01-01T00:00:00.000Z")
    with world.parts.domain.view() as unit:
        held = {one.id: one for one in credentials.listing(unit, world.helper.id)}
    assert (held[id].not_after or "") > "2027-05"
    clock.move(days=days, seconds=1)
    with world.parts.domain.view() as unit:
        assert credentials.status(held[id], unit.tx.now) == "expired"


def test_the_schedule_rotates_tells_and_confirms(world, clock):
    """Issue 6: a successor is made in time, fetched once with the old secret, confirmed by its use, and the owners are told."""
    clock.move(days=352)
    assert rotation.schedule(world.parts.domain) == 3, "bot, helper and third, whose secrets end within two weeks"
    assert rotation.schedule(world.parts.domain) == 0
    manager = Manager(world, world.token(world.bot), world.bot.id)
    waiting = next(one for one in manager.get().get_json() if one.get("secretWaits"))
    assert waiting["origin"] == "scheduled" and waiting["replaces"]
    other = Manager(world, world.token(world.helper), world.bot.id)
    assert other.post(f"/credentials/{waiting['id']}/secret").status_code == 403
    new = manager.post(f"/credentials/{waiting['id']}/secret").get_json()["secret"]
    assert manager.post(f"/credentials/{waiting['id']}/secret").status_code == 404, "shown once"
    assert lets_in(world, new)
    clock.move(days=11, hours=1)
    rotation.schedule(world.parts.domain)
    rotation.schedule(world.parts.domain)
    done = world.actions()
    assert {"credential:due", "credential:fetched", "credential:confirmed"} <= set(done)
    assert done.count("credential:at-risk") == 2, "of helper and third, once each; bot uses the new one"
    assert lets_in(world, new) and not lets_in(world, world.bot.secret)


def test_scim_shows_them_without_their_secrets(world):
    """RFC 7643 section 7 (readOnly): status, dates, thumbprint, last use; never more."""
    urn = "urn:agentidp:params:scim:schemas:extension:governance:1.0:Agent"
    world.token(world.bot)
    shown = world.scim.get(f"/Agents/{world.bot.id}").get_json()[urn]["credentials"]
    assert {one["type"] for one in shown} == {"public_key", "client_secret"}
    used = next(one for one in shown if one["type"] == "client_secret")
    assert set(used) == {"value", "type", "status", "notBefore", "notAfter", "lastUsed"}


@pytest.fixture
def domain(world, tmp_path, clock):
    """The same database with keys of its own, a CA among them."""
    ring = KeyRing(tmp_path / "own-keys", clock=clock)
    ring.make("ca")
    return Domain(world.parts.domain.database, ring)


def certify(domain, world, key, tamper=None):
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    if tamper is not None:
        der = bytearray(base64.b64decode(b"".join(pem.splitlines()[1:-1])))
        der[tamper] ^= 1
        pem = (
            b"-----BEGIN CERTIFICATE REQUEST-----\n"
            + base64.encodebytes(bytes(der))
            + b"-----END CERTIFICATE REQUEST-----\n"
        )
    with domain.change(SYSTEM) as unit:
        return ca.issue(unit, domain.keys, world.bot.id, pem, trust_domain="example.org", life=timedelta(hours=24))


def test_the_ca_issues_for_a_sound_csr_only(domain, world, clock):
    """SPIFFE X509-SVID section 4 and RFC 2986: names and dates are ours; weak keys and forged requests are refused."""
    pem = certify(domain, world, ec.generate_private_key(ec.SECP256R1()))
    leaf, authority = x509.load_pem_x509_certificates(pem.encode())
    leaf.verify_directly_issued_by(authority)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [f"spiffe://example.org/agent/{world.bot.id}"]
    assert (leaf.not_valid_after_utc - clock()).total_seconds() == 24 * 3600
    with pytest.raises(Invalid, match="2048"):
        certify(domain, world, rsa.generate_private_key(public_exponent=65537, key_size=1024))
    for byte in (-1, 24):  # in the signature, and in the name of the key's algorithm
        with pytest.raises(Invalid, match="csr"):
            certify(domain, world, ec.generate_private_key(ec.SECP256R1()), tamper=byte)
    with world.parts.domain.view() as unit:
        assert [one.origin for one in credentials.listing(unit, world.bot.id) if one.kind == "certificate"] == ["ca"]


def test_the_deployment_says_how_long_credentials_may_live(world, clock):
    """Issue 6, policy for the longest life per kind: what is made later ends sooner; asking for more is refused by name."""
    domain = Domain(world.parts.domain.database, world.parts.domain.keys, longest_days={**LONGEST_DAYS, "api_key": 30})
    with domain.change(SYSTEM) as unit:
        made = credentials.issue(unit, "agent", world.bot.id, "api_key", scopes=frozenset({"sign-on"}))
        ends = next(one.not_after for one in credentials.listing(unit, world.bot.id) if one.id == made.id)
        assert ends == to_text(clock() + timedelta(days=30))
        with pytest.raises(Invalid, match="ends within 30 days"):
            credentials.issue(unit, "agent", world.bot.id, "api_key", not_after=to_text(clock() + timedelta(days=31)))


def test_revoked_tokens_are_forgotten_once_they_have_expired(world, clock):
    token = world.token(world.bot)
    world.web.post("/oauth/revoke", data={"token": token}, auth=world.bot.auth)
    assert world.introspect(token) == {"active": False}
    clock.move(hours=2)
    rotation.schedule(world.parts.domain)
    assert world.introspect(token) == {"active": False}
    with world.parts.domain.view() as unit:
        assert unit.tx.run("SELECT count(*) FROM revoked_token", ()).fetchone()[0] == 0
