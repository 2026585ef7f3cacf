"""People sign in with a real Keycloak: signed requests, every way it signs and encrypts, logout from both sides."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import html

from tests.people_site import Person, Site, prove_again, site
from tests.servers.keycloak import Keycloak

pytestmark = [pytest.mark.xdist_group("keycloak"), pytest.mark.timeout(600)]

PASSWORD = "correct horse battery staple"
GROUPS = {
    "name": "groups",
    "protocol": "saml",
    "protocolMapper": "saml-group-membership-mapper",
    "config": {"attribute.name": "groups", "attribute.nameformat": "Basic", "full.path": "false", "single": "false"},
}
SIGNED = {
    "saml_name_id_format": "username",
    "saml_force_name_id_format": "true",
    "saml.client.signature": "true",
    "saml.assertion.signature": "true",
    "saml.server.signature": "true",
}


@pytest.fixture
def here(tmp_path: Path, keys_dir: Path) -> Iterator[Site]:
    with site(tmp_path, keys_dir) as made:
        yield made


@pytest.fixture
def name(keycloak: Keycloak) -> str:
    """Somebody with an account there, in the group of console administrators."""
    made = f"ada-{uuid.uuid4().hex[:8]}"
    credentials = [{"type": "password", "value": PASSWORD, "temporary": False}]
    keycloak.add_person(made, credentials=credentials, groups=["connector-admins"])
    return made


@pytest.fixture(autouse=True)
def group(keycloak: Keycloak) -> None:
    if not keycloak.admin("GET", "/groups?search=connector-admins").json():
        keycloak.admin("POST", "/groups", {"name": "connector-admins"})


def introduce(keycloak: Keycloak, here: Site, *, front_channel: bool = True, **attributes: str) -> None:
    """Each side is told of the other."""
    keycloak.add_service_provider(
        here.metadata,
        attributes={**SIGNED, **attributes},
        frontchannelLogout=front_channel,
        protocolMappers=[GROUPS],
        redirectUris=[f"{here.url}/*"],
    )
    here.trust(
        "keycloak",
        f"{keycloak.url}/realms/{keycloak.realm}/protocol/saml/descriptor",
        groups_attribute="groups",
        roles=(("admin", "connector-admins"),),
    )


def sign_in(here: Site, name: str) -> Person:
    person = Person(here).go("/saml/sp/login?idp=keycloak&next=/")
    return person.fill(username=name, password=PASSWORD)


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"saml.server.signature": "false"},
        {"saml.assertion.signature": "false"},
        {"saml.encrypt": "true"},
        {"saml.encrypt": "true", "saml.assertion.signature": "false"},
    ],
    ids=["both signed", "assertion signed", "response signed", "encrypted", "encrypted, response signed"],
)
def test_a_person_signs_in_and_out(keycloak: Keycloak, here: Site, name: str, attributes: dict[str, str]) -> None:
    introduce(keycloak, here, **attributes)
    here.add_person(name)

    person = sign_in(here, name)

    assert f"<h1>{name.title()}</h1>" in person.page.text, person.page.text
    assert "<td>admin</td>" in person.page.text
    person.press("/saml/sp/logout")
    # what Keycloak answers to a logout is signed where it signs documents, and otherwise not believed
    believed = "saml.server.signature" not in attributes
    assert ("signed out here and at your identity provider" in person.page.text) is believed, person.page.text
    assert not person.signed_in
    person.go("/saml/sp/login?idp=keycloak")
    assert 'name="password"' in person.page.text, "the session there has ended, too"
    assert here.events("sign-in:refused") == here.events("sign-in:disputed") == []


@pytest.mark.parametrize("front_channel", [True, False], ids=["by the browser", "from server to server"])
def test_signing_out_there_ends_the_session_here(
    keycloak: Keycloak, here: Site, name: str, front_channel: bool
) -> None:
    introduce(keycloak, here, front_channel=front_channel)
    here.add_person(name)
    person = sign_in(here, name)
    assert person.signed_in, person.page.text

    if front_channel:
        person.page = person.session.get(
            f"{keycloak.url}/realms/{keycloak.realm}/protocol/openid-connect/logout", timeout=30
        )
        logout_confirmed(person)
    else:
        [account] = keycloak.admin("GET", f"/users?username={name}&exact=true").json()
        keycloak.admin("POST", f"/users/{account['id']}/logout")

    assert not person.signed_in
    [event] = here.events("sign-in:ended")
    assert event["by"] == "idp"


def logout_confirmed(person: Person) -> None:
    """Keycloak asks whether that is meant."""
    person.fill(session_code=_hidden(person, "session_code"))


def _hidden(person: Person, name: str) -> Any:
    return html.fromstring(person.page.content).forms[0].fields[name]


def test_who_must_prove_themselves_again_is_asked_for_the_password_again(
    keycloak: Keycloak, here: Site, name: str
) -> None:
    introduce(keycloak, here)
    here.add_person(name)
    page = here.consent_page(name, max_age="60")

    prove_again(here, sign_in(here, name), "keycloak", page, password=PASSWORD)


def test_keycloak_refuses_a_request_that_we_did_not_sign(keycloak: Keycloak, here: Site, name: str) -> None:
    introduce(keycloak, here)
    here.add_person(name)
    person = Person(here)
    location = person.session.get(f"{here.url}/saml/sp/login?idp=keycloak", allow_redirects=False, timeout=10).headers[
        "Location"
    ]

    stripped = person.session.get(location.partition("&SigAlg=")[0], timeout=30)

    assert stripped.status_code == 400 and "Invalid" in stripped.text
