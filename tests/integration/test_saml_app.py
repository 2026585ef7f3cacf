"""The demonstration application, as a process of its own: an agent signs in with its token, and is signed out."""

import html
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.saml_world import World, make_world, served
from tests.servers.process import ServerProcess, accepts_connections, free_port


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    port = free_port()
    world = make_world(tmp_path_factory.mktemp("saml-app-idp"), base_url=f"http://127.0.0.1:{port}")
    with served(world.app, port):
        yield world


@pytest.fixture(scope="module")
def application(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address; it is registered."""
    port = free_port()
    log: Path = tmp_path_factory.mktemp("saml-app") / "log"
    command = [sys.executable, "-m", "tests.demo.saml_app", "--port", str(port)]
    command += ["--idp-metadata", f"{world.base_url}/saml/metadata"]
    process = ServerProcess("saml_app", command, log=log, ready=lambda: accepts_connections(port))
    process.start()
    url = f"http://127.0.0.1:{port}"
    world.register("Demonstration", requests.get(f"{url}/metadata", timeout=10).content)
    yield url
    process.stop()


def sign_in(application: str, agent: str, browser: requests.Session) -> requests.Response:
    """As an agent does: go where the application sends it, with its token, and bring the form back."""
    asked = browser.get(f"{application}/", allow_redirects=False, timeout=10)
    page = requests.get(asked.headers["Location"], headers={"Authorization": f"Bearer {agent}"}, timeout=10).text
    action = re.search(r'action="([^"]*)"', page)
    assert action is not None, page
    fields = dict(re.findall(r'name="([^"]*)" value="([^"]*)"', page))
    values = {name: html.unescape(value) for name, value in fields.items()}
    return browser.post(html.unescape(action[1]), data=values, timeout=10)


def test_agent_reads_its_own_attributes_at_the_application(world: World, application: str) -> None:
    agent = world.agent("reader")

    page = sign_in(application, agent, requests.Session())

    assert page.status_code == 200, page.text
    shown = page.json()
    assert shown["nameId"] == agent
    assert shown["attributes"]["owner"] == ["owner-of-reader"]
    assert shown["attributes"]["isMemberOf"] == ["finance & <bots> of reader", "readers of reader"]


def test_deactivated_agent_loses_its_session(world: World, application: str) -> None:
    agent, browser = world.agent("leaver"), requests.Session()
    assert sign_in(application, agent, browser).status_code == 200

    [entity_id] = world.deactivate(agent)
    world.sender.tell(agent, entity_id)

    assert browser.get(f"{application}/", allow_redirects=False, timeout=10).status_code == 302
    [event] = world.events("app:told")
    assert event["detail"]["outcome"] == "Success"


def test_suspended_agent_is_not_signed_in(world: World, application: str) -> None:
    agent = world.agent("suspended", active=False)

    page = sign_in(application, agent, requests.Session())

    assert page.status_code == 403 and "the agent may not sign on now" in page.text


def test_logout_that_the_identity_provider_did_not_sign_is_refused(world: World, application: str) -> None:
    agent, browser = world.agent("stays"), requests.Session()
    assert sign_in(application, agent, browser).status_code == 200

    forged = (
        '<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body><samlp:LogoutRequest '
        'xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" '
        f'ID="_1"><saml:NameID>{agent}</saml:NameID></samlp:LogoutRequest></S:Body></S:Envelope>'
    )
    answer = requests.post(f"{application}/slo", data=forged, timeout=10)

    assert answer.status_code == 500
    assert browser.get(f"{application}/", allow_redirects=False, timeout=10).status_code == 200
