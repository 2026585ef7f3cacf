"""nginx ends TLS in front of a real connector and hands client certificates on: agents by connector.client (RFC 8705, RFC 9440)."""

import base64
import itertools
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from connector.client import AgentClient, Certificate, DPoPKey, PrivateKey, Secret, TokenRefused
from tests.acceptance.road import Connector
from tests.integration import hok_app
from tests.servers.availability import require
from tests.servers.nginx import Nginx
from tests.servers.pki import self_signed
from tests.servers.system_packages import program

_numbers = itertools.count(1)
pytestmark = pytest.mark.xdist_group("nginx")


@pytest.fixture(scope="module")
def grounds(tmp_path_factory, pki):
    """A connector behind nginx, and an owner."""
    require("nginx")
    connector = Connector(tmp_path_factory.mktemp("connector"))
    nginx = Nginx(connector.port, pki)
    connector.secrets = {
        "CONNECTOR_BASE_URL": nginx.url,
        "CONNECTOR_TRUSTED_PROXIES": "127.0.0.1",
        "CONNECTOR_CLIENT_CA_FILE": str(pki.ca_file),
    }
    connector.process = connector._process("connector", "serve")
    nginx.start()
    connector.start()
    yield connector, nginx, connector.add_person("ada")
    nginx.stop()
    connector.stop()


@pytest.fixture
def site(grounds, pki, tmp_path):
    """The same with an agent of the test's own."""
    connector, nginx, owner = grounds
    return Site(connector, nginx, connector.add_agent(f"bot-{next(_numbers)}", owner), pki, tmp_path)


class Site:
    def __init__(self, connector, nginx, agent, pki, folder):
        self.connector, self.nginx, self.agent, self.folder = connector, nginx, agent, folder
        self.ca = str(pki.ca_file)
        self.pki = pki

    def client(self, credential, **options):
        return AgentClient(self.nginx.url, credential, verify=self.ca, **options)

    def with_certificate(self, keys, name):
        certificate, key = keys.write(self.folder, name)
        return Certificate(self.agent.id, str(certificate), str(key))

    def me(self, session):
        return session.get(f"{self.nginx.url}/scim/v2/Me")


def test_a_self_signed_certificate_gets_a_token_that_is_bound_to_it(site):
    """RFC 8705 sections 2.2, 3 and 3.1: the registered certificate, cnf x5t#S256, and the token opens nothing without it."""
    keys = self_signed("mtls-bot")
    credential = site.with_certificate(keys, "own")
    site.connector.run("agent", "certificate", site.agent.name, "--pem", credential.certificate)
    client = site.client(credential)
    token = client.token()
    told = site.connector.introspect(token.text)
    assert told["active"] and list(told["cnf"]) == ["x5t#S256"]

    session = client.session()
    assert site.me(session).status_code == 401, "without the certificate"
    session.cert = credential.certificate, credential.key
    assert site.me(session).json()["id"] == site.agent.id
    stranger = site.with_certificate(self_signed("stranger"), "stranger")
    session = client.session()
    session.cert = stranger.certificate, stranger.key
    assert site.me(session).status_code == 401, "with another's certificate"
    with pytest.raises(TokenRefused, match="invalid_client"):
        site.client(stranger).token()


def test_a_name_in_a_certificate_of_a_trusted_ca_stands_for_the_agent(site):
    """RFC 8705 section 2.1: PKI method, by the registered subject; another name of the same CA is refused."""
    named = site.with_certificate(site.pki.client("mtls-bot"), "named")
    with pytest.raises(TokenRefused, match="invalid_client"):
        site.client(named).token()
    site.connector.run("agent", "tls-name", site.agent.name, "subject_dn:CN=mtls-bot,O=Example")
    assert site.client(named).token().scopes == {"sign-on"}
    with pytest.raises(TokenRefused, match="invalid_client"):
        site.client(site.with_certificate(site.pki.client("other-bot"), "other")).token()
    forged = self_signed("mtls-bot", organization="Example")
    with pytest.raises(TokenRefused, match="invalid_client"):
        site.client(site.with_certificate(forged, "forged")).token()


def test_an_assertion_over_ecp_is_for_whoever_holds_the_key_that_nginx_has_seen(site):
    """SAML holder-of-key behind a proxy: the certificate is the one of the agent's connection to nginx, self-signed or not."""
    hok_app.register(site.connector)
    keys = self_signed("hok-bot")
    own = site.with_certificate(keys, "hok")
    other = site.with_certificate(self_signed("hok-bot"), "hok-other")
    site.connector.run("agent", "certificate", site.agent.name, "--pem", own.certificate)

    def ask(shown, **more):
        pair = (shown.certificate, shown.key) if shown else None
        return hok_app.ecp(site.nginx.url, site.agent, ca=site.ca, certificate=pair, **more)

    assert hok_app.confirmed(ask(own)) == (["holder-of-key"], keys.certificate_der, "TLSClient")
    hok_app.refused(ask(other))
    hok_app.refused(ask(None))


def test_a_header_that_the_proxy_did_not_set_is_not_believed(site, tmp_path):
    """RFC 9440 section 4: nginx replaces what a client sends; from an address that is no trusted proxy it is refused."""
    keys = self_signed("victim")
    site.connector.run("agent", "certificate", site.agent.name, "--pem", str(keys.write(tmp_path, "victim")[0]))
    header = {"Client-Cert": f":{base64.b64encode(keys.certificate_der).decode()}:"}
    form = {"grant_type": "client_credentials", "client_id": site.agent.id}
    through = requests.post(f"{site.nginx.url}/oauth/token", form, headers=header, verify=site.ca, timeout=10)
    assert (through.status_code, through.json()["error"]) == (401, "invalid_client")
    direct = requests.post(f"{site.connector.url}/oauth/token", form, headers=header, timeout=10)
    assert direct.status_code == 200, "127.0.0.1 is the trusted proxy here: whoever sits there is believed"


def test_the_client_does_every_method_dpop_and_renewal(site):
    """connector.client against the real server: secret, private key, DPoP with nonces at both ends, one token for many uses."""
    secret = site.connector.run("agent", "secret", site.agent.name)["client_secret"]
    assert site.client(Secret(site.agent.id, secret)).token().scheme == "Bearer"
    client = site.client(PrivateKey(site.agent.id, site.agent.key), dpop=DPoPKey())
    assert client.token() is client.token()
    session = client.session()
    assert [site.me(session).status_code for _ in range(3)] == [200, 200, 200]
    assert client.token().scheme == "DPoP"
    before = client.token()
    client.forget()
    assert client.token() is not before
    assert secret not in repr(Secret(site.agent.id, secret))


def test_a_certificate_of_our_own_ca_is_renewed_by_the_agents_token_and_revoked_at_once(site):
    """Issue 6, mutual TLS between agents: CSR in, short-lived certificate with a SPIFFE id out; OpenSSL finds it in order."""
    ca_file = site.folder / "agents-ca.pem"
    done = site.connector.call("ca", "init")
    ca_file.write_text(done.stdout)
    assert done.returncode == 0 and site.connector.call("ca", "init").returncode == 1
    key, csr, chain = (site.folder / name for name in ("ca-key.pem", "agent.csr", "ca-chain.pem"))
    new_key = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(key)]
    subprocess.run(new_key, check=True, capture_output=True)
    request = ["openssl", "req", "-new", "-key", str(key), "-subj", "/CN=somebody-else", "-out", str(csr)]
    subprocess.run(request, check=True, capture_output=True)
    session = site.client(PrivateKey(site.agent.id, site.agent.key)).session()
    place = f"{site.nginx.url}/oauth/agents/{site.agent.id}/certificate"
    answer = session.post(place, data=csr.read_bytes())
    assert answer.status_code == 201, answer.text
    chain.write_text(answer.text)
    verify = ["openssl", "verify", "-purpose", "sslclient", "-CAfile", str(ca_file), str(chain)]
    assert subprocess.run(verify, check=False, capture_output=True).returncode == 0
    shown = subprocess.run(
        ["openssl", "x509", "-in", str(chain), "-noout", "-text"], check=True, capture_output=True
    ).stdout
    assert f"URI:spiffe://127.0.0.1/agent/{site.agent.id}".encode() in shown and b"somebody-else" not in shown

    client = site.client(Certificate(site.agent.id, str(chain), str(key)))
    session = client.session()
    session.cert = str(chain), str(key)
    assert site.me(session).status_code == 200
    renewed = session.post(place, data=csr.read_bytes())
    assert renewed.status_code == 201 and renewed.text != answer.text
    site.connector.call("agent", "leaked", site.agent.name, "--why", "a test")
    assert site.me(session).status_code == 401
    client.forget()
    with pytest.raises(TokenRefused, match="invalid_client"):
        client.token()


def test_node_gets_a_token_with_nothing_but_its_own_crypto(site, tmp_path):
    """A second implementation: Node's fetch and crypto make the assertion and the DPoP proofs."""
    require("scimmy")  # which brings Node
    node = program("node")
    key = tmp_path / "node.pem"
    new_key = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(key)]
    subprocess.run(new_key, check=True, capture_output=True)
    public = subprocess.run([str(node), "-e", _PUBLIC, str(key)], check=True, capture_output=True).stdout
    (tmp_path / "node.jwk").write_bytes(public)
    site.connector.run("agent", "key", site.agent.name, "--jwk", str(tmp_path / "node.jwk"))
    script = Path(__file__).with_name("agent.mjs")
    environment = {"NODE_EXTRA_CA_CERTS": site.ca, "PATH": str(Path(sys.executable).parent)}
    command = [str(node), str(script), site.nginx.url, site.agent.id, str(key)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["DPoP", "200", site.agent.id]


_PUBLIC = (
    "const c=require('crypto'),f=require('fs');"
    "console.log(JSON.stringify(c.createPublicKey(f.readFileSync(process.argv[1])).export({format:'jwk'})))"
)
