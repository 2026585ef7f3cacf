"""The LDAP target keeps the contract at a real OpenLDAP, over verified TLS only."""

import os
import socket
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from connector.core.errors import Misconfigured
from connector.targets.base import (
    Account,
    AlreadyExists,
    Changes,
    GroupTarget,
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

PLACEHOLDER = f"cn=nobody,{BASE_DN}"


@pytest.fixture
def options(ldap_options: dict[str, str]) -> dict[str, str]:
    return ldap_options


@pytest.fixture
def target(options: dict[str, str]) -> Iterator[LdapTarget]:
    opened = open_target("ldap", "directory", options)
    assert isinstance(opened, LdapTarget)
    yield opened
    opened.close()


def bot(handle: str = "", **attributes: object) -> Account:
    handle = handle or f"bot-{uuid.uuid4().hex[:12]}"
    values = {"objectClass": ["inetOrgPerson", "aiAgent"], "uid": handle, "cn": handle, "sn": "(agent)", **attributes}
    return Account(name=f"uid={handle}", attributes=values)  # type: ignore[arg-type]


class TestLdapTarget(GroupContract):
    @pytest.fixture
    def shape(self) -> Shape:
        fixed: dict[str, object] = {"objectClass": ["inetOrgPerson", "aiAgent"], "cn": "bot", "sn": "(agent)"}
        return Shape(handle="uid", fixed=fixed, address="uid")


def test_over_start_tls_it_signs_in_and_reads(options: dict[str, str], slapd: Slapd) -> None:
    target = open_target("ldap", "starttls", {**options, "url": slapd.plain_url, "start_tls": "true"})

    assert target.check().startswith(f"OpenLDAP at {slapd.plain_url}")


@pytest.mark.parametrize("start_tls", [False, True])
def test_a_certificate_of_another_authority_is_refused_by_name(
    options: dict[str, str], slapd: Slapd, tmp_path: Path, start_tls: bool
) -> None:
    other = str(make_pki(tmp_path / "other").ca_file)
    url = slapd.plain_url if start_tls else slapd.url
    target = open_target("ldap", "x", {**options, "url": url, "ca_file": other, "start_tls": str(start_tls).lower()})

    with pytest.raises(Unreachable) as problem:
        target.check()

    assert other in problem.value.detail
    assert "127.0.0.1" in problem.value.detail


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ldap://ldap.example"},
        {"url": "ldaps://ldap.example", "start_tls": "true"},
        {"url": "https://ldap.example"},
        {"url": "ldaps://ldap.example:x"},
        {"ca_file": "/nowhere/ca.pem"},
        {"placeholder": ""},
    ],
)
def test_options_that_cannot_be_right_are_refused_before_anything_is_sent(
    options: dict[str, str], wrong: dict[str, str]
) -> None:
    with pytest.raises(Misconfigured):
        open_target("ldap", "x", {**options, **wrong})


def test_an_empty_password_is_refused(options: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LDAP_PASSWORD", "")

    with pytest.raises(Misconfigured, match="password"):
        open_target("ldap", "x", options)


def test_a_wrong_password_is_not_allowed_and_never_shown(
    options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LDAP_PASSWORD", "a-very-wrong-password")
    target = open_target("ldap", "x", options)

    with pytest.raises(NotAllowed) as problem:
        target.check()

    assert "a-very-wrong-password" not in repr(problem.value) + repr(target) + repr(vars(target))


def test_a_restarted_server_is_found_again_and_an_absent_one_is_no_missing_account(
    target: LdapTarget, slapd: Slapd
) -> None:
    created = target.create(bot())
    slapd.pause()
    try:
        with pytest.raises(Unreachable):
            target.read(created.id)
    finally:
        slapd.resume()
    assert target.read(created.id) is not None
    slapd.pause()
    slapd.resume()

    assert target.read(created.id) is not None


def test_a_base_that_is_not_there_is_no_missing_account(options: dict[str, str]) -> None:
    target = open_target("ldap", "x", {**options, "accounts_base": f"ou=nowhere,{BASE_DN}"})

    with pytest.raises(Unreachable):
        target.read(str(uuid.uuid4()))
    with pytest.raises(Unreachable):
        target.find("uid", "bot")


def many(options: dict[str, str], slapd: Slapd) -> tuple[Target, set[str]]:
    """More accounts than the directory gives at once, in a unit of their own."""
    unit = slapd.add(f"ou={uuid.uuid4().hex},ou=agents,{BASE_DN}", ["organizationalUnit"], {})
    target = open_target("ldap", "many", {**options, "accounts_base": unit})
    return target, {target.create(bot()).id for _ in range(510)}


def test_more_accounts_than_the_servers_limit_are_all_listed_and_found(options: dict[str, str], slapd: Slapd) -> None:
    target, made = many(options, slapd)

    assert {account.id for account in target.accounts()} == made
    assert {account.id for account in target.find("sn", "(agent)")} == made


def test_a_walk_that_the_directory_breaks_off_is_an_error_and_no_shorter_list(
    options: dict[str, str], slapd: Slapd
) -> None:
    target, _ = many(options, slapd)
    walk = target.accounts()
    next(walk)
    slapd.pause()
    try:
        with pytest.raises(Unreachable):
            list(walk)
    finally:
        slapd.resume()


def test_disabling_locks_out_and_enabling_lets_in(target: LdapTarget, slapd: Slapd) -> None:
    created = target.create(bot(userPassword="correct horse battery"))

    target.set_active(created.id, False)
    locked = slapd.entry(created.name)
    could = slapd.can_bind(created.name, "correct horse battery")
    target.set_active(created.id, True)

    assert locked is not None
    assert locked.attributes["pwdAccountLockedTime"] == [LOCKED_FOR_GOOD]
    assert not could
    assert slapd.can_bind(created.name, "correct horse battery")


def test_a_password_is_written_and_never_read_compared_or_shown(target: LdapTarget) -> None:
    wanted = bot(userPassword="correct horse battery")
    created = target.create(wanted)

    assert "userPassword" not in created.attributes
    assert is_nothing(differences(wanted, created, managed=wanted.attributes, normalise=target.normalise))
    with pytest.raises(Exception, match=r"userPassword|password|Password") as problem:
        target.update(created.id, Changes(set={"userPassword": "short"}))
    assert "short" not in str(problem.value).replace("too short", "")


def test_names_of_entries_are_compared_as_names(target: LdapTarget, slapd: Slapd) -> None:
    person = slapd.add_person(f"rosa-{uuid.uuid4().hex[:8]}")
    wanted = bot(manager=person.upper().replace(",", ", "), mail=["a@x.invalid", "b@x.invalid"], title="")

    created = target.create(wanted)

    assert is_nothing(differences(wanted, created, managed=wanted.attributes, normalise=target.normalise))
    assert [account.id for account in target.find("manager", person)] == [created.id]


def test_classes_that_others_gave_an_entry_are_no_difference_and_stay(target: LdapTarget, slapd: Slapd) -> None:
    wanted = bot()
    created = target.create(wanted)
    slapd.modify(
        created.name,
        {"objectClass": ["inetOrgPerson", "aiAgent", "simpleSecurityObject"]}
        | {"userPassword": ["correct horse battery"]},
    )

    updated = target.update(created.id, Changes(set={"objectClass": ["inetOrgPerson", "aiAgent"], "title": "x"}))

    assert "simpleSecurityObject" in updated.attributes["objectClass"]  # type: ignore[operator]
    assert is_nothing(differences(wanted, updated, normalise=target.normalise))


def test_an_adopted_entry_gets_the_classes_that_it_lacks(target: LdapTarget, slapd: Slapd) -> None:
    wanted = bot()
    plain = {name: value for name, value in wanted.attributes.items() if name != "agentId"}
    made = target.create(Account(name=wanted.name, attributes={**plain, "objectClass": ["inetOrgPerson"]}))
    needed = Account(name=wanted.name, attributes={**plain, "agentId": "agt-1"})

    changes = differences(needed, made, normalise=target.normalise)
    updated = target.update(made.id, changes)

    assert set(updated.attributes["objectClass"]) == {"inetOrgPerson", "aiAgent"}  # type: ignore[arg-type]
    assert updated.attributes["agentId"] == "agt-1"
    assert is_nothing(differences(needed, updated, normalise=target.normalise))


def test_the_last_member_leaves_the_placeholder_which_goes_when_somebody_joins(
    target: LdapTarget, slapd: Slapd
) -> None:
    account, name = target.create(bot()), uuid.uuid4().hex
    group = target.create_group(name, first_member=account.id)
    assert isinstance(target, GroupTarget)

    target.leave(group.id, account.id)
    empty = slapd.entry(f"cn={name},ou=groups,{BASE_DN}")
    target.join(group.id, account.id)
    full = slapd.entry(f"cn={name},ou=groups,{BASE_DN}")

    assert empty is not None and full is not None
    assert empty.attributes["member"] == [PLACEHOLDER]
    assert full.attributes["member"] == [account.name]


def test_a_deleted_account_leaves_no_membership_to_a_later_one_of_its_name(target: LdapTarget) -> None:
    wanted = bot()
    account = target.create(wanted)
    group = target.create_group(uuid.uuid4().hex, first_member=account.id)

    target.delete(account.id)
    again = target.create(wanted)

    assert again.id != account.id
    assert target.memberships(again.id, [group.id]) == frozenset()


def test_a_value_that_the_directory_keeps_unique_is_taken(target: LdapTarget) -> None:
    first = target.create(bot())

    with pytest.raises(AlreadyExists):
        target.create(Account(name=f"cn=other-{uuid.uuid4().hex}", attributes=first.attributes))


def test_a_person_is_found_as_a_name(target: Target, slapd: Slapd) -> None:
    assert isinstance(target, LdapTarget)
    uid = f"rosa-{uuid.uuid4().hex[:8]}"
    person = slapd.add_person(uid)

    assert target.find_person("mail", f"{uid.upper()}@example.com") == [person]
    assert target.find_person("mail", "*") == []


def test_a_server_that_says_nothing_is_given_up_in_time(options: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"ldaps://127.0.0.1:{silent.getsockname()[1]}"
        target = open_target("ldap", "x", {**options, "url": url, "read_timeout": "1"})
        began = time.monotonic()

        with pytest.raises(Unreachable):
            target.read(str(uuid.uuid4()))

    assert time.monotonic() - began < 5


def test_a_renamed_account_stays_in_its_groups(target: LdapTarget) -> None:
    account = target.create(bot())
    group = target.create_group(uuid.uuid4().hex, first_member=account.id)
    new = f"bot-{uuid.uuid4().hex}, with a comma"

    renamed = target.update(account.id, Changes(rename="uid=" + new.replace(",", "\\,")))

    assert renamed.attributes["uid"] == new
    assert target.memberships(account.id, [group.id]) == {group.id}


def test_an_attribute_under_another_of_its_names_is_refused_and_not_taken_for_absent(target: LdapTarget) -> None:
    account = target.create(bot())

    with pytest.raises(Rejected):
        target.find("userid", str(account.attributes["uid"]))


@pytest.mark.parametrize("name", ["", "uid", "uid=", "uid=a,ou=elsewhere", "=a"])
def test_an_address_that_is_not_one_relative_name_is_rejected(target: LdapTarget, name: str) -> None:
    with pytest.raises(Rejected):
        target.create(Account(name=name, attributes=bot().attributes))


@pytest.mark.parametrize("wrong", ["password", "ca_file"])
def test_a_refused_connection_leaves_no_socket_open(
    options: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    if wrong == "password":
        monkeypatch.setenv("LDAP_PASSWORD", "a-very-wrong-password")
    else:
        options |= {"ca_file": str(make_pki(tmp_path / "other").ca_file)}
    target = open_target("ldap", "x", options)
    before = len(os.listdir("/proc/self/fd"))

    for _ in range(3):
        with pytest.raises((NotAllowed, Unreachable)):
            target.check()

    assert len(os.listdir("/proc/self/fd")) == before


def test_threads_may_share_a_target(target: LdapTarget) -> None:
    accounts = [target.create(bot()) for _ in range(8)]

    def look(account: Account) -> list[str]:
        return [found.id for _ in range(10) for found in target.find("uid", str(account.attributes["uid"]))]

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(look, accounts))

    assert seen == [[account.id] * 10 for account in accounts]


def test_several_keys_are_looked_for_in_one_call(target: LdapTarget) -> None:
    odd = f"b(o*t)-{uuid.uuid4().hex[:8]}"
    target.create(bot(odd))

    assert target.has_any([("agentId", "nobody"), ("uid", odd)])
    assert target.has_any([("uid", odd.upper()), ("agentId", "nobody")])
    assert not target.has_any([("agentId", "nobody"), ("uid", f"{odd}-absent")])
    assert not target.has_any([("agentId", "*"), ("uid", "*")])  # nothing but a value


def test_a_new_group_is_owned_by_the_owner_of_its_first_member_where_that_is_wanted(
    options: dict[str, str], slapd: Slapd
) -> None:
    rosa, name = slapd.add_person(uuid.uuid4().hex), uuid.uuid4().hex
    for way in ("owner", "nobody"):
        target = open_target("ldap", "directory", {**options, "groups_managed_by": way})
        assert isinstance(target, LdapTarget)
        owned, orphan = target.create(bot(manager=rosa)), target.create(bot())
        target.create_group(f"{name}-{way}", first_member=owned.id)
        target.create_group(f"{name}-{way}-of-nobody", first_member=orphan.id)
        target.close()

    found = [slapd.entry(f"cn={name}-{of},ou=groups,{BASE_DN}") for of in ("owner", "owner-of-nobody", "nobody")]
    assert [one and one.attributes.get("owner") for one in found] == [[rosa], None, None]
