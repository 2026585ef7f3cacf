"""A real Keycloak as a broker: an agent signs in there with us as its identity provider, and gets tokens of Keycloak's."""

import base64
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
import requests
from lxml import etree, html

from tests.saml_world import World, make_world, served
from tests.servers.keycloak import Keycloak
from tests.servers.process import free_port

pytestmark = [pytest.mark.xdist_group("keycloak"), pytest.mark.timeout(600)]

CALLBACK = "http://127.0.0.1:9/callback"  # nobody listens: the code is read from the address


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    port = free_port()
    made = make_world(tmp_path, base_url=f"http://127.0.0.1:{port}")
    with served(made.app, port):
        yield made


@pytest.fixture
def broker(keycloak: Keycloak, world: World) -> Iterator[str]:
    """The alias under which Keycloak knows us. Whoever comes for the first time gets an account, without being asked."""
    alias, flow = "agents", f"agents come in {uuid.uuid4().hex}"
    metadata = etree.fromstring(requests.get(f"{world.base_url}/saml/metadata", timeout=10).content)
    keycloak.admin("POST", "/authentication/flows", {"alias": flow, "providerId": "basic-flow", "topLevel": True})
    execution = {"provider": "idp-create-user-if-unique"}
    keycloak.admin("POST", f"/authentication/flows/{flow}/executions/execution", execution)
    [step] = keycloak.admin("GET", f"/authentication/flows/{flow}/executions").json()
    keycloak.admin("PUT", f"/authentication/flows/{flow}/executions", {**step, "requirement": "REQUIRED"})
    required = keycloak.admin("GET", "/authentication/required-actions/VERIFY_PROFILE").json()
    keycloak.admin("PUT", "/authentication/required-actions/VERIFY_PROFILE", {**required, "enabled": False})
    keycloak.admin(
        "POST",
        "/identity-provider/instances",
        {
            "alias": alias,
            "providerId": "saml",
            "enabled": True,
            "trustEmail": True,
            "firstBrokerLoginFlowAlias": flow,
            "config": {
                "idpEntityId": metadata.get("entityID"),
                "entityId": f"{keycloak.url}/realms/{keycloak.realm}",
                "singleSignOnServiceUrl": f"{world.base_url}/saml/sso",
                "nameIDPolicyFormat": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
                "principalType": "SUBJECT",
                "postBindingAuthnRequest": "false",
                "postBindingResponse": "true",
                "wantAuthnRequestsSigned": "true",
                "wantAssertionsSigned": "true",
                "signatureAlgorithm": "RSA_SHA256",
                "validateSignature": "true",
                "signingCertificate": metadata.findtext(".//{*}X509Certificate"),
                "syncMode": "FORCE",
            },
        },
    )
    for name, kind, config in (
        ("username", "saml-username-idp-mapper", {"template": "${ATTRIBUTE.uid}"}),
        (
            "agentType",
            "saml-user-attribute-idp-mapper",
            {"attribute.name": "urn:agentidp:attributes:agentType", "user.attribute": "agentType"},
        ),
    ):
        mapper = {"name": name, "identityProviderAlias": alias, "identityProviderMapper": kind}
        config = {**config, "syncMode": "FORCE"}
        keycloak.admin("POST", f"/identity-provider/instances/{alias}/mappers", {**mapper, "config": config})
    client = {"clientId": "wiki", "publicClient": True, "redirectUris": [CALLBACK], "standardFlowEnabled": True}
    keycloak.admin("POST", "/clients", client)
    described = f"{keycloak.url}/realms/{keycloak.realm}/broker/{alias}/endpoint/descriptor"
    world.register("keycloak", requests.get(described, timeout=30).content)
    yield alias
    keycloak.admin("DELETE", f"/identity-provider/instances/{alias}")
    [found] = keycloak.admin("GET", "/clients?clientId=wiki").json()
    keycloak.admin("DELETE", f"/clients/{found['id']}")


class Browser:
    """What an agent walks Keycloak's pages with: keeps cookies, follows what leads on, proves itself at our address."""

    def __init__(self, world: World, agent: str) -> None:
        self._session, self._ours, self._agent = requests.Session(), world.base_url, agent

    def walk(self, url: str) -> dict[str, list[str]]:
        """To the callback; the query that comes along. A page that leads nowhere fails the test."""
        answer = self._send("GET", url)
        for _ in range(12):
            if answer.is_redirect:
                to = answer.headers["Location"]
                if to.startswith(CALLBACK):
                    return parse_qs(urlsplit(to).query)
                answer = self._send("GET", requests.compat.urljoin(answer.url, to))
                continue
            form = html.fromstring(answer.text).find(".//form")
            assert form is not None and form.get("action"), (answer.status_code, answer.url, answer.text[-3000:])
            fields = {one.get("name"): one.get("value") for one in form.iter("input") if one.get("name")}
            answer = self._send("POST", requests.compat.urljoin(answer.url, form.get("action")), data=fields)
        raise AssertionError(f"no way to the callback from {answer.url}")

    def _send(self, method: str, url: str, **how: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self._agent}"} if url.startswith(self._ours) else {}
        answer = self._session.request(method, url, headers=headers, allow_redirects=False, timeout=30, **how)
        for cookie in self._session.cookies:
            cookie.secure = False  # a browser takes 127.0.0.1 for secure
        return answer


def sign_in(keycloak: Keycloak, world: World, broker: str, agent: str) -> dict[str, Any]:
    """The claims of the access token that the agent gets from Keycloak."""
    start = f"{keycloak.url}/realms/{keycloak.realm}/protocol/openid-connect/auth"
    query = f"client_id=wiki&response_type=code&scope=openid&redirect_uri={CALLBACK}&kc_idp_hint={broker}"
    came = Browser(world, agent).walk(f"{start}?{query}")
    assert "code" in came, came
    form = {"grant_type": "authorization_code", "client_id": "wiki", "code": came["code"][0], "redirect_uri": CALLBACK}
    token = requests.post(keycloak.token_url, data=form, timeout=30).json()["access_token"]
    body = token.split(".")[1]
    claims: dict[str, Any] = orjson.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims


def test_agent_is_a_federated_identity_of_keycloak(keycloak: Keycloak, world: World, broker: str) -> None:
    agent = world.agent("brokered")

    claims = sign_in(keycloak, world, broker, agent)

    assert claims["preferred_username"] == "brokered"
    links = keycloak.admin("GET", f"/users/{claims['sub']}/federated-identity").json()
    assert [(one["identityProvider"], one["userId"]) for one in links] == [(broker, agent)]
    user = keycloak.admin("GET", f"/users/{claims['sub']}").json()
    assert user["attributes"]["agentType"] == ["Assistant"]
    again = sign_in(keycloak, world, broker, agent)
    assert again["sub"] == claims["sub"], "the same agent has the same account there"
    assert len(world.events("sign-on:granted")) == 2


def test_suspended_agent_gets_no_further_than_us(keycloak: Keycloak, world: World, broker: str) -> None:
    agent = world.agent("barred", active=False)

    with pytest.raises(AssertionError):  # the walk ends at a page of Keycloak's that says so
        sign_in(keycloak, world, broker, agent)

    assert keycloak.admin("GET", "/users?username=barred&exact=true").json() == []
    assert len(world.events("sign-on:refused")) >= 1
