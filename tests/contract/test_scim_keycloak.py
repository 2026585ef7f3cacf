"""The SCIM target against the SCIM API of a real Keycloak."""

from collections.abc import Iterator

import pytest

from connector.targets.base import Account, Capability, Changes, Rejected, Target, Unsupported
from connector.targets.compare import differences, is_nothing
from connector.targets.registry import open_target
from tests.contract.directory_contract import DirectoryContract
from tests.contract.target_contract import GroupContract, Shape
from tests.mappings.golden import assert_taken_as_they_are, golden_accounts
from tests.servers.keycloak import Keycloak

# The first test of all waits for Keycloak: fetched and built once per machine, started once per run.
pytestmark = [pytest.mark.xdist_group("keycloak"), pytest.mark.timeout(600)]

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
WORK = 'emails[type eq "work"].value'


@pytest.fixture
def target(keycloak: Keycloak, monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    monkeypatch.setenv("KEYCLOAK_SECRET", keycloak.client_secret)
    options = {
        "url": keycloak.scim_url,
        "profile": "keycloak",
        "token_url": keycloak.token_url,
        "client_id": keycloak.client_id,
        "client_secret": "env:KEYCLOAK_SECRET",
    }
    yield open_target("scim", "keycloak", options)


def keycloak_account(shape: Shape, handle: str, **attributes: object) -> Account:
    """Names and an address of its own are what Keycloak's user profile demands of everybody."""
    own = {WORK: f"{handle}@agents.invalid", "name.givenName": "Bot", "name.familyName": "Agent"}
    values = {shape.handle: handle, shape.text: f"Bot {handle}", **own, **attributes}
    return Account(attributes=values)  # type: ignore[arg-type]


class TestKeycloakScim(GroupContract, DirectoryContract):
    make = staticmethod(keycloak_account)  # type: ignore[assignment]

    def test_what_the_user_profile_maps_is_kept_and_changed(self, target: Target, shape: Shape, handle: str) -> None:
        manager, department = f"{ENTERPRISE}:manager.value", f"{ENTERPRISE}:department"
        values: dict[str, object] = {"externalId": handle, "userType": "Agent", manager: "m-1", department: "Finance"}
        wanted = self.make(shape, handle, **values)
        other = self.make(shape, handle, externalId=handle, **{manager: "m-2", WORK: f"{handle}@other.invalid"})

        created = target.create(wanted)
        changes = differences(other, created, managed=tuple(values), normalise=target.normalise)
        updated = target.update(created.id, changes)

        assert is_nothing(differences(wanted, created, normalise=target.normalise))
        assert is_nothing(differences(other, updated, managed=tuple(values), normalise=target.normalise))
        assert [one.id for one in target.find("externalId", handle)] == [created.id]

    def test_what_the_shipped_mapping_gives_is_taken(self, target: Target, handle: str) -> None:
        assert_taken_as_they_are(target, golden_accounts("scim-keycloak", handle))

    def test_a_name_that_it_refuses_is_rejected_in_its_own_words(
        self, target: Target, shape: Shape, handle: str
    ) -> None:
        with pytest.raises(Rejected, match="lastName contains invalid character"):
            target.create(self.make(shape, handle, **{"name.familyName": "(agent)"}))

    def test_changes_are_not_promised_because_their_date_stands_still(
        self, target: Target, shape: Shape, handle: str
    ) -> None:
        """If this fails, Keycloak has learned to date its changes, and its profile can say so."""
        created = target.create(self.make(shape, handle))
        before = target._resource(created.id)[0]["meta"]  # type: ignore[attr-defined]

        target.update(created.id, Changes(set={"title": "Changed"}))

        assert target._resource(created.id)[0]["meta"] == before  # type: ignore[attr-defined]
        assert Capability.CHANGES not in target.capabilities
        with pytest.raises(Unsupported):
            list(target.changes(""))  # type: ignore[attr-defined]
