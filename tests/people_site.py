"""Our own site, served in this process at the time of day, and a person's browser that goes between it and a real workforce IdP."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from http.cookiejar import Cookie
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import orjson
import requests
from lxml import html

from connector.app import create_app
from connector.domain import people, workforce
from connector.domain.unit import SYSTEM
from connector.edges.saml.sp import registry
from connector.parts import Parts, assemble
from connector.settings import Settings
from connector.storage import audit
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
        with self.parts.domain.change(SYSTEM) as unit:
            workforce.configure(unit, name, settings)

    def refresh(self, name: str) -> None:
        with self.parts.domain.view() as unit:
            idp = workforce.fetch(unit, name)
        registry.refresh(self.parts.domain, SYSTEM, idp)

    def add_person(self, name: str) -> str:
        with self.parts.domain.change(SYSTEM) as unit:
            return people.add(unit, {"userName": name, "displayName": name.title()}, None).id

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
