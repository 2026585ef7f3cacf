"""The LDAP target against a real OpenLDAP with the overlays memberof, refint, unique and ppolicy."""

import uuid
from collections.abc import Callable, Iterator, Mapping

import pytest

from connector.core.errors import Misconfigured
from connector.mapping.names import relative_name
from connector.targets.base import (
    Account,
    AlreadyExists,
    Capability,
    Changes,
    Missing,
    NotAllowed,
    Rejected,
    Target,
    Unreachable,
)
from connector.targets.compare import differences, is_nothing
from connector.targets.ldap import LdapTarget
from connector.targets.registry import open_target
from tests.contract.target_contract import GroupContract, Shape
from tests.servers.pki import make_pki
from tests.servers.slapd import BASE_DN, LOCKED_FOR_GOOD, Slapd

Open = Callable[..., LdapTarget]


@pytest.fixture
def open_ldap(slapd: Slapd, monkeypatch: pytest.MonkeyPatch) -> Open:
    def make(**over: str) -> LdapTarget:
        target = open_target("ldap", "slapd", options_for(slapd) | over)
        assert isinstance(target, LdapTarget)
        return target

    monkeypatch.setenv("LDAP_PASSWORD", slapd.bind_password)
    return make


def options_for(slapd: Slapd) -> dict[str, str]:
    return {
        "url": slapd.url.replace("127.0.0.1", "localhost"),
        "ca_file": str(slapd.ca_file),
        "bind_dn": slapd.bind_dn,
        "password": "env:LDAP_PASSWORD",
        "accounts_base": f"ou=agents,{BASE_DN}",
        "groups_base": f"ou=groups,{BASE_DN}",
        "people_base": f"ou=people,{BASE_DN}",
        "page_size": "4",
    }


def agent(uid: str, **attributes: object) -> Account:
    values = {"objectClass": ["inetOrgPerson", "aiAgent"], "uid": uid, "cn": uid, "sn": "(agent)", **attributes}
    return Account(name=f"uid={uid}", attributes=values)  # type: ignore[arg-type]


@pytest.fixture
def uid() -> str:
    return f"agent-{uuid.uuid4().hex[:12]}"


class TestSlapd(GroupContract):
    @pytest.fixture
    def shape(self) -> Shape:
        fixed = {"objectClass": ["inetOrgPerson", "aiAgent"], "cn": "bot", "sn": "(agent)"}
        return Shape(handle="uid", address="uid", fixed=fixed)

    @pytest.fixture
    def target(self, open_ldap: Open) -> Target:
        return open_ldap()


class TestSlapdByStartTls(TestSlapd):
    @pytest.fixture
    def target(self, slapd: Slapd, open_ldap: Open) -> Target:
        return open_ldap(url=slapd.plain_url.replace("127.0.0.1", "localhost"), start_tls="true")


def test_disabling_is_the_lock_of_the_password_policy(slapd: Slapd, open_ldap: Open, uid: str) -> None:
    target = open_ldap()
    created = target.create(agent(uid))
    slapd.set_password(created.name, "agent-password-1")

    target.set_active(created.id, False)
    locked = slapd.can_bind(created.name, "agent-password-1")
    target.set_active(created.id, True)

    assert not locked
    assert slapd.can_bind(created.name, "agent-password-1")


def test_an_account_created_disabled_is_locked_from_its_first_moment(slapd: Slapd, open_ldap: Open, uid: str) -> None:
    created = open_ldap().create(Account(name=f"uid={uid}", active=False, attributes=agent(uid).attributes))

    entry = slapd.entry(created.name)

    assert entry is not None
    assert entry.attributes["pwdAccountLockedTime"] == [LOCKED_FOR_GOOD]


def test_a_lock_after_wrong_passwords_is_not_disabled(slapd: Slapd, open_ldap: Open, uid: str) -> None:
    target = open_ldap()
    created = target.create(agent(uid))
    slapd.modify(created.name, {"pwdAccountLockedTime": ["20260101000000Z"]})

    found = target.read(created.id)

    assert found is not None
    assert found.active


def test_a_rename_keeps_anchor_and_membership(open_ldap: Open, uid: str) -> None:
    target = open_ldap()
    created = target.create(agent(uid))
    group = target.create_group(f"g-{uid}", first_member=created.id)

    renamed = target.update(created.id, differences(agent(uid + "-b"), created, normalise=target.normalise))

    assert renamed.id == created.id
    assert renamed.name.startswith(f"uid={uid}-b,")
    assert renamed.attributes["uid"] == f"{uid}-b"
    assert target.memberships(created.id, [group.id]) == {group.id}


@pytest.mark.parametrize("value", ['a, "b" #1', "#1", "ü+ö=é", "back\\slash", "<x>;y"])
def test_a_name_of_special_characters_is_one_name(open_ldap: Open, uid: str, value: str) -> None:
    target, handle = open_ldap(), value + uid
    wanted = Account(name=relative_name({"uid": handle}), attributes=agent(handle).attributes)

    created = target.create(wanted)

    assert created.attributes["uid"] == handle
    assert is_nothing(differences(wanted, created, normalise=target.normalise))
    assert [found.id for found in target.find("uid", handle)] == [created.id]


def test_the_owner_is_compared_as_a_name_and_not_as_text(slapd: Slapd, open_ldap: Open, uid: str) -> None:
    target = open_ldap()
    owner = slapd.add_person(f"owner-{uid}")
    created = target.create(agent(uid, manager=owner))

    assert target.find_person("mail", f"OWNER-{uid}@example.com") == [owner]
    again = agent(uid, manager=owner.upper().replace(",", " , ").replace("UID=", "uid = "))
    assert is_nothing(differences(again, created, normalise=target.normalise))


def test_classes_are_added_and_never_taken_away(slapd: Slapd, open_ldap: Open, uid: str) -> None:
    target = open_ldap()
    dn = slapd.add(f"uid={uid},ou=agents,{BASE_DN}", ["inetOrgPerson", "posixAccount"], _posix(uid))
    found = target.find("uid", uid)[0]
    wanted = agent(uid, agentId=f"id-{uid}")

    updated = target.update(found.id, differences(wanted, found, normalise=target.normalise))

    assert found.name == dn
    assert updated.attributes["objectClass"] == ["inetOrgPerson", "posixAccount", "aiAgent"]
    assert is_nothing(differences(wanted, updated, managed=wanted.attributes, normalise=target.normalise))


def _posix(uid: str) -> Mapping[str, str]:
    return {"uid": uid, "cn": uid, "sn": uid, "uidNumber": "1000", "gidNumber": "1000", "homeDirectory": "/x"}


def test_the_placeholder_keeps_the_last_member_free_to_leave_a_group_of_someone_else(
    slapd: Slapd, open_ldap: Open, uid: str
) -> None:
    target = open_ldap()
    created = target.create(agent(uid))
    dn = slapd.add(f"cn={uid},ou=groups,{BASE_DN}", ["groupOfNames"], {"cn": uid, "member": created.name})
    group = target.find_group(uid)
    assert group is not None

    target.leave(group.id, created.id)

    entry = slapd.entry(dn)
    assert entry is not None
    assert entry.attributes["member"] == ["cn=nobody"]


@pytest.fixture(scope="module")
def crowded(slapd: Slapd) -> Iterator[str]:
    """A unit with more entries than the server gives to one search without paging (500)."""
    base = slapd.add(f"ou=crowded,{BASE_DN}", ["organizationalUnit"], {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LDAP_PASSWORD", slapd.bind_password)
        target = open_target("ldap", "crowd", options_for(slapd) | {"accounts_base": base})
        for number in range(505):
            target.create(agent(f"crowd-{number}"))
    yield base


def test_a_walk_meets_all_of_more_entries_than_the_server_gives_at_once(open_ldap: Open, crowded: str) -> None:
    listed = list(open_ldap(accounts_base=crowded, page_size="200").accounts())

    assert len({account.id for account in listed}) == 505


def test_a_search_that_the_server_cuts_off_is_unreachable_and_not_an_answer(open_ldap: Open, crowded: str) -> None:
    target = open_ldap(accounts_base=crowded)
    target._wire._page_size = None  # type: ignore[assignment]  # without paging

    with pytest.raises(Unreachable, match="only a part of the answer was given"):
        list(target.accounts())


def test_a_walk_and_other_calls_do_not_disturb_each_other(open_ldap: Open, uid: str) -> None:
    target = open_ldap(page_size="2")
    made = {target.create(agent(f"{uid}-{number}")).id for number in range(6)}

    seen = {account.id for account in target.accounts() if target.read(account.id) is not None}

    assert made <= seen


def test_a_base_that_is_not_there_is_no_empty_directory(open_ldap: Open) -> None:
    target = open_ldap(accounts_base=f"ou=absent,{BASE_DN}")

    with pytest.raises(NotAllowed, match="ou=absent"):
        target.check()
    for call in (
        lambda: list(target.accounts()),
        lambda: target.read(str(uuid.uuid4())),
        lambda: target.find("uid", "x"),
    ):
        with pytest.raises(Unreachable, match="ou=absent"):
            call()


def test_the_unique_overlay_says_who_holds_the_value(open_ldap: Open, uid: str) -> None:
    target = open_ldap()
    first = target.create(agent(uid))

    with pytest.raises(AlreadyExists) as problem:
        target.create(Account(name=f"cn=other-{uid}", attributes=agent(uid, cn=f"other-{uid}").attributes))

    assert problem.value.id in (first.id, "")


@pytest.mark.parametrize(
    ("attributes", "error"),
    [
        ({"sn": ""}, Rejected),
        ({"objectClass": ["device"]}, Rejected),
        ({"noSuchAttribute": "x"}, Rejected),
        ({"manager": "not a name"}, Rejected),
        ({"mail": "ümlaut@example.com"}, Rejected),
        ({"title": {"a": "b"}}, Rejected),
    ],
)
def test_what_the_schema_refuses_is_rejected(
    open_ldap: Open, uid: str, attributes: dict[str, object], error: type
) -> None:
    with pytest.raises(error):
        open_ldap().create(agent(uid, **attributes))


def test_a_wrong_password_is_not_allowed_and_not_told(open_ldap: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LDAP_PASSWORD", "a-wrong-password")

    with pytest.raises(NotAllowed) as problem:
        open_ldap().check()

    assert "a-wrong-password" not in str(problem.value)
    assert "a-wrong-password" not in repr(open_ldap().__dict__)


def test_what_we_may_not_write_is_not_allowed(
    slapd: Slapd, open_ldap: Open, monkeypatch: pytest.MonkeyPatch, uid: str
) -> None:
    person = slapd.add_person(f"reader-{uid}")
    slapd.set_password(person, "reader-password-1")
    monkeypatch.setenv("LDAP_PASSWORD", "reader-password-1")

    with pytest.raises(NotAllowed):
        open_ldap(bind_dn=person).create(agent(uid))


def test_a_certificate_of_another_ca_names_the_option(
    open_ldap: Open, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = make_pki(tmp_path_factory.mktemp("other-pki"))

    with pytest.raises(Unreachable, match=f"ca_file {other.ca_file}"):
        open_ldap(ca_file=str(other.ca_file)).check()


def test_a_directory_that_comes_back_is_used_again(slapd: Slapd, open_ldap: Open, uid: str) -> None:
    target = open_ldap()
    created = target.create(agent(uid))

    slapd.pause()
    with pytest.raises(Unreachable):
        target.read(created.id)
    slapd.resume()
    found = target.read(created.id)
    slapd.pause()
    slapd.resume()
    updated = target.update(created.id, Changes(set={"title": "after"}))

    assert found is not None
    assert updated.attributes["title"] == "after"


def test_without_bases_there_are_neither_groups_nor_people(open_ldap: Open) -> None:
    target = open_ldap(groups_base="", people_base="")

    assert target.capabilities == {Capability.DISABLE, Capability.DELETE}
    assert target.find_person("mail", "x") == []
    assert target.find_group("x") is None


def test_joining_with_an_account_that_is_gone_says_missing(open_ldap: Open, uid: str) -> None:
    target = open_ldap()
    created = target.create(agent(uid))
    group = target.create_group(uid, first_member=created.id)

    with pytest.raises(Missing, match="account"):
        target.join(group.id, str(uuid.uuid4()))


@pytest.mark.parametrize(
    ("over", "problem"),
    [
        (
            {"url": "ldap://localhost"},
            "start_tls: needed with ldap:// and only there .the password would travel in clear",
        ),
        ({"start_tls": "true"}, "start_tls: needed with ldap:// and only there"),
        ({"url": "http://localhost"}, "url: write it as ldaps://host or ldap://host"),
        ({"accounts_base": "agents"}, "accounts_base: 'agents' is not a distinguished name"),
        ({"password": "plain"}, "password must be a reference, env:NAME or file:PATH"),
        ({"read_timeout": "0"}, "read_timeout: 0 is not between 0 and 1000000"),
        ({"group_class": "posixGroup"}, "group_class: 'posixGroup' is not one of groupOfNames, groupOfUniqueNames"),
    ],
)
def test_an_unsafe_or_wrong_option_is_refused(
    slapd: Slapd, open_ldap: Open, over: dict[str, str], problem: str
) -> None:
    with pytest.raises(Misconfigured, match=problem):
        open_ldap(**over)
