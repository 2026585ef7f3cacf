"""`connector directory sync` at a real Keycloak, over its Admin REST API and over its SCIM API."""

import pytest

from tests.contract.sync_contract import SyncContract, Told
from tests.servers.keycloak import Keycloak

pytestmark = [pytest.mark.xdist_group("keycloak"), pytest.mark.timeout(600)]


class Realm:
    """What people sign in by is their username."""

    def __init__(self, keycloak: Keycloak) -> None:
        self._keycloak = keycloak

    def person(self, handle: str) -> str:
        attributes = {"department": ["Finance"], "agentType": ["Analyst"]}
        return self._keycloak.add_person(handle, email=f"{handle}@people.example", attributes=attributes)

    def _change(self, person: str, **values: object) -> None:
        held = self._keycloak.admin("GET", f"/users/{person}").json()
        self._keycloak.admin("PUT", f"/users/{person}", {**held, **values})

    def rename(self, person: str, handle: str) -> None:
        self._change(person, username=handle)

    def disable(self, person: str) -> None:
        self._change(person, enabled=False)

    def delete(self, person: str) -> None:
        self._keycloak.admin("DELETE", f"/users/{person}")

    def group(self, name: str, *members: str) -> str:
        made = self._keycloak.admin("POST", "/groups", {"name": name}).headers["Location"].rpartition("/")[2]
        for one in members:
            self._keycloak.admin("PUT", f"/users/{one}/groups/{made}")
        return made

    def leave(self, group: str, member: str, *, stays: str) -> None:
        self._keycloak.admin("DELETE", f"/users/{member}/groups/{group}")


class RealmContract(SyncContract):
    @pytest.fixture
    def there(self, keycloak: Keycloak) -> Realm:
        return Realm(keycloak)

    @pytest.fixture(autouse=True)
    def secret(self, keycloak: Keycloak, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KEYCLOAK_SECRET", keycloak.client_secret)


class TestAdminApi(RealmContract):
    @pytest.fixture
    def told(self, keycloak: Keycloak) -> Told:
        options = {"url": keycloak.url, "realm": keycloak.realm, "client_id": keycloak.client_id, "page_size": "7"}
        fields = (
            "{userName: username, givenName: firstName, familyName: lastName, email: email, "
            "title: attributes.agentType, department: attributes.department}"
        )
        more = {"client_secret": "env:KEYCLOAK_SECRET", "accounts_where": "attributes.kind=agent"}
        return Told("keycloak", {**options, **more}, fields)


class TestScimApi(RealmContract):
    @pytest.fixture
    def told(self, keycloak: Keycloak) -> Told:
        client = {"client_id": keycloak.client_id, "client_secret": "env:KEYCLOAK_SECRET"}
        options = {"url": keycloak.scim_url, "profile": "keycloak", "token_url": keycloak.token_url, **client}
        enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
        fields = (
            """{userName: userName, email: 'emails[type eq "work"].value', title: title, """
            f"department: '{enterprise}:department'}}"
        )
        return Told("scim-keycloak", {**options, "accounts_where": "userType=Agent"}, fields)
