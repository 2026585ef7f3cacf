"""The keycloak target against a real Keycloak, over its Admin REST API."""

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from joserfc import jwk

from connector.targets.base import Account, AlreadyExists, Changes, NotAllowed, Rejected, Target
from connector.targets.compare import differences, is_nothing
from connector.targets.keycloak import KeycloakTarget
from connector.targets.registry import open_target
from tests.contract.directory_contract import ChangesContract, DirectoryContract
from tests.contract.target_contract import GroupContract, Shape
from tests.mappings.golden import assert_taken_as_they_are, golden_accounts
from tests.servers.keycloak import Keycloak

# The first test of all waits for Keycloak: fetched and built once per machine, started once per run.
pytestmark = [pytest.mark.xdist_group("keycloak"), pytest.mark.timeout(600)]

Open = Callable[..., KeycloakTarget]


@pytest.fixture
def opened(keycloak: Keycloak, monkeypatch: pytest.MonkeyPatch) -> Open:
    monkeypatch.setenv("KEYCLOAK_SECRET", keycloak.client_secret)
    options = {"url": keycloak.url, "realm": keycloak.realm, "client_id": keycloak.client_id, "page_size": "7"}

    def open_(kind: str, **more: str) -> KeycloakTarget:
        given = {**options, "client_secret": "env:KEYCLOAK_SECRET", **more}
        target = open_target("keycloak", "keycloak", given, object=kind)
        assert isinstance(target, KeycloakTarget)
        return target

    return open_


def person(shape: Shape, handle: str, **attributes: object) -> Account:
    own = {"email": f"{handle}@agents.invalid", "firstName": "Bot", "lastName": "Agent"}
    values = {shape.handle: handle, shape.text: f"Bot {handle}", **own, **attributes}
    return Account(attributes=values)  # type: ignore[arg-type]


class UsersContract(DirectoryContract, GroupContract, ChangesContract):
    make = staticmethod(person)  # type: ignore[assignment]

    @pytest.fixture
    def shape(self) -> Shape:
        return Shape(handle="username", text="attributes.shown", optional="attributes.agentType")


class TestUsersWithGroups(UsersContract):
    @pytest.fixture
    def target(self, opened: Open) -> Iterator[Target]:
        yield opened("user")

    def test_a_change_leaves_every_other_attribute(self, target: Target, shape: Shape, handle: str) -> None:
        others = {"attributes.agentId": "agt-1", "attributes.notOurs": ["one", "two"]}
        created = target.create(self.make(shape, handle, **others))

        updated = target.update(created.id, Changes(set={"attributes.owner": "jane"}))
        disabled = target.set_active(created.id, False)

        assert updated.attributes["attributes.owner"] == "jane"
        assert {name: disabled.attributes[name] for name in others} == others

    def test_an_address_that_is_taken_tells_whose_it_is(self, target: Target, shape: Shape, handle: str) -> None:
        first = target.create(self.make(shape, handle))

        with pytest.raises(AlreadyExists) as problem:
            target.create(self.make(shape, handle + "-2", email=f"{handle}@agents.invalid"))

        assert (problem.value.attribute, problem.value.id) == ("email", first.id)

    def test_a_name_that_the_profile_refuses_is_named(self, target: Target, shape: Shape, handle: str) -> None:
        with pytest.raises(Rejected) as problem:
            target.create(self.make(shape, handle, lastName="(agent)"))

        assert problem.value.attribute == "lastName"
        assert "does not allow this character" in problem.value.detail


class TestUsersWithRoles(UsersContract):
    @pytest.fixture
    def target(self, opened: Open) -> Iterator[Target]:
        yield opened("user", groups_are="roles")


class TestClients(GroupContract, ChangesContract):
    @pytest.fixture
    def shape(self) -> Shape:
        return Shape(handle="clientId", text="attributes.shown", optional="description")

    @pytest.fixture
    def target(self, opened: Open) -> Iterator[Target]:
        yield opened("client")

    def test_an_agent_can_sign_in_as_a_client_and_not_through_a_browser(
        self, target: Target, keycloak: Keycloak, wanted: Account
    ) -> None:
        created = target.create(wanted)

        made = keycloak.admin("GET", f"/clients/{created.id}").json()
        assert (made["publicClient"], made["serviceAccountsEnabled"], made["standardFlowEnabled"]) == (
            False,
            True,
            False,
        )
        assert made["secret"] not in str(created)

    def test_custom_attributes_are_set_changed_and_cleared(self, target: Target, shape: Shape, handle: str) -> None:
        managed = ("attributes.owner", "attributes.agentId")
        one = self.make(shape, handle, **{"attributes.owner": "jane", "attributes.agentId": "a"})
        two = self.make(shape, handle, **{"attributes.owner": "rosa"})
        found = target.create(one)

        for wanted in (one, two, one):
            found = target.update(found.id, differences(wanted, found, managed=managed, normalise=target.normalise))

            assert is_nothing(differences(wanted, found, managed=managed, normalise=target.normalise))

    def test_a_text_that_its_database_cannot_hold_is_refused_here(
        self, target: Target, shape: Shape, handle: str
    ) -> None:
        with pytest.raises(Rejected) as problem:
            target.create(self.make(shape, handle, name="x" * 256))

        assert problem.value.attribute == "name"
        assert target.find("clientId", handle) == []

    def test_our_own_client_is_no_account(self, target: Target, keycloak: Keycloak) -> None:
        assert keycloak.client_id not in [account.attributes["clientId"] for account in target.accounts()]

    def test_its_service_account_is_what_is_in_the_group(
        self, target: Target, opened: Open, keycloak: Keycloak, shape: Shape, handle: str
    ) -> None:
        created = target.create(self.make(shape, f"Upper-{handle}"))
        group = target.create_group(handle, first_member=created.id)  # type: ignore[attr-defined]
        human = keycloak.add_person(f"in-{handle}")
        opened("user").join(group.id, human)

        (service,) = set(opened("user").members(group.id)) - {human}
        members = set(target.members(group.id))  # type: ignore[attr-defined]

        assert opened("user").read(service).attributes["username"] == f"service-account-upper-{handle}"  # type: ignore[union-attr]
        assert members == {created.id, human}


@pytest.mark.parametrize(("object", "mapping"), [("user", "keycloak"), ("client", "keycloak-client")])
def test_what_the_shipped_mapping_gives_is_taken(opened: Open, object: str, mapping: str) -> None:
    assert_taken_as_they_are(opened(object), golden_accounts(mapping, uuid.uuid4().hex[:8]))


def test_only_the_accounts_that_are_ours_are_listed_and_the_others_are_people(opened: Open, keycloak: Keycloak) -> None:
    ours = opened("user", accounts_where="attributes.kind=agent")
    agent = ours.create(
        person(Shape(handle="username", text="attributes.shown"), "own-agent", **{"attributes.kind": "agent"})
    )
    human = keycloak.add_person("own-person")

    accounts, people = {one.id for one in ours.accounts()}, {one.id for one in ours.people()}

    assert agent.id in accounts - people
    assert human in people - accounts
    assert ours.find_person("email", "OWN-person@example.com") == [human]


def test_a_list_that_shrinks_under_the_walk_passes_nobody_over(opened: Open, keycloak: Keycloak) -> None:
    ids = [keycloak.add_person(f"walked-{number:02}") for number in range(20)]
    met = []

    for account in opened("user").accounts():
        met.append(account.id)
        if account.id == ids[8]:
            for gone in ids[:5]:
                keycloak.admin("DELETE", f"/users/{gone}")

    assert set(ids) <= set(met)
    assert len(met) == len(set(met))


def test_an_attribute_that_the_realm_would_drop_is_refused_before_anything_is_written(
    opened: Open, keycloak: Keycloak
) -> None:
    profile = keycloak.admin("GET", "/users/profile").json()
    keycloak.admin("PUT", "/users/profile", {**profile, "unmanagedAttributePolicy": None})
    try:
        target = opened("user")
        wanted = person(Shape(handle="username", text="attributes.shown"), "dropped", **{"attributes.unknown": "x"})

        with pytest.raises(Rejected) as problem:
            target.create(wanted)

        assert problem.value.attribute == "attributes.unknown"
        assert "user profile" in problem.value.detail
        assert "refused" in target.check()
        assert target.find("username", "dropped") == []
    finally:
        keycloak.admin("PUT", "/users/profile", profile)


def test_a_key_signs_in_instead_of_a_secret(keycloak: Keycloak, tmp_path: Path) -> None:
    key = jwk.ECKey.generate_key("P-256", parameters={"kid": "k1", "use": "sig", "alg": "ES256"})
    (tmp_path / "key.pem").write_bytes(key.as_pem(private=True))
    keys = json.dumps({"keys": [key.as_dict(private=False)]})
    by_key = {"use.jwks.string": "true", "jwks.string": keys, "token.endpoint.auth.signing.alg": "ES256"}
    keycloak.add_manager("by-key", clientAuthenticatorType="client-jwt", attributes=by_key)
    options = {"client_id": "by-key", "private_key": f"file:{tmp_path / 'key.pem'}", "key_id": "k1"}

    target = open_target("keycloak", "keycloak", {"url": keycloak.url, "realm": keycloak.realm, **options})

    assert "users" in target.check()


def test_a_wrong_secret_is_not_allowed_and_not_told(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYCLOAK_SECRET", "a-wrong-secret-value")
    target = opened("user")

    with pytest.raises(NotAllowed) as problem:
        target.read("x")

    assert "a-wrong-secret-value" not in str(problem.value)
    assert "nvalid client" in problem.value.detail
