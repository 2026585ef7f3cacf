"""ada, who signs in at her workforce IdP; the agent bot, which asks to act for her; and the way between them."""

import base64
import hashlib
import itertools
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import orjson
import pytest
from flask import Flask

from connector.domain import redirect_uris, workforce
from connector.domain.unit import SYSTEM
from connector.edges.saml.sp import registry
from connector.storage import audit
from tests.conftest import BASE_URL, Clock
from tests.protocol.oauth.conftest import Agent, World, world
from tests.workforce_idp import BrowserOf, Idp, Says, at_that_time, new_idp

__all__ = ["world"]

_numbers = itertools.count(1)
CALLBACK = "https://bot.example/callback"
VERIFIER = "a-verifier-that-is-long-enough-for-rfc-7636-section-4.1"
CONTEXT = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"


def challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


class Flow:
    """One browser, and the agent that sends it to us. Requests are good ones unless a test changes something."""

    def __init__(self, world: World, idp: Idp, app: Flask) -> None:
        self.world, self.idp, self.browser = world, idp, BrowserOf(app)
        world.act(redirect_uris.add, world.bot.id, CALLBACK)
        world.grant(world.bot.id, "files.read", "files.write")
        world.grant(world.ada, "files.read", "files.write")

    def address(self, **over: str | None) -> str:
        asked = {
            "response_type": "code",
            "client_id": self.world.bot.id,
            "redirect_uri": CALLBACK,
            "scope": "files.read",
            "state": "s-1",
            "code_challenge": challenge(VERIFIER),
            "code_challenge_method": "S256",
            **over,
        }
        return "/oauth/authorize?" + urlencode({name: value for name, value in asked.items() if value is not None})

    def sign_in(self, next: str = "/", *, forced: bool = False, **says: Any) -> str:
        """Where the browser is sent afterwards; `forced`: the IdP is asked to have the person prove themselves."""
        self.browser.begin(next=urlencode({"": next})[1:], more="&fresh=1" if forced else "")
        return self.come_back(**says)

    def come_back(self, **says: Any) -> str:
        response = self.idp.answer(Says(request=self.browser.request, **says), self.world.clock.now)
        answer = self.browser.bring(response)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["Location"])

    def ask(self, **over: str | None) -> Any:
        return self.browser.get(self.address(**over))

    def decide(
        self, decision: str = "allow", *, term: str = "month", form: dict[str, str] | None = None, **over: Any
    ) -> Any:
        """Open the page and send its form, changed by `form`."""
        address = self.address(**over)
        page = self.browser.get(address)
        assert page.status_code == 200, (page.status_code, page.headers.get("Location"), page.text)
        fields = {**fields_of(page.text), "decision": decision, "term": term, **(form or {})}
        return self.browser.post(address, **fields)

    def code(self, **over: str | None) -> str:
        return told(self.decide(**over))["code"]

    def redeem(self, code: str, agent: Agent | None = None, *, headers: Any = None, **over: str | None) -> Any:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
            **over,
        }
        sent = {name: value for name, value in form.items() if value is not None}
        return self.world.post(sent, agent or self.world.bot, headers=headers or {})

    def tokens(self, **over: str | None) -> dict[str, Any]:
        answer = self.redeem(self.code(**over))
        assert answer.status_code == 200, answer.get_json()
        return dict(answer.get_json())

    def renew(self, token: str, agent: Agent | None = None, **over: str) -> Any:
        form = {"grant_type": "refresh_token", "refresh_token": token, **over}
        return self.world.post(form, agent or self.world.bot)

    def active(self, token: str) -> bool:
        return bool(self.world.introspect(token)["active"])

    def events(self, action: str) -> list[dict[str, Any]]:
        with self.world.parts.domain.view() as unit:
            return [orjson.loads(row.body) for row in audit.events(unit.tx) if row.action == action]


def fields_of(text: str) -> dict[str, str]:
    return {name: unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', text)}


def told(answer: Any, callback: str = CALLBACK) -> dict[str, str]:
    """What the agent is told by way of the browser; everything that is sent there says who has sent it (RFC 9207)."""
    location = answer.headers["Location"]
    assert (answer.status_code, location.partition("?")[0]) == (303, callback), answer.text
    found = {name: value for name, [value] in parse_qs(urlsplit(location).query, keep_blank_values=True).items()}
    assert found.pop("iss") == BASE_URL
    return found


@pytest.fixture(scope="session")
def idp() -> Idp:
    return new_idp()


@pytest.fixture(autouse=True)
def the_time_of_day(clock: Clock) -> Iterator[None]:
    with at_that_time(clock.now):
        yield


@pytest.fixture
def flow(world: World, idp: Idp, app: Flask, tmp_path: Path) -> Flow:
    """bot may ask for files.read and files.write, ada holds both, and nobody is signed in."""
    file = tmp_path / "corp.xml"
    file.write_bytes(idp.metadata())
    registry.add(world.parts.domain, SYSTEM, name="corp", place=str(file))
    with world.parts.domain.change(SYSTEM) as unit:
        workforce.configure(unit, "corp", {})
    return Flow(world, idp, app)


@pytest.fixture
def signed_in(flow: Flow) -> Flow:
    flow.sign_in()
    return flow


@pytest.fixture
def proven(flow: Flow) -> Flow:
    """ada has signed in where her IdP had to ask who she is."""
    flow.sign_in(forced=True)
    return flow


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """SQLite, unless a test says `on_both`: a database is made for each."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield f"sqlite:///{tmp_path / 'connector.db'}"
        return
    server, name = request.getfixturevalue("postgres_server"), f"consent_{next(_numbers)}"
    yield server.create_database(name)
    server.drop_database(name)


on_both = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
