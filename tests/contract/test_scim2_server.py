"""The SCIM target against a strict server of another maker."""

from collections.abc import Iterator

import pytest

from connector.targets.base import Account, Changes, NotAllowed, Target
from connector.targets.compare import differences, is_nothing
from connector.targets.registry import open_target
from tests.contract.directory_contract import ChangesContract, DirectoryContract
from tests.contract.target_contract import GroupContract, Shape
from tests.servers.scim2_server import Scim2Server

MANAGER = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value"
DEPARTMENT = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"
WORK = 'emails[type eq "work"].value'
PRIMARY = 'emails[type eq "work"].primary'


class ScimContract(GroupContract, DirectoryContract, ChangesContract):
    """What is asked of every way to write to this server."""

    write = "auto"

    @pytest.fixture
    def target(self, scim2_server: Scim2Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
        monkeypatch.setenv("SCIM_TOKEN", scim2_server.token)
        yield open_target(
            "scim",
            "strict",
            {"url": scim2_server.url, "token": "env:SCIM_TOKEN", "page_size": "5", "write": self.write},
        )

    def test_sub_attributes_extensions_and_items_of_lists_are_set_changed_and_cleared(
        self, target: Target, shape: Shape, handle: str
    ) -> None:
        managed = ("name.givenName", "name.familyName", WORK, PRIMARY, MANAGER, DEPARTMENT, "roles.value")
        one = self.make(
            shape,
            handle,
            **{
                "name.givenName": "A",
                "name.familyName": "B",
                WORK: f"{handle}@x.invalid",
                PRIMARY: True,
                MANAGER: "m-1",
            },
            **{DEPARTMENT: "Finance"},
        )
        two = self.make(
            shape,
            handle,
            **{"name.givenName": "C", WORK: f"{handle}@y.invalid", MANAGER: "m-2", "roles.value": ["r", "s"]},
        )
        three = self.make(shape, handle)
        found = target.create(one)

        for wanted in (one, two, three, one):
            changes = differences(wanted, found, managed=managed, normalise=target.normalise)
            found = target.update(found.id, changes)

            assert is_nothing(differences(wanted, found, managed=managed, normalise=target.normalise))

    def test_other_values_of_a_list_stay_as_they_are(self, target: Target, shape: Shape, handle: str) -> None:
        others = [{"type": "home", "value": f"{handle}@home.invalid"}]
        created = target.create(self.make(shape, handle, emails=others))

        target.update(created.id, Changes(set={WORK: f"{handle}@work.invalid"}))
        updated = target.update(created.id, Changes(set={WORK: f"{handle}@other.invalid"}))
        cleared = target.update(created.id, Changes(clear=(WORK,)))

        assert updated.attributes[WORK] == f"{handle}@other.invalid"
        assert updated.attributes['emails[type eq "home"].value'] == f"{handle}@home.invalid"
        assert cleared.attributes["emails"] == others

    def test_a_person_is_found_by_user_name(self, target: Target, handle: str) -> None:
        person = target.create(Account(attributes={"userName": f"{handle}@example.com"}))

        assert target.find_person("userName", f"{handle}@EXAMPLE.com") == [person.id]  # type: ignore[attr-defined]


class TestScim2ServerByPatch(ScimContract):
    pass


class TestScim2ServerByPut(ScimContract):
    write = "put"


def test_only_the_accounts_that_are_ours_are_listed(scim2_server: Scim2Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCIM_TOKEN", scim2_server.token)
    options = {"url": scim2_server.url, "token": "env:SCIM_TOKEN"}
    everything = open_target("scim", "all", options)
    ours = open_target("scim", "ours", options | {"accounts_where": "userType=Agent"})
    agent = everything.create(Account(attributes={"userName": "only-agent", "userType": "Agent"}))
    person = everything.create(Account(attributes={"userName": "only-person"}))

    listed = {account.id for account in ours.accounts()}

    assert agent.id in listed
    assert person.id not in listed
    assert {agent.id, person.id} <= {account.id for account in everything.accounts()}


def test_a_wrong_token_is_not_allowed(scim2_server: Scim2Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCIM_TOKEN", "wrong-token-value")
    target = open_target("scim", "strict", {"url": scim2_server.url, "token": "env:SCIM_TOKEN"})

    with pytest.raises(NotAllowed) as problem:
        target.read("x")

    assert "wrong-token-value" not in str(problem.value)
