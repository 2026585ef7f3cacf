"""The agents' own ECP client, with an Authorization header as tests have it."""

import requests

from connector.client import saml
from connector.client.saml import ask, deliver

__all__ = ["ask", "deliver", "present", "sign_in"]


def _idp(authorization: str) -> requests.Session:
    session = requests.Session()
    session.headers["Authorization"] = authorization
    return session


def sign_in(browser: requests.Session, url: str, idp_url: str, authorization: str) -> requests.Response:
    return saml.sign_in(browser, url, _idp(authorization), idp_url)


def present(wanted: saml.Wanted, idp_url: str, authorization: str) -> bytes:
    return saml.present(_idp(authorization), idp_url, wanted)
