"""The PingOne target keeps the contract at a stand-in with PingOne's rules; an error's code decides and not its status."""

import uuid
from collections.abc import Callable, Iterator

import pytest

from connector.core.errors import Misconfigured
from connector.targets.base import (
    Account,
    AlreadyExists,
    Changes,
    CookieExpired,
    Missing,
    NotAllowed,
    Rejected,
    Target,
    TargetError,
    Throttled,
    Unreachable,
)
from connector.targets.pingone import PingOneTarget
from connector.targets.registry import open_target
from tests.conftest import Clock
from tests.contract.directory_contract import ChangesContract, DirectoryContract
from tests.contract.target_contract import GroupContract, Shape
from tests.servers.fake import Fault, serving
from tests.servers.pingone_fake import SECRET, PingOneFake

Open = Callable[..., PingOneTarget]


@pytest.fixture
def fake(clock: Clock) -> Iterator[PingOneFake]:
    made = PingOneFake(clock)
    with serving(made):
        yield made


@pytest.fixture
def ping(fake: PingOneFake, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Open:
    monkeypatch.setenv("PING_SECRET", SECRET)

    def make(**options: str) -> PingOneTarget:
        target = open_target("pingone", "ping", fake.options | options, clock=clock)
        assert isinstance(target, PingOneTarget)
        return target

    return make


class TestPingOne(GroupContract, DirectoryContract, ChangesContract):
    @pytest.fixture
    def shape(self) -> Shape:
        return Shape(handle="username", text="name.given", fixed={"email": "bot@agents.invalid", "type": "agent"})

    @pytest.fixture
    def target(self, ping: Open) -> Target:
        return ping(page_size="3", accounts_where="")


def _agent(username: str = "bot", **more: object) -> Account:
    attributes = {"username": username, "email": "bot@agents.invalid", "type": "agent", "name.given": "Bot", **more}
    return Account(attributes=attributes)  # type: ignore[arg-type]


def test_an_account_is_disabled_even_where_a_creation_passes_over_it(ping: Open, fake: PingOneFake) -> None:
    fake.creates_enabled = True

    made = ping().create(Account(active=False, attributes=_agent().attributes))

    assert not made.active
    assert not fake.users[made.id]["enabled"]


def test_a_part_of_a_name_is_changed_and_the_others_stay(ping: Open, fake: PingOneFake) -> None:
    made = ping(population="pop-1").create(_agent(**{"name.family": "(agent)"}))

    changed = ping().update(made.id, Changes(set={"name.given": "Two"}, clear=("name.family",)))

    assert fake.users[made.id]["name"] == {"given": "Two"}
    assert fake.users[made.id]["population"] == {"id": "pop-1"}
    assert changed.attributes["name.given"] == "Two"
    assert "name.family" not in changed.attributes
    assert "population.id" not in changed.attributes


def test_agents_are_accounts_and_all_others_are_people(ping: Open) -> None:
    person = ping().create(_agent("rosa", type="person"))
    agents = [ping().create(_agent(f"bot-{number}")) for number in range(4)]

    assert [one.id for one in ping(page_size="2").accounts()] == [one.id for one in agents]
    assert [one.id for one in ping().people()] == [person.id]
    assert len(list(ping(accounts_where="").accounts())) == 5
    assert ping().find_person("username", "ROSA") == [person.id]


def test_groups_that_a_filter_fills_are_read_and_not_written(ping: Open, fake: PingOneFake) -> None:
    made = ping().create(_agent())
    fake.groups["dyn"] = {"id": "dyn", "name": "finance", "userFilter": 'type eq "agent"'}
    fake.members.add(("dyn", made.id))

    assert ping().find_group("finance") is None
    assert list(ping().members("dyn")) == [made.id]
    assert [group.name for group in ping().groups()] == ["finance"]
    with pytest.raises(Rejected, match="not a group that users can be assigned to"):
        ping().join("dyn", made.id)
    with pytest.raises(AlreadyExists):
        ping().create_group("finance", first_member=made.id)
    with pytest.raises(Missing):
        list(ping().members(str(uuid.uuid4())))
    with pytest.raises(Missing):
        ping().join("dyn", str(uuid.uuid4()))


def test_an_attribute_that_the_environment_does_not_have_is_named(ping: Open) -> None:
    with pytest.raises(
        Rejected, match=r"PingOne refused it \(400 INVALID_DATA/INVALID_VALUE, request corr-\d+\)"
    ) as problem:
        ping().create(_agent(robotModel="x"))

    assert problem.value.attribute == "robotModel"


def _fault(status: int, code: str) -> Fault:
    return Fault("GET", "/users/u1", status, {"id": "x", "code": code, "message": "words", "details": []})


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (_fault(403, "ACCESS_FAILED"), NotAllowed),
        (_fault(400, "ACCESS_FAILED"), NotAllowed),
        (_fault(400, "REQUEST_LIMITED"), Throttled),
        (_fault(400, "UNEXPECTED_ERROR"), Unreachable),
        (_fault(404, "SOMETHING_NEW"), Unreachable),
        (_fault(400, "INVALID_REQUEST"), Rejected),
        (Fault("GET", "/users/u1", 404, "<html>"), Unreachable),
        (Fault("GET", "/users/u1", 200, "<html>"), Unreachable),
    ],
)
def test_trouble_is_told_by_its_code_and_never_as_absence(
    ping: Open, fake: PingOneFake, fault: Fault, kind: type[Exception]
) -> None:
    fake.faults.append(fault)

    with pytest.raises(kind):
        ping().read("u1")


def test_an_empty_list_may_come_without_one_and_nothing_else_may(ping: Open, fake: PingOneFake) -> None:
    fake.faults.append(Fault("GET", "/users", 200, {"_links": {}, "count": 0, "size": 0}))
    fake.faults.append(Fault("GET", "/users", 200, {"_links": {}, "count": 7}))

    assert list(ping().accounts()) == []
    with pytest.raises(Unreachable, match="did not answer with a list"):
        list(ping().accounts())


def test_a_key_that_cannot_sign_is_told_before_anything_is_sent(
    fake: PingOneFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "not-a-key-at-all")
    options = {name: value for name, value in fake.options.items() if name != "client_secret"}

    with pytest.raises(Misconfigured, match="private_key: the private key cannot sign") as problem:
        open_target("pingone", "ping", options | {"private_key": "env:KEY"})

    assert "not-a-key-at-all" not in str(problem.value)


def test_not_found_is_not_found_whatever_its_status(ping: Open, fake: PingOneFake) -> None:
    fake.faults.append(_fault(400, "NOT_FOUND"))

    assert ping().read("u1") is None


def test_a_list_that_is_not_there_is_told_in_pingones_words(ping: Open, fake: PingOneFake) -> None:
    fake.faults.append(Fault("GET", "/users", 404, {"id": "x", "code": "NOT_FOUND", "message": "no environment"}))

    with pytest.raises(TargetError, match="404 NOT_FOUND.*no environment"):
        ping().check()


def test_a_wrong_secret_is_told_without_it(ping: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER", "wrong-secret-value")

    with pytest.raises(NotAllowed, match="Invalid client credentials") as problem:
        ping(client_secret="env:OTHER").check()

    assert "wrong-secret-value" not in str(problem.value)


def test_every_problem_of_the_options_is_told_at_once() -> None:
    options = {"environment": "e", "url": "http://ping.example", "accounts_where": "x", "reserve": "2"}

    with pytest.raises(Misconfigured) as problem:
        open_target("pingone", "ping", options)

    named = {text.partition(":")[0] for text in problem.value.problems}
    assert named == {"url", "accounts_where", "reserve", "client_id"}


def _told(ping: PingOneTarget, cookie: str) -> tuple[set[str], set[str], str]:
    pages = list(ping.changes(cookie))
    accounts = {one.id for page in pages for one in page.accounts}
    return accounts, {one for page in pages for one in page.gone}, pages[-1].cookie


def test_the_audit_tells_what_was_changed_and_deleted_since_and_nothing_older(
    ping: Open, fake: PingOneFake, clock: Clock
) -> None:
    kept, changed, disabled, deleted = (ping().create(_agent(f"bot-{n}")).id for n in range(4))
    clock.move(hours=1)
    everything, _, cookie = _told(ping(page_size="3"), "")
    clock.move(hours=1)
    ping().update(changed, Changes({"title": "x"}))
    ping().set_active(disabled, False)
    ping().delete(deleted)
    fake.record("USER.ACCESS_ALLOWED", fake.users[kept])

    accounts, gone, later = _told(ping(page_size="1"), cookie)
    clock.move(hours=1)
    nothing = _told(ping(), _told(ping(), later)[2])

    assert everything == {kept, changed, disabled, deleted}
    assert (accounts, gone) == ({changed, disabled}, {deleted})
    assert nothing[:2] == (set(), set())


def test_where_our_users_have_a_population_of_their_own_only_that_is_looked_at(ping: Open, fake: PingOneFake) -> None:
    cookie = _told(ping(population="pop-1"), "")[2]
    ours, other = ping(population="pop-1").create(_agent()), ping(population="pop-2").create(_agent("two"))

    assert _told(ping(population="pop-1"), cookie)[0] == {ours.id}
    assert _told(ping(), cookie)[0] == {ours.id, other.id}


def test_without_the_audit_only_full_reads_are_made_which_the_check_says(ping: Open, fake: PingOneFake) -> None:
    made = ping().create(_agent())
    cookie = _told(ping(), "")[2]
    assert "audit" not in ping().check()
    fake.may_audit = False

    assert _told(ping(), "") == ({made.id}, set(), "")
    assert "the audit cannot, so changes are only found by full reads" in ping().check()
    with pytest.raises(CookieExpired):
        _told(ping(), cookie)


def test_a_full_read_is_taken_up_again_at_the_page_where_it_broke_off(ping: Open, fake: PingOneFake) -> None:
    ids = {ping().create(_agent(f"bot-{n}")).id for n in range(5)}
    first = next(ping(page_size="2").changes(""))

    rest = list(ping(page_size="2").changes(first.cookie))

    assert {one.id for page in (first, *rest) for one in page.accounts} == ids
    assert len(rest) == 2
