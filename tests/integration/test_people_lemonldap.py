"""People sign in with a real LemonLDAP::NG, whose SAML is Lasso's: signed requests, logout from both sides."""

from collections.abc import Iterator

import pytest

from connector.domain import people
from connector.domain.unit import SYSTEM
from tests.people_site import Person, Site, site
from tests.servers.availability import require
from tests.servers.lemonldap import LemonLdap

pytestmark = pytest.mark.xdist_group("lemonldap")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, LemonLdap]]:
    """Each knows the other."""
    require("lemonldap")
    folder = tmp_path_factory.mktemp("site")
    with site(folder, folder / "keys") as here:
        idp = LemonLdap.start(tmp_path_factory.mktemp("lemonldap"), here.metadata)
        try:
            here.trust("llng", idp.metadata_url, match="email")
            document = {"userName": idp.user, "displayName": "The Doctor"}
            document["emails"] = [{"value": idp.email, "type": "work"}]
            with here.parts.domain.change(SYSTEM) as unit:
                people.add(unit, document, None)
            yield here, idp
        finally:
            idp.stop()


def sign_in(here: Site, idp: LemonLdap) -> Person:
    person = Person(here).go("/saml/sp/login?idp=llng").fill(user=idp.user, password=idp.password)
    assert "<h1>The Doctor</h1>" in person.page.text, (person.page.url, person.page.text)
    return person


def test_a_person_signs_in_and_out(both: tuple[Site, LemonLdap]) -> None:
    here, idp = both
    person = sign_in(here, idp)

    person.press("/saml/sp/logout")

    assert "signed out here and at your identity provider" in person.page.text, (person.page.url, person.page.text)
    assert not person.signed_in
    assert 'name="password"' in person.go("/saml/sp/login?idp=llng").page.text, "the session there has ended, too"


def test_signing_out_there_ends_the_session_here(both: tuple[Site, LemonLdap]) -> None:
    here, idp = both
    person = sign_in(here, idp)
    before = len(here.events("sign-in:ended"))

    person.go(f"{idp.url}/?logout=1")

    assert not person.signed_in, (person.page.url, person.page.text)
    assert [one["by"] for one in here.events("sign-in:ended")[before:]] == ["idp"]
