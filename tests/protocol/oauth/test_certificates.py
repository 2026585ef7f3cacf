"""Client certificates (RFC 8705) and where they come from: the TLS layer, or a trusted proxy (RFC 9440)."""

import base64
import ssl
import threading
from datetime import timedelta
from urllib.parse import quote

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from werkzeug.serving import make_server

from connector.domain import credentials, rotation
from connector.edges.oauth.certificates import Certificates
from tests.servers.pki import self_signed
from tests.servers.process import free_port

ELSEWHERE = {"REMOTE_ADDR": "198.51.100.7"}


@pytest.fixture
def keys(world, clock):
    """A certificate of bot, registered; the clock stands within its dates."""
    made = self_signed("bot")
    clock.now = made.certificate.not_valid_before_utc + timedelta(days=2)
    world.act(credentials.register_certificate, "agent", world.bot.id, made.certificate_pem)
    return made


@pytest.fixture
def web(world, keys):
    return world.other(trusted_proxies="127.0.0.1, 10.0.0.0/8")


def rfc9440(keys):
    return f":{base64.b64encode(keys.certificate_der).decode()}:"


def ask(web, world, *, header=None, environ=None, agent=None, **form):
    body = {"grant_type": "client_credentials", "client_id": (agent or world.bot).id, **form}
    headers = {"Client-Cert": header} if header else {}
    return web.post("/oauth/token", data=body, headers=headers, environ_base=environ or {})


def refused(answer):
    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_client")


def test_a_registered_certificate_authenticates_and_binds(web, world, keys):
    """RFC 8705 sections 2.2 and 3.1, RFC 9440 section 2.1."""
    answer = ask(web, world, header=rfc9440(keys))
    token = answer.get_json()["access_token"]
    thumbprint = credentials.thumbprint(keys.certificate)
    assert world.claims(token)["cnf"] == world.introspect(token)["cnf"] == {"x5t#S256": thumbprint}
    bearer = {"Authorization": f"Bearer {token}"}
    assert web.get("/scim/v2/Me", headers=bearer).status_code == 401
    assert web.get("/scim/v2/Me", headers={**bearer, "Client-Cert": rfc9440(self_signed("x"))}).status_code == 401
    assert web.get("/scim/v2/Me", headers={**bearer, "Client-Cert": rfc9440(keys)}).status_code == 200


def test_nginx_may_send_percent_encoded_pem(web, world, keys):
    """nginx knows no RFC 9440 form: its $ssl_client_escaped_cert is taken as well."""
    assert ask(web, world, header=quote(keys.certificate_pem.decode())).status_code == 200


def test_a_header_from_elsewhere_is_forged(web, world, keys):
    """RFC 9440 section 4: only the trusted proxy may set it; without the setting nobody may."""
    refused(ask(web, world, header=rfc9440(keys), environ=ELSEWHERE))
    refused(ask(world.web, world, header=rfc9440(keys)))
    token = ask(web, world, header=rfc9440(keys)).get_json()["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Client-Cert": rfc9440(keys)}
    assert web.get("/scim/v2/Me", headers=headers, environ_base=ELSEWHERE).status_code == 401


def test_a_header_beside_a_right_secret_is_refused_too(web, world, keys):
    """RFC 9440 section 4: a forged certificate must not bind a token either."""
    headers = {"Client-Cert": rfc9440(keys)}
    form = {"grant_type": "client_credentials"}
    answer = web.post("/oauth/token", data=form, auth=world.bot.auth, headers=headers, environ_base=ELSEWHERE)
    refused(answer)


def test_a_header_that_is_no_certificate_is_refused(web, world, subtests):
    """RFC 9440 section 2.1: an sf-binary of DER."""
    for header in ["x", "::", ":bm8gY2VydA==:", "-----BEGIN%20nonsense", ":" + "A" * 20000 + ":"]:
        with subtests.test(str(header)):
            refused(ask(web, world, header=header))


def test_the_certificate_of_another_agent_is_refused(web, world, keys):
    """RFC 8705 section 2: the certificate belongs to the client_id that is given."""
    refused(ask(web, world, header=rfc9440(keys), agent=world.helper))
    refused(ask(web, world, header=rfc9440(keys), client_id="agt-nobody"))


def test_a_certificate_that_has_ended_or_was_revoked_is_refused(web, world, keys, clock):
    """RFC 8705 section 7.2: dates count, also of self-signed ones."""
    with world.parts.domain.view() as unit:
        id = next(one.id for one in credentials.listing(unit, world.bot.id) if one.kind == "certificate")
    world.act(rotation.revoke, world.bot.id, id)
    refused(ask(web, world, header=rfc9440(keys)))
    world.act(credentials.register_certificate, "agent", world.bot.id, keys.certificate_pem)
    assert ask(web, world, header=rfc9440(keys)).status_code == 200
    clock.now = keys.certificate.not_valid_after_utc
    refused(ask(web, world, header=rfc9440(keys)))


def test_the_key_of_a_scim_certificate_serves_in_tls_too(web, world):
    """RFC 8705 section 2.2.2: the registered key, however its certificate was renewed."""
    made = self_signed("scim")
    value = base64.b64encode(made.certificate_der).decode()
    world.scim.patch("Agents", world.helper.id, {"op": "add", "path": "x509Certificates", "value": [{"value": value}]})
    assert ask(web, world, header=rfc9440(made), agent=world.helper).status_code == 200


@pytest.mark.parametrize(("days", "ends"), [(3650, "2029-02-28T12:00:00.000Z"), (-1, "2027-02-28T12:00:00.000Z")])
def test_a_scim_certificate_of_any_dates_is_kept_and_its_key_ends_in_time(world, clock, days, ends):
    """RFC 7643 section 4.1.2: the attribute takes any certificate; how long its key serves here is ours to limit."""
    clock.now = clock.now.replace(year=2027, month=3, day=1)
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "scim")])
    builder = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    )
    builder = builder.not_valid_before(clock() - timedelta(days=9)).not_valid_after(clock() + timedelta(days=days))
    value = base64.b64encode(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)).decode()
    change = {"op": "add", "path": "x509Certificates", "value": [{"value": value}]}
    assert world.scim.patch("Agents", world.third.id, change).status_code == 200
    with world.parts.domain.view() as unit:
        assert [one.not_after for one in credentials.listing(unit, world.third.id) if one.origin == "scim"] == [ends]


def test_certificates_of_a_trusted_ca_go_by_their_registered_name(world, pki, keys, clock):
    """RFC 8705 section 2.1.2: subject_dn; the chain must lead to a CA that we trust; names of strangers do not count."""
    web = world.other(trusted_proxies="127.0.0.1", client_ca_file=pki.ca_file)
    mine = pki.client("bot")
    refused(ask(web, world, header=rfc9440(mine)))
    world.act(credentials.register_tls_name, "agent", world.bot.id, "subject_dn:CN=bot,O=Example")
    assert ask(web, world, header=rfc9440(mine)).status_code == 200
    refused(ask(web, world, header=rfc9440(self_signed("bot", organization="Example"))))
    refused(ask(web, world, header=rfc9440(pki.client("helper"))))
    refused(ask(world.other(trusted_proxies="127.0.0.1"), world, header=rfc9440(mine)))
    clock.now = mine.certificate.not_valid_after_utc + timedelta(seconds=1)
    refused(ask(web, world, header=rfc9440(mine)))


def test_without_an_address_nobody_is_a_proxy(world):
    """A server on a Unix socket gives no address: nothing is believed."""
    read = Certificates((), lambda: [], world.clock)
    assert not read.is_proxy("") and not read.is_proxy("unix:")


def test_direct_tls_hands_the_certificate_over(world, pki, keys, tmp_path):
    """RFC 8705 section 2: a server that ends TLS itself gives the certificate in SSL_CLIENT_CERT, which no header can set."""
    port = free_port()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.server_certificate_file, pki.server_key_file)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=keys.certificate_pem.decode())
    server = make_server("127.0.0.1", port, world.app, ssl_context=context, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        certificate = tuple(str(file) for file in keys.write(tmp_path, "bot"))
        form = {"grant_type": "client_credentials", "client_id": world.bot.id}
        place = {"url": f"https://127.0.0.1:{port}/oauth/token", "verify": str(pki.ca_file), "timeout": 10}
        with_it = requests.post(data=form, cert=certificate, **place)
        without = requests.post(data=form, headers={"Ssl-Client-Cert": keys.certificate_pem.hex()}, **place)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert (with_it.status_code, without.status_code) == (200, 401)
    assert "x5t#S256" in world.claims(with_it.json()["access_token"])["cnf"]
