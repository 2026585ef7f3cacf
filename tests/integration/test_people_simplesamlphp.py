"""People sign in with a real SimpleSAMLphp: signed requests, encryption, logout from both sides."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.people_site import Person, Site, prove_again, site
from tests.servers.availability import require
from tests.servers.simplesamlphp import SimpleSamlPhp

pytestmark = pytest.mark.xdist_group("simplesamlphp")


@pytest.fixture(scope="module")
def idp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleSamlPhp]:
    require("simplesamlphp")
    server = SimpleSamlPhp.start(tmp_path_factory.mktemp("simplesamlphp"))
    yield server
    server.stop()


@pytest.fixture
def here(tmp_path: Path, keys_dir: Path, idp: SimpleSamlPhp) -> Iterator[Site]:
    with site(tmp_path, keys_dir) as made:
        made.trust("ssp", idp.metadata_url, groups_attribute="groups", roles=(("admin", idp.group),))
        made.add_person(idp.user)
        yield made


def sign_in(here: Site, idp: SimpleSamlPhp) -> Person:
    return Person(here).go("/saml/sp/login?idp=ssp").fill(username=idp.user, password=idp.password)


@pytest.mark.parametrize("encrypt", [False, True], ids=["plain", "encrypted"])
def test_a_person_signs_in_and_out(here: Site, idp: SimpleSamlPhp, encrypt: bool) -> None:
    idp.add_service_provider(here.metadata, encrypt=encrypt)

    person = sign_in(here, idp)

    assert "<h1>Grace</h1>" in person.page.text, person.page.text
    assert "<td>admin</td>" in person.page.text
    person.press("/saml/sp/logout")
    assert "signed out here and at your identity provider" in person.page.text, person.page.text
    assert not person.signed_in
    assert 'name="password"' in person.go("/saml/sp/login?idp=ssp").page.text, "the session there has ended, too"


def test_who_must_prove_themselves_again_is_asked_for_the_password_again(here: Site, idp: SimpleSamlPhp) -> None:
    idp.add_service_provider(here.metadata)
    page = here.consent_page(idp.user, max_age="60")

    prove_again(here, sign_in(here, idp), "ssp", page, username=idp.user, password=idp.password)


def test_only_the_contexts_that_are_wanted_will_do(here: Site, idp: SimpleSamlPhp) -> None:
    """Without https it is a Password, whatever is asked for."""
    idp.add_service_provider(here.metadata)
    classes = "urn:oasis:names:tc:SAML:2.0:ac:classes:"
    here.configure("ssp", contexts=(classes + "Password",))
    person = sign_in(here, idp)
    assert person.signed_in, person.page.text

    asked = person.go(here.consent_page(idp.user, acr_values=classes + "TimeSyncToken"))
    assert "by other means" in asked.page.text
    assert "/healthz?error=unmet_authentication_requirements" in person.follow("acr=").page.url
    assert person.signed_in, "agents do not decide who comes in"

    here.configure("ssp", contexts=(classes + "TimeSyncToken",))
    assert not person.signed_in, "a change of what will do ends sessions"
    assert "<code>context</code>" in person.go("/saml/sp/login?idp=ssp").page.text, person.page.text
    assert not person.signed_in


def test_an_idp_that_heeds_contexts_is_asked_for_what_the_agent_wants(here: Site, idp: SimpleSamlPhp) -> None:
    strong, other = "https://refeds.org/profile/mfa", "urn:oasis:names:tc:SAML:2.0:ac:classes:X509"
    idp.add_service_provider(here.metadata)
    idp.heed_contexts(strong)
    try:
        person = sign_in(here, idp)
        page = here.consent_page(idp.user, acr_values=strong)

        assert "by other means" in person.go(page).page.text
        assert "This agent asks to act for you" in person.follow("acr=").page.text, person.page.text
        assert here.events("sign-in:granted")[-1]["context"] == strong

        assert "by other means" in person.go(page.replace(quote(strong, safe=""), other)).page.text
        assert "/healthz?error=unmet_authentication_requirements" in person.follow("acr=").page.url, person.page.text
        assert "NoAuthnContext" in here.events("sign-in:refused")[-1]["reason"]
    finally:
        idp.heed_contexts()


def test_signing_out_there_ends_the_session_here(here: Site, idp: SimpleSamlPhp) -> None:
    idp.add_service_provider(here.metadata)
    person = sign_in(here, idp)
    assert person.signed_in, person.page.text

    person.go(f"{idp.url}/saml2/idp/SingleLogoutService.php?ReturnTo={here.url}/signin")

    assert not person.signed_in, (person.page.url, person.page.text)
    assert "Where is your account?" in person.page.text, person.page.text
    [event] = here.events("sign-in:ended")
    assert event["by"] == "idp"


def test_the_idp_changes_its_key_and_nobody_notices(here: Site, idp: SimpleSamlPhp) -> None:
    idp.add_service_provider(here.metadata)

    idp.sign_with("old", announce="new")
    here.refresh("ssp")
    assert sign_in(here, idp).signed_in
    idp.sign_with("new")
    assert sign_in(here, idp).signed_in
    here.refresh("ssp")
    idp.sign_with("old")

    assert "not provably from your identity provider" in sign_in(here, idp).page.text
    assert [(one["newKeys"], one["goneKeys"]) for one in here.events("idp:refreshed")] == [(1, 0), (0, 1)]
