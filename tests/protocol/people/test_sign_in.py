"""People sign in at their workforce IdP: who they are here, what they may do, and how long."""

from typing import Any

import pytest
from flask import Flask
from lxml import etree

from connector.app import create_app
from connector.domain import people, resources
from connector.domain.unit import SYSTEM
from connector.parts import Parts, assemble
from connector.settings import Settings
from connector.storage import groups, owners
from connector.storage import resources as stored
from connector.storage.owners import Ownership
from connector.storage.resources import Record
from tests.conftest import BASE_URL, Clock
from tests.protocol.people.conftest import AddPerson, SignIn, Told, Trust, code_of
from tests.workforce_idp import ACS, NS, BrowserOf, Idp, Says, at_that_time, encrypted, fits_schema, message_of, new_idp


@pytest.mark.parametrize("sign", ["assertion", "response", "both"])
def test_a_person_signs_in(
    browser: BrowserOf, idp: Idp, trust: Trust, ada: str, clock: Clock, told: Told, sign: str
) -> None:
    trust(idp)
    browser.begin()

    answer = browser.bring(idp.answer(Says(request=browser.request), clock.now, sign=sign))

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    cookie = next(one for one in answer.headers.getlist("Set-Cookie") if "connector_session" in one)
    assert cookie.startswith("__Host-connector_session=acp_")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    page = browser.get("/")
    assert "<h1>Ada</h1>" in page.text and "Sign out" in page.text
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    [event] = told("sign-in:granted")
    assert (event["actor"]["kind"], event["subject"]["id"], event["detail"]["idp"]) == ("person", ada, "corp")


def test_the_request_is_signed_and_asks_for_an_answer_by_post(browser: BrowserOf, idp: Idp, trust: Trust) -> None:
    trust(idp)
    browser.begin()
    message = message_of(browser.location)

    assert (
        browser.location.startswith("https://idp.corp.example/sso?SAMLRequest=") and "&Signature=" in browser.location
    )
    assert fits_schema(message)
    assert message.get("AssertionConsumerServiceURL") == ACS
    assert message.get("Destination") == "https://idp.corp.example/sso"
    assert message.findtext("saml:Issuer", namespaces=NS) == f"{BASE_URL}/saml/sp/metadata"


def test_an_encrypted_assertion_is_opened(
    browser: BrowserOf, parts: Parts, idp: Idp, trust: Trust, ada: str, clock: Clock
) -> None:
    trust(idp)
    browser.begin()
    says = Says(request=browser.request)
    certificate = parts.domain.keys.active("sp").certificate
    assert certificate is not None
    sealed = encrypted(idp.signed(idp.assertion(says, clock.now)), certificate)

    answer = browser.bring(idp.response(sealed, says, clock.now))

    assert answer.status_code == 303, answer.text
    assert browser.signed_in


@pytest.mark.parametrize(
    ("next", "shown"),
    [("/x?y=1", "/x?y=1"), ("https://evil.example/", "/"), ("//evil.example", "/"), ("/%5C%5Cevil.example", "/")],
)
def test_a_person_goes_on_to_a_page_of_ours_only(
    browser: BrowserOf, idp: Idp, trust: Trust, ada: str, clock: Clock, next: str, shown: str
) -> None:
    trust(idp)
    browser.begin(next=next)

    answer = browser.bring(idp.answer(Says(request=browser.request), clock.now))

    assert answer.headers["Location"] == shown


@pytest.mark.parametrize(
    ("settings", "says", "found"),
    [
        ({"match": "userName"}, {"name_id": "ADA"}, True),
        ({"match": "email"}, {"name_id": "ada@corp.example"}, True),
        ({"match": "email", "source": "mail"}, {"name_id": "x", "attributes": {"mail": ("Ada@Corp.example",)}}, True),
        ({"match": "externalId"}, {"name_id": "4711"}, True),
        ({"match": "externalId"}, {"name_id": "4712"}, False),
        ({"match": "email", "source": "mail"}, {"attributes": {"mail": ("ada@corp.example", "x@y.example")}}, False),
        ({"match": "email", "source": "mail"}, {}, False),
        ({"suffixes": ("@corp.example",)}, {"name_id": "ada"}, False),
        ({"match": "email", "suffixes": ("@corp.example",)}, {"name_id": "ada@corp.example"}, True),
        ({}, {"name_id": "ad\u200ba"}, False),
        ({}, {"name_id": "\uff41da"}, False),
    ],
)
def test_who_somebody_is_here_is_chosen_for_each_idp(
    browser: BrowserOf,
    idp: Idp,
    trust: Trust,
    add_person: AddPerson,
    clock: Clock,
    settings: dict[str, Any],
    says: dict[str, Any],
    found: bool,
) -> None:
    add_person("ada", email="ada@corp.example", external_id="4711")
    trust(idp, **settings)
    browser.begin()

    answer = browser.bring(idp.answer(Says(request=browser.request, **says), clock.now))

    assert answer.status_code == (303 if found else 403)
    assert found or code_of(answer) == "not-known"


def test_two_people_with_one_address_are_not_guessed_between(
    browser: BrowserOf, idp: Idp, trust: Trust, ada: str, add_person: AddPerson, clock: Clock
) -> None:
    add_person("ada2", email="ada@corp.example")
    trust(idp, match="email")
    browser.begin()

    answer = browser.bring(idp.answer(Says("ada@corp.example", browser.request), clock.now))

    assert code_of(answer) == "ambiguous"


def test_roles_come_from_the_idp_from_our_groups_and_from_owned_agents(
    parts: Parts, idp: Idp, trust: Trust, ada: str, sign_in: SignIn
) -> None:
    with parts.domain.change(SYSTEM) as unit:
        now = unit.tx.now
        group = Record(unit.tx.new_id("grp"), "group", "Approvers", "{}", True, 1, now, now)
        agent = Record(unit.tx.new_id("agt"), "agent", "matcher", "{}", True, 1, now, now)
        for one in (group, agent):
            stored.insert(unit.tx, one)
        groups.add(unit.tx, group.id, [(ada, "person", "ada")])
        owners.assign(unit.tx, agent.id, [Ownership(ada, "owner", True)])
    trust(
        idp,
        groups_attribute="groups",
        roles=(("admin", "connector-admins"), ("auditor", "connector-auditors")),
        role_groups=(("approver", "Approvers"),),
    )

    browser = sign_in(attributes={"groups": ("connector-admins", "all-staff")})

    assert "<td>admin, approver, owner</td>" in browser.get("/").text
    assert "<td>matcher</td><td>active</td>" in browser.get("/").text
    with parts.domain.change(SYSTEM) as unit:
        groups.remove(unit.tx, group.id, [ada])
        owners.assign(unit.tx, agent.id, [])
    assert "<td>admin</td>" in browser.get("/").text, "what ends here ends at once"


def test_whoever_has_signed_in_does_so_again_where_who_is_who_was_changed(
    idp: Idp, trust: Trust, ada: str, sign_in: SignIn, told: Told
) -> None:
    trust(idp, groups_attribute="groups", roles=(("admin", "admins"),))
    browser = sign_in(attributes={"groups": ("admins",)})

    trust(idp, title="Another", unsolicited=True)
    assert browser.signed_in
    trust(idp, roles=())
    assert not browser.signed_in
    assert [one["detail"]["by"] for one in told("sign-in:ended")] == ["idp changed"]


def test_a_person_is_made_where_that_was_chosen(
    browser: BrowserOf, parts: Parts, idp: Idp, trust: Trust, clock: Clock, told: Told
) -> None:
    trust(idp, create_people=True)
    browser.begin()
    said = {"mail": ("grace@corp.example",), "displayName": ("Grace",)}

    answer = browser.bring(idp.answer(Says("grace", browser.request, attributes=said), clock.now))

    assert answer.status_code == 303, answer.text
    assert "<h1>Grace</h1>" in browser.get("/").text
    [event] = told("person:created")
    assert event["actor"] == {"kind": "idp", "id": "idp:corp", "name": "corp"}


@pytest.mark.parametrize("name", ["ada", "ADA@corp.example"])
def test_who_was_deleted_is_not_made_again(
    browser: BrowserOf, parts: Parts, idp: Idp, trust: Trust, ada: str, clock: Clock, name: str
) -> None:
    with parts.domain.change(SYSTEM) as unit:
        people.delete(unit, resources.fetch(unit, "person", ada))
    trust(idp, create_people=True, match="userName" if "@" not in name else "email")
    browser.begin()

    answer = browser.bring(idp.answer(Says(name, browser.request), clock.now))

    assert code_of(answer) == "deleted"


def test_who_is_not_known_is_refused(browser: BrowserOf, idp: Idp, trust: Trust, clock: Clock, told: Told) -> None:
    trust(idp)
    browser.begin()

    answer = browser.bring(idp.answer(Says("nobody", browser.request), clock.now))

    assert code_of(answer) == "not-known"
    assert "nobody" not in answer.text and answer.headers["Correlation-Id"] in answer.text
    [event] = told("sign-in:refused")
    assert event["detail"] == {"code": "not-known", "reason": "no person has the userName 'nobody'"}


def switch_off(parts: Parts, person: str) -> None:
    with parts.domain.change(SYSTEM) as unit:
        before = resources.fetch(unit, "person", person, lock=True)
        people.amend(unit, before, {"userName": "ada", "active": False}, None)


def test_who_is_switched_off_is_refused_and_signed_out(
    browser: BrowserOf, parts: Parts, idp: Idp, trust: Trust, ada: str, sign_in: SignIn, clock: Clock, told: Told
) -> None:
    trust(idp)
    inside = sign_in()

    switch_off(parts, ada)

    assert not inside.signed_in
    [event] = told("sign-in:ended")
    assert event["detail"]["by"] == "person disabled"
    browser.begin()
    assert code_of(browser.bring(idp.answer(Says(request=browser.request), clock.now))) == "deactivated"


def test_a_session_ends_unused_and_at_its_end(idp: Idp, trust: Trust, ada: str, sign_in: SignIn, clock: Clock) -> None:
    trust(idp)
    browser, other = sign_in(), sign_in(session_minutes=40)

    for _ in range(2):
        clock.move(minutes=29)
        assert browser.signed_in, "used within half an hour"
    assert not other.signed_in, "the IdP said when"
    clock.move(minutes=31)
    assert not browser.signed_in

    browser = sign_in_later(browser, idp, clock)
    for _ in range(17):
        clock.move(minutes=28)
        browser.get("/")
    assert browser.signed_in, "seven hours and 56 minutes"
    clock.move(minutes=5)
    assert not browser.signed_in


def sign_in_later(browser: BrowserOf, idp: Idp, clock: Clock) -> BrowserOf:
    with at_that_time(clock.now):
        answer = browser.begin().bring(idp.answer(Says(request=browser.request), clock.now))
    assert answer.status_code == 303, answer.text
    return browser


def test_several_idps_stand_side_by_side(
    app: Flask, idp: Idp, trust: Trust, ada: str, sign_in: SignIn, browser: BrowserOf, clock: Clock
) -> None:
    other = new_idp("other", entity_id="https://other.example/idp", base="https://other.example")
    trust(idp, title="Corp & Co")
    trust(other, "other")

    page = browser.get("/signin").text
    assert "Corp &amp; Co" in page and ">other</a>" in page
    assert sign_in().signed_in and sign_in(other, "other").signed_in
    browser.begin("other")
    assert code_of(browser.bring(idp.answer(Says(request=browser.request), clock.now))) == "replayed", "the wrong one"


def test_our_metadata_are_signed_and_say_where_we_are(browser: BrowserOf) -> None:
    answer = browser.get("/saml/sp/metadata")

    assert answer.content_type == "application/samlmetadata+xml"
    root = etree.fromstring(answer.data)
    assert root.get("entityID") == f"{BASE_URL}/saml/sp/metadata"
    [consumer] = root.iterfind(".//md:AssertionConsumerService", NS)
    assert consumer.get("Location") == ACS
    assert fits_schema(root, "metadata")
    assert {one.get("use") for one in root.iterfind(".//md:KeyDescriptor", NS)} == {"signing", "encryption"}
    assert root[0].tag.endswith("Signature")


def test_sign_ins_that_are_begun_from_an_address_are_limited(
    parts: Parts, idp: Idp, trust: Trust, clock: Clock
) -> None:
    trust(idp)
    limited = Settings(**{**parts.settings.model_dump(), "sign_in_starts": 3})
    web = create_app(assemble(limited, clock=clock)).test_client()

    def begin(address: str) -> Any:
        return web.get("/saml/sp/login?idp=corp", environ_base={"REMOTE_ADDR": address})

    assert [begin("192.0.2.1").status_code for _ in range(4)] == [303, 303, 303, 429]
    refused = begin("192.0.2.1")
    assert "<h1>" in refused.text and "more than 3 requests per 60 seconds" in refused.text
    assert 0 < int(refused.headers["Retry-After"]) <= 20
    assert begin("192.0.2.2").status_code == 303
