"""What a real OpenLDAP tells of its changes, its people and its groups."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from connector.targets.base import Account, Capability, Changes, CookieExpired, Unsupported
from connector.targets.ldap import LdapTarget
from connector.targets.ldap_options import LdapOptions
from connector.targets.options import read_options
from tests.contract.reading_contract import ReadingContract, gone, ids, last_cookie
from tests.servers.slapd import BASE_DN, LOCKED_FOR_GOOD, Slapd


class SmallPages(LdapTarget):
    _page = 3


class OpenLdapPlace:
    """One unit of the directory; agents are below its people."""

    def __init__(self, slapd: Slapd) -> None:
        self._slapd = slapd
        self.people = slapd.add(f"ou=r-{uuid.uuid4().hex},ou=agents,{BASE_DN}", ["organizationalUnit"], {})
        self.agents = slapd.add(f"ou=agents,{self.people}", ["organizationalUnit"], {})

    def add_person(self, handle: str, **attributes: Any) -> str:
        values = {"cn": handle, "sn": "x", "mail": f"{handle}@example.com", **attributes}
        return self._slapd.add(f"uid={handle},{self.people}", ["inetOrgPerson"], values)

    def disable_person(self, name: str) -> None:
        self._slapd.modify(name, {"pwdAccountLockedTime": [LOCKED_FOR_GOOD]})

    def move_away(self, account: Account) -> None:
        self._slapd.move(account.name, f"ou=people,{BASE_DN}")


@pytest.fixture
def place(slapd: Slapd) -> OpenLdapPlace:
    return OpenLdapPlace(slapd)


@pytest.fixture
def target(ldap_options: dict[str, str], place: OpenLdapPlace) -> Iterator[LdapTarget]:
    yield from opened(ldap_options, place, "sync")


def opened(options: dict[str, str], place: OpenLdapPlace, changes: str, **other: str) -> Iterator[LdapTarget]:
    own = {"accounts_base": place.agents, "people_base": place.people, "changes": changes, **other}
    made = SmallPages("directory", read_options(LdapOptions, {**options, **own}, target="directory"))
    yield made
    made.close()


def bot(handle: str, **attributes: Any) -> Account:
    values = {"objectClass": ["inetOrgPerson", "aiAgent"], "uid": handle, "cn": handle, "sn": "(agent)", **attributes}
    return Account(name=f"uid={handle}", attributes=values)


class TestLdapReading(ReadingContract):
    def account(self, handle: str, **attributes: Any) -> Account:
        return bot(handle, **attributes)

    def renamed(self, handle: str) -> str:
        return f"uid={handle}"

    @pytest.fixture
    def expired(self, target: LdapTarget) -> list[str]:
        target.create(bot("bot-" + uuid.uuid4().hex[:10]))
        return [
            "sync rid=000,csn=20010101000000.000000Z#000000#000#000000",
            "sync rid=000,csn=20990101000000.000000Z#000000#000#000000",  # of before it was restored from a backup
            "sync of another directory",
            "since 20270101000000Z",
            "usn 00000000-0000-0000-0000-000000000000 5",
        ]


def test_what_was_deleted_before_a_restart_is_not_passed_over(target: LdapTarget, slapd: Slapd) -> None:
    """The directory forgets then what it deleted, and names what is there instead."""
    deleted, changed = (target.create(bot(f"bot-{uuid.uuid4().hex[:10]}")) for _ in range(2))
    cookie = last_cookie(target.changes(""))
    target.delete(deleted.id)
    target.update(changed.id, Changes(set={"title": "new"}))
    slapd.pause()
    slapd.resume()

    with pytest.raises(CookieExpired):
        list(target.changes(cookie))


def test_more_changes_than_the_directory_gives_at_once_need_a_full_read(target: LdapTarget, slapd: Slapd) -> None:
    cookie = last_cookie(target.changes(""))
    made = {target.create(bot(f"bot-{uuid.uuid4().hex[:10]}")).id for _ in range(510)}

    with pytest.raises(CookieExpired):
        list(target.changes(cookie))

    assert ids(target.changes("")) == made


def test_the_check_says_whether_the_directory_can_tell_changes(target: LdapTarget) -> None:
    assert target.check().startswith("OpenLDAP at ")


def test_the_placeholder_of_empty_groups_is_nobody(ldap_options: dict[str, str], place: OpenLdapPlace) -> None:
    nobody, rosa = place.add_person("nobody"), place.add_person("rosa-" + uuid.uuid4().hex[:8])
    target = next(opened(ldap_options, place, "none", placeholder=nobody))

    assert [person.name for person in target.people()] == [rosa]
    assert target.find_person("mail", "nobody@example.com") == []


class TestTimestamps:
    @pytest.fixture
    def target(self, ldap_options: dict[str, str], place: OpenLdapPlace) -> Iterator[LdapTarget]:
        yield from opened(ldap_options, place, "timestamps")

    def test_changes_are_told_and_deletions_only_by_a_full_read(self, target: LdapTarget) -> None:
        deleted, changed = (target.create(bot(f"bot-{uuid.uuid4().hex[:10]}")) for _ in range(2))
        first = list(target.changes(""))
        target.update(changed.id, Changes(set={"title": "new"}))
        target.delete(deleted.id)
        added = target.create(bot(f"bot-{uuid.uuid4().hex[:10]}"))

        since = list(target.changes(first[-1].cookie))
        whole = list(target.changes(""))

        assert ids(first) == {deleted.id, changed.id}
        assert all(page.whole for page in [*first, *whole])
        assert ids(since) == {changed.id, added.id}
        assert gone(since) == set()
        assert not any(page.whole for page in since)
        assert ids(whole) == {changed.id, added.id}

    def test_a_cookie_of_another_way_is_expired(self, target: LdapTarget) -> None:
        with pytest.raises(CookieExpired):
            list(target.changes("sync rid=000,csn=20010101000000.000000Z#000000#000#000000"))

    def test_an_empty_base_has_nothing_to_go_on_from(self, target: LdapTarget) -> None:
        assert last_cookie(target.changes("")) == ""


def test_a_target_that_is_not_set_to_tells_no_changes(ldap_options: dict[str, str], place: OpenLdapPlace) -> None:
    target = next(opened(ldap_options, place, "none"))

    assert Capability.CHANGES not in target.capabilities
    with pytest.raises(Unsupported, match="option changes"):
        target.changes("")
