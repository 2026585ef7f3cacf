"""Two real clients, Authlib and our own, over real sockets: a person signs in, allows, and revokes; the agent acts, and no longer."""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session

from connector.client import AgentClient, DPoPKey, Secret, TokenRefused
from connector.domain import agents, clients, credentials, redirect_uris, scopes
from connector.domain.unit import SYSTEM
from tests.people_site import Person, Site, site
from tests.workforce_idp import Says, message_of, new_idp

CALLBACK, FILES = "http://127.0.0.1:8999/callback", "https://files.example"
VERIFIER = "a-verifier-that-is-long-enough-for-rfc-7636-section-4.1"
IDP = new_idp()


@dataclass
class Place:
    site: Site
    bot: str
    secret: str
    asker: tuple[str, str]

    def browser(self) -> Person:
        return Person(self.site)

    def walk(self, person: Person, address: str) -> str:
        """The browser goes there, signs in where it must, and allows what it is asked; where it is sent in the end."""
        answer = person.session.get(address, allow_redirects=False, timeout=30)
        if answer.headers.get("Location", "").startswith("/signin"):
            answer = self._sign_in(person, answer.headers["Location"])
        if answer.status_code == 200:
            person.page = answer
            [form] = [one for one in person._forms() if "shown" in one.fields]
            fields = {name: value for name, value in form.fields.items() if value is not None} | {"decision": "allow"}
            answer = person.session.post(answer.url, data=fields, allow_redirects=False, timeout=30)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["Location"])

    def _sign_in(self, person: Person, location: str) -> requests.Response:
        page = person.session.get(self.site.url + location, timeout=30).text
        found = re.search(r'href="(/saml/sp/login[^"]+)"', page)
        assert found is not None, page
        sent = person.session.get(urljoin(self.site.url, unescape(found[1])), allow_redirects=False, timeout=30)
        request, location = message_of(sent.headers["Location"]), sent.headers["Location"]
        acs = f"{self.site.url}/saml/acs"
        says = Says(
            request=request.get("ID"), audience=f"{self.site.url}/saml/sp/metadata", recipient=acs, destination=acs
        )
        response = base64.b64encode(IDP.answer(says, datetime.now(UTC)).encode()).decode()
        state = requests.utils.unquote(location.split("RelayState=")[1].split("&")[0])
        done = person.session.post(
            acs, data={"SAMLResponse": response, "RelayState": state}, allow_redirects=False, timeout=30
        )
        assert done.status_code == 303, done.text
        return person.session.get(urljoin(self.site.url, done.headers["Location"]), allow_redirects=False, timeout=30)

    def seen(self, token: str) -> dict[str, object]:
        answer = requests.post(
            f"{self.site.url}/oauth/introspect", data={"token": token}, auth=self.asker, timeout=30
        ).json()
        return dict(answer)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, keys_dir: Path) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("consent")
    (folder / "idp.xml").write_bytes(IDP.metadata())
    with site(folder, keys_dir) as here:
        here.trust("corp", str(folder / "idp.xml"))
        ada = here.add_person("ada")
        with here.parts.domain.change(SYSTEM) as unit:
            bot = agents.register(unit, {"agentUserName": "bot", "owners": [{"value": ada, "primary": True}]}, None).id
            secret = credentials.issue(unit, "agent", bot, "client_secret").secret
            redirect_uris.add(unit, bot, "http://127.0.0.1/callback")
            scopes.add_resource(unit, FILES, "Files")
            scopes.add(unit, "files.read", FILES, description="Read your files")
            for holder in (ada, bot):
                scopes.grant(unit, "files.read", holder)
            asker = clients.create(unit, "resource-server", frozenset({"introspect"})).id
            asked_by = asker, credentials.issue(unit, "client", asker, "client_secret").secret
        yield Place(here, bot, secret, asked_by)


@pytest.mark.parametrize("pushed", [False, True], ids=["in the address", "pushed"])
def test_authlib_gets_a_token_for_a_person_and_renews_it_until_they_revoke(place: Place, pushed: bool) -> None:
    person = place.browser()
    session = OAuth2Session(
        place.bot, place.secret, scope="files.read", redirect_uri=CALLBACK, code_challenge_method="S256"
    )
    address, state = session.create_authorization_url(f"{place.site.url}/oauth/authorize", code_verifier=VERIFIER)
    if pushed:
        proof = session.client_auth(session.token_endpoint_auth_method)
        form = dict(parse_qsl(urlsplit(address).query))
        told = session.post(f"{place.site.url}/oauth/par", data=form, auth=proof, withhold_token=True)
        assert told.status_code == 201, told.text
        query = urlencode({"client_id": place.bot, "request_uri": told.json()["request_uri"]})
        address = f"{place.site.url}/oauth/authorize?{query}"
    back = place.walk(person, address)

    token = session.fetch_token(
        f"{place.site.url}/oauth/token", authorization_response=back, state=state, code_verifier=VERIFIER
    )
    assert (token["token_type"], token["scope"]) == ("Bearer", "files.read")
    seen = place.seen(token["access_token"])
    assert seen["active"] is True and seen["aud"] == FILES and seen["act"]["sub"] == place.bot  # type: ignore[index]
    renewed = session.refresh_token(f"{place.site.url}/oauth/token")
    assert place.seen(renewed["access_token"])["active"] is True

    person.go("/").press("/revoke")

    assert "No agent may act for you." in person.page.text
    for one in (token, renewed):
        assert place.seen(one["access_token"]) == {"active": False}
    with pytest.raises(Exception, match="invalid_grant"):
        session.refresh_token(f"{place.site.url}/oauth/token")


def test_our_client_asks_with_a_key_and_believes_only_its_own_server(place: Place) -> None:
    person = place.browser()
    client = AgentClient(place.site.url, Secret(place.bot, place.secret), dpop=DPoPKey())
    question = client.authorize(place.bot, CALLBACK, "files.read", resource=FILES, pushed=True)
    assert "files" not in question.url, "the address says nothing of what is asked"
    back = place.walk(person, question.url)

    for forged in (
        back.replace("&iss=http", "&iss=https"),
        back.partition("&iss=")[0],
        back.replace("&state=", "&state=x"),
    ):
        with pytest.raises(TokenRefused):
            client.code(question, forged)
    token = client.code(question, back)
    assert (token.scheme, token.scopes) == ("DPoP", frozenset({"files.read"}))
    assert place.seen(token.text)["cnf"]
    assert client.refresh(token).text != token.text
    silent = client.authorize(place.bot, CALLBACK, "files.read", prompt="none")
    assert client.code(silent, place.walk(person, silent.url)).scopes == {"files.read"}
    with pytest.raises(TokenRefused, match="invalid_scope"):
        client.authorize(place.bot, CALLBACK, "files.write", pushed=True)
    with pytest.raises(TokenRefused, match="login_required"):
        client.code(silent, place.walk(place.browser(), silent.url))
