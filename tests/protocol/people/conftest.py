"""A deployment with a workforce IdP, somebody who signs in there, and a browser."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask import Flask

from connector.domain import people, workforce
from connector.domain.unit import SYSTEM
from connector.edges.saml.sp import registry
from connector.parts import Parts
from connector.storage import audit
from tests.conftest import Clock
from tests.workforce_idp import BrowserOf, Idp, Says, at_that_time, new_idp


@pytest.fixture(scope="session")
def idp() -> Idp:
    return new_idp()


@pytest.fixture(autouse=True)
def the_time_of_day(clock: Clock) -> Iterator[None]:
    with at_that_time(clock.now):
        yield


@pytest.fixture
def people_here(trust: "Trust", idp: Idp, ada: str, add_person: "AddPerson") -> None:
    """An IdP, ada, who signs in there, and an administrator, whom somebody else would like to be."""
    add_person("admin")
    trust(idp)


Trust = Callable[..., None]


@pytest.fixture
def trust(parts: Parts, tmp_path: Path) -> Trust:
    """Adds an IdP: `trust(idp, "corp", create_people=True)`."""

    def add(one: Idp, name: str = "corp", *, metadata: bytes | None = None, **settings: Any) -> None:
        file = tmp_path / f"{name}.xml"
        file.write_bytes(metadata or one.metadata())
        registry.add(parts.domain, SYSTEM, name=name, place=str(file))
        with parts.domain.change(SYSTEM) as unit:
            workforce.configure(unit, name, settings)

    return add


AddPerson = Callable[..., str]


@pytest.fixture
def add_person(parts: Parts) -> AddPerson:
    def add(name: str, *, email: str | None = None, external_id: str | None = None) -> str:
        document: dict[str, Any] = {"userName": name, "displayName": name.title()}
        if email:
            document["emails"] = [{"value": email, "type": "work", "primary": True}]
        with parts.domain.change(SYSTEM) as unit:
            return people.add(unit, document, external_id).id

    return add


@pytest.fixture
def ada(add_person: AddPerson) -> str:
    return add_person("ada", email="ada@corp.example")


@pytest.fixture
def browser(app: Flask) -> BrowserOf:
    return BrowserOf(app)


@pytest.fixture
def sign_in(app: Flask, idp: Idp, clock: Clock) -> Callable[..., BrowserOf]:
    """A browser that has walked the whole way; what the IdP says can be chosen."""

    def walk(by: Idp | None = None, name: str = "corp", **says: Any) -> BrowserOf:
        there = BrowserOf(app).begin(name)
        answer = there.bring((by or idp).answer(Says(request=there.request, **says), clock.now))
        assert answer.status_code == 303, answer.text
        return there

    return walk


Told = Callable[[str], list[dict[str, Any]]]
SignIn = Callable[..., BrowserOf]


@pytest.fixture
def told(parts: Parts) -> Told:
    """The events of that action."""

    def events(action: str) -> list[dict[str, Any]]:
        with parts.domain.view() as unit:
            return [orjson.loads(row.body) for row in audit.events(unit.tx) if row.action == action]

    return events


def code_of(answer: Any) -> str:
    """The code on a page that refuses; nobody may be signed in by it."""
    assert answer.status_code in (403, 404), answer.text
    assert "connector_session" not in str(answer.headers.getlist("Set-Cookie"))
    return str(answer.text).split("give your administrator this: <code>")[1].split("</code>")[0]


def refused(answer: Any, told: Told, code: str, *, known: bool = True) -> None:
    """The answer refuses with that code, and so does the one event, if it concerns an IdP of ours (`known`)."""
    assert code_of(answer) == code
    events = [*told("sign-in:refused"), *told("sign-in:disputed")]
    assert [one["detail"]["code"] for one in events] == ([code] if known else [])
    assert told("sign-in:granted") == []
