"""The commands about resources, scopes, delegations, issuers, and what agents prove themselves with."""

import json

import pytest
from click.testing import CliRunner
from joserfc import jwk

from connector.cli.main import main
from connector.domain import agents, clients, groups, people
from connector.domain.schema import GOVERNANCE
from connector.domain.unit import SYSTEM
from connector.parts import assemble
from connector.settings import Settings
from tests.servers.pki import self_signed


@pytest.fixture
def run(tmp_path, keys_dir, monkeypatch):
    """Runs a command on a fresh deployment with the agent `bot` of the person `ada`; its output, parsed where it is JSON."""
    settings = Settings(data_dir=tmp_path, keys_dir=keys_dir)
    made = assemble(settings)
    made.domain.database.upgrade()
    with made.domain.change(SYSTEM) as unit:
        ada = people.add(unit, {"userName": "ada", "active": True}, None)
        agents.register(unit, {"agentUserName": "bot", "owners": [{"value": ada.id}], GOVERNANCE: {}}, None)
        agents.register(unit, {"agentUserName": "helper", "owners": [{"value": ada.id}], GOVERNANCE: {}}, None)
    made.domain.database.close()
    monkeypatch.setenv("CONNECTOR_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("CONNECTOR_KEYS_DIR", str(keys_dir))

    def call(command, *, status=0, **files):
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
        words = [str(tmp_path / word[1:]) if word.startswith("@") else word for word in command.split()]
        done = CliRunner().invoke(main, words)
        assert done.exit_code == status, done.output
        return json.loads(done.output) if "--json" in words and status == 0 else done.output

    return call


def test_redirect_uris_of_an_agent(run):
    run("agent redirect-uri add bot https://bot.example/callback")
    assert run("agent redirect-uri list bot --json") == ["https://bot.example/callback"]
    assert "has the redirect URI" in run("agent redirect-uri add bot https://bot.example/callback", status=1)
    assert "uri must be https://host/path" in run("agent redirect-uri add bot http://bot.example/callback", status=1)
    assert "bot must push" in run("agent pushed-requests bot --needed")
    assert "bot need not push" in run("agent pushed-requests bot --not-needed")
    run("agent redirect-uri remove bot https://bot.example/callback")
    assert "has no redirect URI" in run("agent redirect-uri remove bot https://bot.example/callback", status=1)


def test_from_a_resource_to_a_delegation(run):
    run("resource add https://files.example --name Files")
    run("scope add files.read --resource https://files.example --seconds 120")
    run("scope grant files.read bot --expires 30")
    run("scope grant files.read ada")
    assert run("resource list --json") == [{"uri": "https://files.example", "name": "Files"}]
    (scope,) = run("scope list --json")
    assert (scope["seconds"], len(scope["grants"])) == (120, 2)
    assert "bot" in run("scope list")
    made = run("delegation add ada bot --scope files.read --expires 2099-01-01 --json", status=1)
    assert "a year at most" in made
    made = run("delegation add ada bot --scope files.read --expires 30 --json")["delegation"]
    run(f"delegation revoke {made}")
    assert run("delegation list --json")[0]["revoked"]
    assert "no standing delegation" in run(f"delegation revoke {made}", status=1)
    run("scope withdraw files.read bot")
    assert "was not granted" in run("scope withdraw files.read bot", status=1)
    run("scope remove files.read")
    run("resource remove https://files.example")
    assert run("resource list --json") == []
    assert "days or a date" in run("scope grant files.read bot --expires soon", status=2)
    assert "no agent, person or group" in run("scope grant files.read nobody", status=1)


def test_issuers_that_vouch_for_people(run):
    keys = json.dumps({"keys": [jwk.generate_key("EC", "P-256").as_dict(private=False)]}).encode()
    run("issuer add https://idp.example --audience connector --jwks-file @keys.json", **{"keys.json": keys})
    (found,) = run("issuer list --json")
    assert (found["issuer"], found["claim"]) == ("https://idp.example", "preferred_username")
    run("issuer remove https://idp.example")
    assert "does not vouch" in run("issuer remove https://idp.example", status=1)


def test_what_an_agent_proves_itself_with(run):
    first = run("agent secret bot --json")["client_secret"]
    second = run("agent rotate bot --overlap 1 --json")
    assert second["secret"].startswith("acs_") and second["secret"] != first
    assert run("agent api-key bot --scope sign-on --expires 5 --json")["secret"].startswith("ack_")
    assert "not granted" in run("agent api-key bot --scope files.read", status=2)
    pem = self_signed("bot").certificate_pem
    run("agent certificate bot --pem @bot.pem", **{"bot.pem": pem})
    run("agent tls-name bot san_uri:spiffe://example.org/bot")
    assert "subject_dn" in run("agent tls-name bot bot", status=1)
    key = jwk.generate_key("EC", "P-256").as_dict(private=False)
    keys = json.dumps({"keys": [key]}).encode()
    trust = "agent trust {} --issuer https://k8s --subject s --audience a --jwks-file @k.json --reusable --json"
    made = run(trust.format("bot"), **{"k.json": keys})["trust"]
    assert "trusted for the subject" in run(trust.format("helper"), status=1)
    listed = run("agent credentials bot --json")
    kinds = sorted(one["kind"] for one in listed)
    assert kinds == ["api_key", "certificate", "client_secret", "client_secret", "tls_name", "trust"]
    assert first not in str(listed) and second["secret"] not in str(listed)
    run(f"agent revoke bot {made}")
    assert "no live credential" in run(f"agent revoke bot {made}", status=1)
    run("agent leaked bot --why test")
    assert {one["status"] for one in run("agent credentials bot --json")} == {"revoked"}


def test_our_keys_and_our_ca(run, tmp_path, monkeypatch):
    monkeypatch.setenv("CONNECTOR_KEYS_DIR", str(tmp_path / "own"))
    assert "no CA" in run("ca show", status=1)
    certificate = run("ca init")
    assert certificate.startswith("-----BEGIN CERTIFICATE") and run("ca show") == certificate
    assert "already" in run("ca init", status=1)
    before = [one["id"] for one in run("keys list --json") if one["purpose"] == "oauth"]
    assert "will sign in 10 minutes" in run("keys rotate")
    assert "will sign in 14 days" in run("keys rotate saml")
    assert len([one for one in run("keys list --json") if one["purpose"] == "oauth"]) == 2
    assert "no key" in run(f"keys retire {before[0]}", status=1)


def test_an_inbound_client_with_what_it_may_do(run, tmp_path, keys_dir):
    made = run("client create idp --scope scim --dialect wahl --park-members --token-minutes 60 --json")
    (shown,) = run("client list --json")
    assert (shown["id"], shown["dialect"]) == (made["client_id"], "wahl")
    assert (shown["park_members"], shown["token_minutes"]) == (True, 60)
    assert "361" in run("client create other --scope scim --token-minutes 361", status=2)
    keys = json.dumps({"keys": [jwk.generate_key("EC", "P-256", {"kid": "k"}).as_dict(private=False)]}).encode()
    trusted = (
        "client trust idp --issuer https://sts.example/ --subject s --audience a --jwks-file @keys.json --direct --json"
    )
    trust = run(trusted, **{"keys.json": keys})["trust"]
    assert [one["about"] for one in run("client credentials idp --json") if one["id"] == trust] == [
        "https://sts.example/ s direct"
    ]

    assert run("client parked idp --json") == []
    parts = assemble(Settings(data_dir=tmp_path, keys_dir=keys_dir))
    with parts.domain.view() as unit:
        idp = clients.caller_of(unit, made["client_id"])
    with parts.domain.change(idp) as unit:
        group = groups.add(unit, {"displayName": "crew"}, None, ["00u1"]).id
    parts.domain.database.close()
    (waiting,) = run("client parked idp --json")
    assert (waiting["value"], waiting["group"], waiting["group_id"]) == ("00u1", "crew", group)
    assert "00u1" in run("client parked idp")
    assert "no client named" in run("client parked nobody", status=1)
