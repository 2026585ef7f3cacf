"""What a real domain controller tells of its changes, its people and its groups."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from connector.targets.active_directory import ActiveDirectoryTarget
from connector.targets.base import Account, CookieExpired
from connector.targets.ldap_options import ActiveDirectoryOptions
from connector.targets.options import read_options
from tests.contract.reading_contract import ReadingContract, ids, last_cookie
from tests.servers.samba import Samba, quoted

pytestmark = pytest.mark.xdist_group("samba")


class SmallPages(ActiveDirectoryTarget):
    _first_step = 4
    _members_at_once = 10


class DomainPlace:
    """One unit of the domain; agents are below its people."""

    def __init__(self, samba: Samba) -> None:
        self._samba = samba
        self.people = samba.add(f"OU=r-{uuid.uuid4().hex[:12]},{samba.agents}", ["organizationalUnit"], {})
        self.agents = samba.add(f"OU=Agents,{self.people}", ["organizationalUnit"], {})

    def add_person(self, handle: str, **attributes: Any) -> str:
        return self._samba.add_person(handle, below=self.people, **attributes)

    def disable_person(self, name: str) -> None:
        self._samba.modify(name, {"userAccountControl": ["514"]})

    def move_away(self, account: Account) -> None:
        self._samba.move(account.name, self._samba.people)


@pytest.fixture
def place(samba: Samba) -> DomainPlace:
    return DomainPlace(samba)


@pytest.fixture
def target(domain_options: dict[str, str], place: DomainPlace) -> Iterator[ActiveDirectoryTarget]:
    made = opened(domain_options, place)
    yield made
    made.close()


def opened(options: dict[str, str], place: DomainPlace, **other: str) -> ActiveDirectoryTarget:
    own = {"accounts_base": place.agents, "people_base": place.people, **other}
    return SmallPages("domain", read_options(ActiveDirectoryOptions, {**options, **own}, target="domain"))


class TestActiveDirectoryReading(ReadingContract):
    def account(self, handle: str, **attributes: Any) -> Account:
        return Account(name=f"cn={handle}", attributes={"sAMAccountName": handle, **attributes})

    def renamed(self, handle: str) -> str:
        return f"cn={handle}"

    @pytest.fixture
    def expired(self, target: ActiveDirectoryTarget) -> list[str]:
        kind, controller, _ = last_cookie(target.changes("")).split()
        ahead = f"{kind} {controller} 4000000000"  # it was restored from a backup of yesterday
        return [f"usn {uuid.uuid4()} 5", ahead, "since 20270101000000Z"]


def test_a_full_read_is_taken_up_again_at_the_page_where_it_broke_off(target: ActiveDirectoryTarget) -> None:
    def make(name: str) -> str:
        logon_name = f"f-{uuid.uuid4().hex[:8]}"
        return target.create(Account(name=f"cn={name}", attributes={"sAMAccountName": logon_name})).id

    before = {make("one"), make("two")}
    first = next(iter(target.changes("")))
    after = make("three")

    rest = list(target.changes(first.cookie))

    assert first.whole and ids([first]) == before
    assert ids(rest) == {after}


def test_whoever_sees_no_deleted_entries_must_read_everything(
    domain_options: dict[str, str], place: DomainPlace, samba: Samba
) -> None:
    """Without that right the domain names no deletion, and says nothing about it."""
    handle = f"blind-{uuid.uuid4().hex[:8]}"
    samba.add_person(handle, unicodePwd=quoted(samba.bind_password))
    target = opened(domain_options, place, bind_dn=f"{handle}@ad.example.test")
    cookie = last_cookie(target.changes(""))

    with pytest.raises(CookieExpired, match="sees no deleted entries"):
        list(target.changes(cookie))
    assert "where we see no deleted entries" in target.check()


def test_the_domains_own_accounts_are_no_people(
    domain_options: dict[str, str], place: DomainPlace, samba: Samba
) -> None:
    target = opened(domain_options, place, people_base=samba.base_dn)

    names = {person.attributes["cn"] for person in target.people()}

    assert "connector" in names
    assert not names & {"Administrator", "krbtgt", "Guest"}
