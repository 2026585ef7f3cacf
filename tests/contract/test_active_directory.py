"""The Active Directory target keeps the contract at a real domain controller, signed in as an account with few rights."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connector.core.errors import Misconfigured
from connector.targets.active_directory import ActiveDirectoryTarget
from connector.targets.base import Account, AlreadyExists, Changes, Missing, NotAllowed, Rejected, Unreachable
from connector.targets.compare import differences, is_nothing
from connector.targets.registry import open_target
from tests.contract.target_contract import GroupContract, Shape
from tests.servers.pki import make_pki
from tests.servers.samba import BASE_DN, Samba, quoted

pytestmark = pytest.mark.xdist_group("samba")
PASSWORD = "Correct-Horse-8attery"


@pytest.fixture
def options(domain_options: dict[str, str]) -> dict[str, str]:
    return domain_options


@pytest.fixture
def target(options: dict[str, str]) -> Iterator[ActiveDirectoryTarget]:
    opened = open_active_directory(options)
    yield opened
    opened.close()


def open_active_directory(options: dict[str, str], **other: str) -> ActiveDirectoryTarget:
    opened = open_target("active_directory", "domain", {**options, **other})
    assert isinstance(opened, ActiveDirectoryTarget)
    return opened


def bot(handle: str = "", **attributes: object) -> Account:
    handle = handle or f"bot-{uuid.uuid4().hex[:10]}"
    return Account(name=f"cn={handle}", attributes={"sAMAccountName": handle, **attributes})  # type: ignore[dict-item]


class TestActiveDirectoryTarget(GroupContract):
    @pytest.fixture
    def shape(self) -> Shape:
        return Shape(handle="sAMAccountName", text="info", address="cn")

    @pytest.fixture
    def handle(self) -> str:
        return f"bot-{uuid.uuid4().hex[:8]}"  # leaves room for what the tests append, within 20 characters


def test_over_start_tls_it_signs_in_and_reads(options: dict[str, str], samba: Samba) -> None:
    target = open_active_directory(options, url=samba.plain_url, start_tls="true")

    assert target.check().startswith(f"Active Directory (dc1.ad.example.test) at {samba.plain_url}")


@pytest.mark.parametrize("start_tls", [False, True])
def test_a_certificate_of_another_authority_is_refused(
    options: dict[str, str], samba: Samba, tmp_path: Path, start_tls: bool
) -> None:
    other = str(make_pki(tmp_path / "other").ca_file)
    url = samba.plain_url if start_tls else samba.url
    target = open_active_directory(options, url=url, ca_file=other, start_tls=str(start_tls).lower())

    with pytest.raises(Unreachable, match="not trusted"):
        target.check()


def test_a_base_outside_a_domain_is_refused_before_anything_is_sent(options: dict[str, str]) -> None:
    with pytest.raises(Misconfigured, match="accounts_base"):
        open_active_directory(options, accounts_base="ou=agents,o=example")


def test_why_the_sign_in_fails_is_said_in_plain_words(
    options: dict[str, str], samba: Samba, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = f"svc-{uuid.uuid4().hex[:8]}"
    samba.add_person(handle, enabled=False, unicodePwd=quoted(PASSWORD))
    monkeypatch.setenv("AD_PASSWORD", PASSWORD)

    with pytest.raises(NotAllowed, match="the account to sign in with is disabled") as disabled:
        open_active_directory(options, bind_dn=f"{handle}@ad.example.test").check()
    with pytest.raises(NotAllowed, match="the name or the password to sign in with is wrong"):
        open_active_directory(options).check()
    assert PASSWORD not in str(disabled.value)


def test_a_new_account_is_enabled_and_has_a_password_that_nobody_knows(
    target: ActiveDirectoryTarget, samba: Samba
) -> None:
    created = target.create(bot())

    entry = samba.entry(created.name)
    assert entry is not None
    assert entry.attributes["userAccountControl"] == ["512"]
    assert entry.attributes["pwdLastSet"] != ["0"]
    assert not samba.can_bind(created.name, "x")
    assert "unicodePwd" not in created.attributes


def test_a_password_is_written_and_never_read_compared_or_shown(target: ActiveDirectoryTarget, samba: Samba) -> None:
    wanted = bot(unicodePwd=PASSWORD)
    created = target.create(wanted)

    assert samba.can_bind(created.name, PASSWORD)
    assert is_nothing(differences(wanted, created, managed=wanted.attributes, normalise=target.normalise))
    with pytest.raises(Rejected, match="not strong enough") as problem:
        target.update(created.id, Changes(set={"unicodePwd": "sh0rt"}))
    assert "sh0rt" not in str(problem.value)


def test_disabling_locks_out_and_enabling_lets_in_and_the_other_bits_stay(
    target: ActiveDirectoryTarget, samba: Samba
) -> None:
    created = target.create(bot(unicodePwd=PASSWORD))
    samba.modify(created.name, {"userAccountControl": ["66048"]})  # the password never expires

    target.set_active(created.id, False)
    disabled = samba.entry(created.name)
    could = samba.can_bind(created.name, PASSWORD)
    target.set_active(created.id, True)
    enabled = samba.entry(created.name)

    assert disabled is not None and enabled is not None
    assert disabled.attributes["userAccountControl"] == ["66050"]
    assert enabled.attributes["userAccountControl"] == ["66048"]
    assert not could
    assert samba.can_bind(created.name, PASSWORD)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("x" * 21, "at most 20"),
        ("a:b", "':'"),
        ("a@b", "'@'"),
        ("ends.", "a dot"),
        ("", "is needed"),
    ],
)
def test_a_logon_name_that_windows_would_not_take_is_rejected_though_samba_might(
    target: ActiveDirectoryTarget, name: str, why: str
) -> None:
    created = target.create(bot())

    for refused in (
        lambda: target.create(replace(bot(), attributes={"sAMAccountName": name})),
        lambda: target.update(created.id, Changes(set={"sAMAccountName": name})),
    ):
        with pytest.raises(Rejected, match=why) as problem:
            refused()
        assert problem.value.attribute == "sAMAccountName"


def test_a_common_name_that_is_too_long_is_rejected(target: ActiveDirectoryTarget) -> None:
    created = target.create(bot())

    for refused in (
        lambda: target.create(replace(bot(), name="cn=" + "x" * 65)),
        lambda: target.update(created.id, Changes(rename="cn=" + "x" * 65)),
        lambda: target.create_group("x" * 65, first_member=created.id),
    ):
        with pytest.raises(Rejected, match="at most 64"):
            refused()


def test_a_principal_name_is_completed_by_the_domain_and_no_difference(target: ActiveDirectoryTarget) -> None:
    wanted = bot()
    handle = str(wanted.attributes["sAMAccountName"])
    wanted = bot(handle, userPrincipalName=handle)

    created = target.create(wanted)

    assert created.attributes["userPrincipalName"] == f"{handle}@ad.example.test"
    assert is_nothing(differences(wanted, created, normalise=target.normalise))
    assert [one.id for one in target.find("userPrincipalName", handle)] == [created.id]


def test_a_principal_or_logon_name_that_is_taken_is_said_to_be(target: ActiveDirectoryTarget) -> None:
    first = bot()
    handle = str(first.attributes["sAMAccountName"])
    target.create(bot(handle, userPrincipalName=handle))

    with pytest.raises(AlreadyExists):
        target.create(bot(userPrincipalName=handle))
    with pytest.raises(AlreadyExists, match="sAMAccountName is taken"):
        target.create(replace(bot(), attributes=first.attributes))


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ({"manager": f"CN=nobody,OU=People,{BASE_DN}"}, "manager, is not there"),
        ({"agentId": "x"}, "no such attribute"),
        ({"title": "x" * 200}, "too long"),
        ({"userAccountControl": "512"}, "follows the state"),
    ],
)
def test_a_refused_value_is_explained(target: ActiveDirectoryTarget, attributes: dict[str, object], why: str) -> None:
    with pytest.raises(Rejected, match=why):
        target.create(bot(**attributes))


def test_outside_of_our_unit_we_may_not_write(options: dict[str, str], samba: Samba) -> None:
    target = open_active_directory(options, accounts_base=samba.people)

    with pytest.raises(NotAllowed):
        target.create(bot())


@pytest.mark.parametrize("name", ["Administrator", "krbtgt", "Guest"])
def test_the_domains_own_accounts_are_never_adopted_and_never_changed(options: dict[str, str], name: str) -> None:
    target = open_active_directory(options, accounts_base=f"CN=Users,{BASE_DN}")
    account = next(one for one in target.accounts() if one.attributes["sAMAccountName"] == name)

    for refused in (
        lambda: target.find("sAMAccountName", name),
        lambda: target.update(account.id, Changes(set={"title": "x"})),
        lambda: target.set_active(account.id, False),
        lambda: target.delete(account.id),
    ):
        with pytest.raises(Rejected, match="protected"):
            refused()


def test_an_account_that_was_an_administrator_is_protected(target: ActiveDirectoryTarget, samba: Samba) -> None:
    created = target.create(bot())
    samba.modify(created.name, {"adminCount": ["1"]})

    with pytest.raises(Rejected, match="adminCount"):
        target.set_active(created.id, False)

    assert target.read(created.id) is not None


def test_nobody_joins_a_group_of_administrators(options: dict[str, str]) -> None:
    target = open_active_directory(options, groups_base=f"CN=Users,{BASE_DN}")
    account = target.create(bot())
    admins = target.find_group("domain admins")

    assert admins is not None
    with pytest.raises(Rejected, match="protected"):
        target.join(admins.id, account.id)


def test_the_primary_group_holds_its_accounts_and_cannot_be_left(options: dict[str, str]) -> None:
    target = open_active_directory(options, groups_base=f"CN=Users,{BASE_DN}")
    account = target.create(bot())
    users = target.find_group("Domain Users")

    assert users is not None
    assert target.memberships(account.id, [users.id]) == {users.id}
    assert account.id in set(target.members(users.id))
    with pytest.raises(Rejected, match="primary group"):
        target.leave(users.id, account.id)


def test_a_refusal_other_than_not_being_in_is_no_success(target: ActiveDirectoryTarget, samba: Samba) -> None:
    """A group that became an account's primary group: the server keeps no member value to take out."""
    account = target.create(bot())
    group = target.create_group(f"g-{uuid.uuid4().hex[:8]}", first_member=account.id)
    entry = samba.entry(f"CN={group.name},{samba.groups}")
    assert entry is not None
    samba.modify(account.name, {"primaryGroupID": [samba.relative_id(entry.dn)]})

    joined = target.memberships(account.id, [group.id])
    target.join(group.id, account.id)

    assert joined == {group.id}
    assert account.id in set(target.members(group.id))
    with pytest.raises(Rejected, match="primary group"):
        target.leave(group.id, account.id)


def test_the_owner_is_the_manager_and_names_are_compared_as_names(target: ActiveDirectoryTarget, samba: Samba) -> None:
    handle = f"rosa-{uuid.uuid4().hex[:8]}"
    person = samba.add_person(handle)
    wanted = bot(manager=person.upper().replace(",", ", "))

    created = target.create(wanted)

    assert target.find_person("mail", f"{handle.upper()}@example.com") == [person]
    assert is_nothing(differences(wanted, created, normalise=target.normalise))


def test_a_renamed_account_stays_in_its_groups_and_a_deleted_one_leaves_them(
    target: ActiveDirectoryTarget, samba: Samba
) -> None:
    account = target.create(bot())
    group = target.create_group(f"g-{uuid.uuid4().hex[:8]}", first_member=account.id)

    target.update(account.id, Changes(rename=f"cn=bot {uuid.uuid4().hex[:8]}\\, renamed"))
    renamed = target.memberships(account.id, [group.id])
    target.delete(account.id)

    assert renamed == {group.id}
    assert list(target.members(group.id)) == []


def test_a_restarted_controller_is_found_again_and_an_absent_one_is_no_missing_account(
    target: ActiveDirectoryTarget, samba: Samba
) -> None:
    created = target.create(bot())
    samba.pause()
    try:
        with pytest.raises(Unreachable):
            target.read(created.id)
    finally:
        samba.resume()

    assert target.read(created.id) is not None


def test_a_group_may_have_the_name_of_an_account(target: ActiveDirectoryTarget) -> None:
    account = target.create(bot())
    handle = str(account.attributes["sAMAccountName"])

    made = target.create_group(handle, first_member=account.id)

    assert target.find_group(handle) == made


def test_members_of_a_group_that_is_gone_are_missing_and_not_none(target: ActiveDirectoryTarget) -> None:
    with pytest.raises(Missing):
        list(target.members(str(uuid.uuid4())))


def test_a_new_group_is_managed_by_the_owner_of_its_first_member_where_that_is_wanted(
    options: dict[str, str], samba: Samba
) -> None:
    wanted = open_active_directory(options, groups_managed_by="owner")
    rosa, name = samba.add_person(f"rosa-{uuid.uuid4().hex[:8]}"), f"g-{uuid.uuid4().hex[:8]}"
    owned, orphan = wanted.create(bot(manager=rosa)), wanted.create(bot())
    groups = {f"{name}-1": (wanted, owned), f"{name}-2": (wanted, orphan)}
    groups[f"{name}-3"] = (open_active_directory(options), owned)

    for group, (target, member) in groups.items():
        target.create_group(group, first_member=member.id)

    found = [samba.entry(f"CN={group},{samba.groups}") for group in groups]
    assert [one and one.attributes.get("managedBy") for one in found] == [[rosa], None, None]
    assert samba.entry(owned.name).attributes["manager"] == [rosa]  # type: ignore[union-attr]
