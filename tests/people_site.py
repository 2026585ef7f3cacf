"""Our own site, served in this process at the time of day, and a person's browser that goes between it and a real workforce IdP."""

import base64
import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from http.cookiejar import Cookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin

import orjson
import requests
import sqlalchemy as sa
from lxml import html

from connector.app import create_app
from connector.core.clock import to_text
from connector.domain import agents, people, redirect_uris, scopes, workforce
from connector.domain.unit import SYSTEM
from connector.edges.saml.sp import registry
from connector.parts import Parts, assemble
from connector.settings import Settings
from connector.storage import audit, resources
from connector.storage.tables import person_session
from tests.saml_world import served
from tests.servers.process import HOST, free_port

_REFRESH = re.compile(r'http-equiv="refresh" content="0; url=([^"]+)"')


@dataclass(frozen=True)
class Site:
    parts: Parts
    url: str

    @property
    def metadata(self) -> bytes:
        return requests.get(f"{self.url}/saml/sp/metadata", timeout=10).content

    def trust(self, name: str, place: str, **settings: Any) -> None:
        registry.add(self.parts.domain, SYSTEM, name=name, place=place)
        self.configure(name, **settings)

    def configure(self, name: str, **settings: Any) -> None:
        with self.parts.domain.change(SYSTEM) as unit:
            workforce.configure(unit, name, settings)

    def refresh(self, name: str) -> None:
        with self.parts.domain.view() as unit:
            idp = workforce.fetch(unit, name)
        registry.refresh(self.parts.domain, SYSTEM, idp)

    def add_person(self, name: str) -> str:
        with self.parts.domain.change(SYSTEM) as unit:
            return people.add(unit, {"userName": name, "displayName": name.title()}, None).id

    def consent_page(self, person: str, **asked: str) -> str:
        """The page on which the person of that name is asked whether an agent may act for them; it is answered at /healthz."""
        callback, files = f"{self.url}/healthz", "https://files.example"
        with self.parts.domain.change(SYSTEM) as unit:
            found = resources.by_name(unit.tx, "person", person)
            assert found is not None
            agent = agents.register(unit, {"agentUserName": "bot", "owners": [{"value": found.id}]}, None).id
            redirect_uris.add(unit, agent, callback)
            scopes.add_resource(unit, files, "Files")
            scopes.add(unit, "files.read", files)
            for holder in (agent, found.id):
                scopes.grant(unit, "files.read", holder)
        query = {
            "response_type": "code",
            "client_id": agent,
            "redirect_uri": callback,
            "scope": "files.read",
            "code_challenge": base64.urlsafe_b64encode(bytes(32)).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            **asked,
        }
        return "/oauth/authorize?" + urlencode(query)

    def make_older(self, **by: float) -> None:
        """Everybody here has proved themselves to their IdP that much earlier: nothing here waits for it."""
        with self.parts.domain.change(SYSTEM) as unit:
            then = to_text(unit.tx.moment - timedelta(**by))
            unit.tx.execute(sa.update(person_session).values(proven=then))

    def events(self, action: str) -> list[dict[str, Any]]:
        with self.parts.domain.view() as unit:
            return [orjson.loads(row.body)["detail"] for row in audit.events(unit.tx) if row.action == action]


@contextlib.contextmanager
def site(folder: Path, keys_dir: Path) -> Iterator[Site]:
    port = free_port()
    url = f"http://{HOST}:{port}"
    parts = assemble(Settings(data_dir=folder, keys_dir=keys_dir, base_url=url))
    parts.domain.database.upgrade()
    try:
        with served(create_app(parts), port):
            yield Site(parts, url)
    finally:
        parts.domain.database.close()


class _Cookies(requests.cookies.RequestsCookieJar):
    """Browsers hold 127.0.0.1 for secure, whatever the scheme; this library does not."""

    def set_cookie(self, cookie: Cookie, *arguments: Any, **options: Any) -> Any:
        cookie.secure = False
        return super().set_cookie(cookie, *arguments, **options)


class Person:
    """A browser without scripts: follows redirects and refreshes, sends the forms that a script would send, loads frames."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.session = requests.Session()
        self.session.cookies = _Cookies()
        self.page: requests.Response

    def go(self, path: str) -> "Person":
        return self._settle(self.session.get(urljoin(self._site.url, path), timeout=30))

    def fill(self, **values: str) -> "Person":
        """Send the first form of the page that has all these fields."""
        form = next(one for one in self._forms() if values.keys() <= set(one.inputs.keys()))
        return self._send(form, values)

    def press(self, action: str) -> "Person":
        """Send the form that goes to that address."""
        return self._send(next(one for one in self._forms() if one.action.endswith(action)), {})

    def follow(self, part: str) -> "Person":
        """The one link of the page whose address has that part."""
        [link] = html.fromstring(self.page.content).xpath(f"//a[contains(@href, '{part}')]/@href")
        return self.go(link)

    @property
    def asked_for_password(self) -> bool:
        return 'name="password"' in self.page.text

    @property
    def signed_in(self) -> bool:
        return "Sign out" in self.session.get(self._site.url, timeout=10).text

    def _forms(self) -> list[Any]:
        forms = html.fromstring(self.page.content, base_url=self.page.url).forms
        assert forms, f"no form on {self.page.url}: {self.page.text[:2000]}"
        return list(forms)

    def _send(self, form: Any, values: dict[str, str]) -> "Person":
        fields = {name: value for name, value in form.fields.items() if name and value is not None} | values
        place = urljoin(self.page.url, form.action or "")
        if form.method.upper() == "GET":
            return self._settle(self.session.get(place, params=fields, timeout=30))
        return self._settle(self.session.post(place, data=fields, timeout=30))

    def _settle(self, answer: requests.Response) -> "Person":
        """Go on as long as a page leads on by itself: by a refresh, or by a form with a SAML message."""
        self.page = answer
        for _ in range(10):
            refresh = _REFRESH.search(self.page.text)
            if refresh:
                self.page = self.session.get(urljoin(self.page.url, unescape(refresh[1])), timeout=30)
                continue
            found = re.search(r'name="SAML(Request|Response)"', self.page.text, re.IGNORECASE)
            if not found:
                break
            [form] = [one for one in self._forms() if {"SAMLRequest", "SAMLResponse"} & set(one.fields)]
            fields = {name: value for name, value in form.fields.items() if name and value is not None}
            self.page = self.session.post(urljoin(self.page.url, form.action), data=fields, timeout=30)
        for frame in re.findall(r'<iframe[^>]* src="([^"]+)"', self.page.text):  # some IdPs end all sessions in frames
            self.session.get(urljoin(self.page.url, unescape(frame)), timeout=30)
        return self


def prove_again(here: Site, person: Person, idp: str, page: str, **form: str) -> None:
    """Somebody is signed in at that IdP; our page wants proof that is young. Their word that a silent sign-in was one is not taken:
    only a request that demands it is, and that makes the IdP ask for the password again.
    """
    asked = "This agent asks to act for you"
    silent = person.go(f"/saml/sp/login?idp={idp}&next=/")
    assert not silent.asked_for_password and silent.signed_in, "the IdP knows who is there"

    assert "prove again" in person.go(page).page.text, person.page.text
    person.follow("fresh=1")

    assert person.asked_for_password, (person.page.url, person.page.text)
    assert asked in person.fill(**form).page.text, person.page.text
    assert asked in person.go(page).page.text, person.page.text
    here.make_older(minutes=2)
    assert "prove again" in person.go(page).page.text, person.page.text
