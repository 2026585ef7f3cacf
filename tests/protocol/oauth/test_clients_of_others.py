"""Authlib's client side against our endpoints, over a real socket: secrets, private keys, introspection, revocation."""

import threading

import pytest
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jwk
from werkzeug.serving import make_server

from connector.app import create_app
from connector.domain import credentials
from connector.parts import assemble
from connector.settings import Settings
from tests.servers.process import free_port


@pytest.fixture
def url(world):
    """The application on a port of 127.0.0.1, which is its base_url."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = Settings(**{**world.parts.settings.model_dump(), "base_url": url})
    server = make_server("127.0.0.1", port, create_app(assemble(settings, clock=world.clock)), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield url
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib_authenticates_by_a_secret(world, url, method):
    """RFC 6749 section 2.3.1, as Authlib does it; introspection RFC 7662, revocation RFC 7009."""
    session = OAuth2Session(*world.bot.auth, token_endpoint_auth_method=method)
    token = session.fetch_token(f"{url}/oauth/token", grant_type="client_credentials")
    assert (token["token_type"], token["scope"]) == ("Bearer", "sign-on")
    told = session.introspect_token(f"{url}/oauth/introspect", token=token["access_token"])
    assert told.json()["active"] is True
    assert session.revoke_token(f"{url}/oauth/revoke", token=token["access_token"]).status_code == 200
    told = session.introspect_token(f"{url}/oauth/introspect", token=token["access_token"])
    assert told.json() == {"active": False}


def test_authlib_authenticates_by_a_private_key(world, url, clock):
    """RFC 7523 section 2.2, as Authlib does it: the token endpoint as audience."""
    now = int(clock().timestamp())
    claims = {"iat": now, "exp": now + 60}
    key = jwk.generate_key("RSA", 2048)  # the one kind that Authlib signs assertions with
    world.act(credentials.register_key, "agent", world.bot.id, key.as_dict(private=False))
    method = PrivateKeyJWT(f"{url}/oauth/token", claims=claims, alg="RS256")
    pem = key.as_pem(private=True).decode()
    session = OAuth2Session(world.bot.id, pem, token_endpoint_auth_method="private_key_jwt")
    session.register_client_auth_method(method)
    token = session.fetch_token(f"{url}/oauth/token", grant_type="client_credentials")
    assert token["scope"] == "sign-on"
