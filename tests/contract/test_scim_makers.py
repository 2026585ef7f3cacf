"""The SCIM target's profiles against stand-ins that refuse what Entra ID, AWS IAM Identity Center and Google publish as unsupported."""

import json
from collections.abc import Iterator
from typing import ClassVar

import pytest

from connector.targets.base import Account, Capability, Missing, Rejected, Target, Unsupported
from connector.targets.registry import open_target
from tests.contract.directory_contract import DirectoryContract
from tests.contract.target_contract import GroupContract, Shape
from tests.mappings.golden import assert_taken_as_they_are, golden_accounts
from tests.servers.fake import serving
from tests.servers.scim_fake import TOKEN, ScimFake
from tests.servers.scim_makers import AwsFake, EntraFake, GoogleFake

NICKNAME = "urn:ietf:params:scim:schemas:extension:Microsoft:Entra:2.0:User:mailNickname"
WORK = 'emails[type eq "work"]'


class MakerContract(GroupContract, DirectoryContract):
    profile: str
    maker: type[ScimFake]
    mapping = "scim"
    own: ClassVar[dict[str, object]] = {}

    @pytest.fixture
    def fake(self) -> Iterator[ScimFake]:
        made = self.maker()
        with serving(made):
            yield made

    @pytest.fixture
    def target(self, fake: ScimFake, monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
        monkeypatch.setenv("SCIM_TOKEN", TOKEN)
        options = {"url": fake.url, "token": "env:SCIM_TOKEN", "profile": self.profile, "page_size": "3"}
        yield open_target("scim", self.profile, options)

    @pytest.fixture
    def shape(self) -> Shape:
        return Shape(fixed={"name.givenName": "Bot", "name.familyName": "Agent", **self.own})

    def test_what_the_maker_demands_is_named_before_anything_is_sent(
        self, target: Target, fake: ScimFake, handle: str
    ) -> None:
        with pytest.raises(Rejected) as problem:
            target.create(Account(attributes={"userName": handle, "displayName": "x", **self.own}))  # type: ignore[dict-item]

        assert problem.value.attribute == "name.givenName"
        assert fake.sent("POST") == []

    def test_what_the_shipped_mapping_gives_is_taken(self, target: Target, handle: str) -> None:
        assert_taken_as_they_are(target, golden_accounts(self.mapping, handle))

    def test_changes_are_not_promised(self, target: Target) -> None:
        assert Capability.CHANGES not in target.capabilities

    def test_a_group_of_many_loses_nobody_when_one_comes_and_goes(
        self, target: Target, shape: Shape, handle: str
    ) -> None:
        accounts = [target.create(self.make(shape, f"{handle}-{number}")).id for number in range(8)]
        group = target.create_group(handle, first_member=accounts[0])  # type: ignore[attr-defined]
        for account in accounts[1:]:
            target.join(group.id, account)  # type: ignore[attr-defined]

        target.leave(group.id, accounts[3])  # type: ignore[attr-defined]

        assert sorted(target.members(group.id)) == sorted(set(accounts) - {accounts[3]})  # type: ignore[attr-defined]


class TestAws(MakerContract):
    profile, maker = "aws", AwsFake
    own: ClassVar[dict[str, object]] = {f"{WORK}.value": "bot@agents.invalid", f"{WORK}.primary": True}

    def test_a_second_address_is_refused_here_by_its_name(self, target: Target, shape: Shape, handle: str) -> None:
        with pytest.raises(Rejected) as problem:
            target.create(self.make(shape, handle, **{'emails[type eq "home"].value': "b@agents.invalid"}))

        assert problem.value.attribute == "emails"


class TestEntra(MakerContract):
    profile, maker = "entra", EntraFake
    mapping = "scim-entra"

    @staticmethod
    def make(shape: Shape, handle: str, **attributes: object) -> Account:
        return GroupContract.make(shape, handle, **{NICKNAME: handle, **attributes})

    def test_every_new_user_has_a_password_of_its_own_that_is_kept_nowhere(
        self, target: Target, fake: ScimFake, shape: Shape, handle: str
    ) -> None:
        made = [target.create(self.make(shape, f"{handle}-{number}")) for number in (1, 2)]

        passwords = [body["password"] for body in fake.bodies if body]
        assert len(set(passwords)) == 2
        assert not any(password in json.dumps(one.attributes) for one in made for password in passwords)


class TestGoogle(MakerContract):
    profile, maker = "google", GoogleFake
    own: ClassVar[dict[str, object]] = {f"{WORK}.value": "bot@agents.invalid"}


def test_a_page_that_google_sends_for_what_it_does_not_know_is_not_taken_for_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SCIM_TOKEN", TOKEN)
    with serving(GoogleFake()) as fake:
        options = {"url": fake.url, "token": "env:SCIM_TOKEN", "profile": "google", "write": "put"}
        target = open_target("scim", "google", options)
        attributes = {"userName": "a", "name.givenName": "A", "name.familyName": "B", f"{WORK}.value": "a@x.invalid"}
        created = target.create(Account(attributes=attributes))

        with pytest.raises(Unsupported, match="it has no PUT"):
            target.set_active(created.id, False)

        target.delete(created.id)
        with pytest.raises(Missing):
            target.set_active(created.id, False)
