"""TLS without a proxy: `connector serve` with a certificate, and gunicorn, which tells us the certificates of clients (RFC 8705)."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from connector.client import AgentClient, Certificate, PrivateKey, TokenRefused
from tests.acceptance.road import Agent, Connector
from tests.integration import hok_app
from tests.servers.pki import Pki, self_signed
from tests.servers.process import HOST, ServerProcess, accepts_connections, free_port


@pytest.fixture
def connector(tmp_path: Path, pki: Pki) -> Iterator[Connector]:
    """Serves HTTPS itself; `url` says so."""
    made = Connector(tmp_path)
    made.secrets = {
        "CONNECTOR_TLS_CERTIFICATE": str(pki.server_certificate_file),
        "CONNECTOR_TLS_KEY": str(pki.server_key_file),
        "CONNECTOR_CLIENT_CA_FILE": str(pki.ca_file),
    }
    made.url = f"https://{HOST}:{made.port}"
    made.http.verify = str(pki.ca_file)
    made.process = made._process("connector", "serve")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def agent(connector: Connector) -> Agent:
    return connector.add_agent("bot", connector.add_person("ada"))


@pytest.fixture
def gunicorn(connector: Connector, pki: Pki, tmp_path: Path) -> Iterator[str]:
    """The same deployment behind gunicorn; its address."""
    port = free_port()
    program = str(Path(sys.executable).with_name("gunicorn"))
    tls = ["--certfile", str(pki.server_certificate_file), "--keyfile", str(pki.server_key_file)]
    tls += ["--ca-certs", str(pki.ca_file), "--cert-reqs", "1"]
    process = ServerProcess(
        "gunicorn",
        [program, "connector.wsgi:create()", "--worker-class", "gthread", "--bind", f"{HOST}:{port}", *tls],
        log=tmp_path / "gunicorn.log",
        ready=lambda: accepts_connections(port),
        env={**connector.environment, "CONNECTOR_BASE_URL": f"https://{HOST}:{port}"},
    )
    process.start()
    yield f"https://{HOST}:{port}"
    process.stop()


def test_serve_speaks_https_where_it_has_a_certificate(connector: Connector, agent: Agent, pki: Pki) -> None:
    client = AgentClient(connector.url, PrivateKey(agent.id, agent.key), verify=str(pki.ca_file))

    assert client.session().get(f"{connector.url}/scim/v2/Me").json()["id"] == agent.id
    told = connector.http.get(f"{connector.url}/.well-known/oauth-authorization-server").json()
    assert told["token_endpoint"] == f"{connector.url}/oauth/token"
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://{HOST}:{connector.port}/healthz", timeout=5)


def test_a_certificate_shown_in_tls_gets_a_token_that_is_bound_to_it(
    connector: Connector, agent: Agent, gunicorn: str, pki: Pki, tmp_path: Path
) -> None:
    """RFC 8705 sections 2.1 and 3: by a registered name; without the certificate, or with another, the token opens nothing."""
    connector.run("agent", "tls-name", agent.name, "subject_dn:CN=bot,O=Example")
    certificate, key = (str(one) for one in pki.client("bot").write(tmp_path, "bot"))
    client = AgentClient(gunicorn, Certificate(agent.id, certificate, key), verify=str(pki.ca_file))

    session = client.session()
    session.cert = certificate, key
    assert session.get(f"{gunicorn}/scim/v2/Me").json()["id"] == agent.id

    session.cert = None
    session.close()
    assert session.get(f"{gunicorn}/scim/v2/Me").status_code == 401
    other = tuple(str(one) for one in pki.client("other").write(tmp_path, "other"))
    session.cert = other
    session.close()
    assert session.get(f"{gunicorn}/scim/v2/Me").status_code == 401
    with pytest.raises(TokenRefused, match="invalid_client"):
        AgentClient(gunicorn, Certificate(agent.id, *other), verify=str(pki.ca_file)).token()


def test_an_assertion_over_ecp_is_for_whoever_holds_the_key_that_was_shown_in_tls(
    connector: Connector, agent: Agent, gunicorn: str, pki: Pki, tmp_path: Path
) -> None:
    """SAML holder-of-key: the certificate of this very connection is in it, and without one there is no assertion."""
    hok_app.register(connector)
    connector.run("agent", "tls-name", agent.name, "subject_dn:CN=bot,O=Example")
    keys, ca = pki.client("bot"), str(pki.ca_file)
    own, other = (tuple(map(str, one.write(tmp_path, name))) for one, name in ((keys, "own"), (pki.client("x"), "x")))

    shown = hok_app.confirmed(hok_app.ecp(gunicorn, agent, ca=ca, certificate=own))

    assert shown == (["holder-of-key"], keys.certificate_der, "TLSClient")
    hok_app.refused(hok_app.ecp(gunicorn, agent, ca=ca, certificate=other))
    hok_app.refused(hok_app.ecp(gunicorn, agent, ca=ca, certificate=None))
    plain = AgentClient(gunicorn, PrivateKey(agent.id, agent.key), verify=ca).token().text
    hok_app.refused(hok_app.ecp(gunicorn, agent, ca=ca, certificate=own, token=plain))
    bound = AgentClient(gunicorn, Certificate(agent.id, *own), verify=ca).token().text
    answer = hok_app.ecp(gunicorn, agent, ca=ca, certificate=own, token=bound)
    assert hok_app.confirmed(answer)[:2] == (["holder-of-key"], keys.certificate_der)
    hok_app.refused(hok_app.ecp(gunicorn, agent, ca=ca, certificate=other, token=bound))


def test_a_header_is_not_believed_where_tls_ends_here(
    connector: Connector, agent: Agent, gunicorn: str, pki: Pki
) -> None:
    """RFC 9440 section 4: no proxy is trusted here, so nobody may speak of certificates but TLS itself."""
    forged = {"Client-Cert": ":" + "QUJD" + ":"}
    form = {"grant_type": "client_credentials", "client_id": agent.id}
    answer = requests.post(f"{gunicorn}/oauth/token", form, headers=forged, verify=str(pki.ca_file), timeout=10)

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_tls_settings_that_do_not_fit_are_refused_by_name(tmp_path: Path, pki: Pki) -> None:
    made = Connector(tmp_path)
    made.secrets = {"CONNECTOR_TLS_CERTIFICATE": str(pki.server_certificate_file), "CONNECTOR_TLS_KEY": "/none.pem"}
    assert "CONNECTOR_TLS_KEY: must be a file that can be read" in made.call("serve").stderr
    made.secrets = {"CONNECTOR_TLS_CERTIFICATE": str(pki.server_certificate_file)}
    assert "tls_certificate and tls_key must be given together" in made.call("serve").stderr


def test_a_self_signed_certificate_does_not_come_through_gunicorn(gunicorn: str, pki: Pki, tmp_path: Path) -> None:
    own = tuple(str(one) for one in self_signed("bot").write(tmp_path, "self"))
    with pytest.raises(requests.RequestException):
        requests.get(f"{gunicorn}/healthz", cert=own, verify=str(pki.ca_file), timeout=10)
