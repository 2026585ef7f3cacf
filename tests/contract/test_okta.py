"""The Okta target keeps the contract at a stand-in that enforces Okta's rules, and tells Okta's troubles in plain words."""

import uuid
from collections.abc import Callable, Iterator

import pytest

from connector.targets.base import (
    Account,
    AlreadyExists,
    Changes,
    CookieExpired,
    Missing,
    NotAllowed,
    Rejected,
    Target,
    Throttled,
    Unreachable,
)
from connector.targets.okta_users import OktaUsers
from connector.targets.registry import open_target
from tests.conftest import Clock
from tests.contract.directory_contract import ChangesContract, DirectoryContract
from tests.contract.target_contract import GroupContract, Shape
from tests.servers.fake import Fault, serving
from tests.servers.okta_fake import TOKEN, OktaFake

PERSON = {"login": "rosa@example.com", "email": "rosa@example.com", "firstName": "Rosa", "lastName": "Osei"}

Open = Callable[..., OktaUsers]


@pytest.fixture
def fake(clock: Clock) -> Iterator[OktaFake]:
    made = OktaFake(clock)
    with serving(made):
        yield made


@pytest.fixture
def okta(fake: OktaFake, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Open:
    monkeypatch.setenv("OKTA_TOKEN", TOKEN)

    def make(**options: str) -> OktaUsers:
        target = open_target("okta", "okta", fake.options | options, clock=clock)
        assert isinstance(target, OktaUsers)
        return target

    return make


class TestOkta(GroupContract, DirectoryContract, ChangesContract):
    @pytest.fixture
    def shape(self) -> Shape:
        fixed: dict[str, object] = {"email": "bot@agents.invalid", "firstName": "Bot", "lastName": "Agent"}
        return Shape(handle="login", fixed=fixed | {"userType": "agent"}, keeps_four_byte_text=False)

    @pytest.fixture
    def handle(self) -> str:
        return f"bot-{uuid.uuid4().hex[:12]}@agents.invalid"

    @pytest.fixture
    def target(self, okta: Open) -> Target:
        return okta(page_size="3", accounts_where="")


def _agent(login: str = "bot@agents.invalid", **more: str) -> Account:
    return Account(attributes={**PERSON, "login": login, "userType": "agent", **more})


@pytest.mark.parametrize(
    ("status", "active", "calls", "after"),
    [
        ("ACTIVE", False, ["suspend"], "SUSPENDED"),
        ("LOCKED_OUT", False, ["deactivate"], "DEPROVISIONED"),
        ("STAGED", False, [], "STAGED"),
        ("DEPROVISIONED", True, ["activate"], "ACTIVE"),
        ("SUSPENDED", True, ["unsuspend"], "ACTIVE"),
        ("LOCKED_OUT", True, [], "LOCKED_OUT"),
    ],
)
def test_each_state_is_left_by_the_operation_that_okta_allows_there(
    okta: Open, fake: OktaFake, status: str, active: bool, calls: list[str], after: str
) -> None:
    account = okta().create(_agent())
    fake.users[account.id]["status"] = status

    changed = okta().set_active(account.id, active)

    assert [path.split("/")[-1].partition("?")[0] for path in fake.sent("POST", "lifecycle")] == calls
    assert fake.users[account.id]["status"] == after
    assert changed.active is active


def test_an_account_is_deleted_in_two_steps_whatever_its_state(okta: Open, fake: OktaFake) -> None:
    active, deactivated = okta().create(_agent("a@x.invalid")), okta().create(_agent("b@x.invalid"))
    fake.users[deactivated.id]["status"] = "DEPROVISIONED"

    okta().delete(active.id)
    okta().delete(deactivated.id)

    assert fake.users == {}


def test_what_was_written_a_moment_ago_is_found_by_login_while_the_index_lags(okta: Open, fake: OktaFake) -> None:
    fake.indexing = False
    account = okta().create(_agent(agentId="a-1"))

    assert [one.id for one in okta().find("login", "BOT@agents.invalid")] == [account.id]
    assert okta().find("agentId", "a-1") == []
    with pytest.raises(AlreadyExists) as taken:
        okta().create(_agent(agentId="a-1"))
    assert taken.value.id == account.id
    assert taken.value.attribute == "login"


def test_an_attribute_that_the_org_does_not_have_is_named_with_what_to_do(okta: Open, fake: OktaFake) -> None:
    account = okta().create(_agent())

    for call in (
        lambda: okta().create(_agent(robotModel="x")),
        lambda: okta().update(account.id, Changes({"robotModel": "x"})),
    ):
        with pytest.raises(Rejected, match="have no attribute robotModel: add it to the user schema") as problem:
            call()
        assert problem.value.attribute == "robotModel"

    fake.faults.append(Fault("GET", "/meta/schemas", 403, {"errorCode": "E0000006", "errorSummary": "no"}))
    with pytest.raises(Rejected, match=r"Okta refused it \(400 E0000001, request req\d+\): .*robotModel"):
        okta().create(_agent("other@x.invalid", robotModel="x"))


def test_another_user_whose_login_is_our_anchor_is_not_our_account(okta: Open, fake: OktaFake) -> None:
    account = okta().create(_agent("00u-looks-like-an-id@x.invalid"))
    fake.users[account.id]["profile"]["login"] = "00u-looks-like-an-id"

    assert okta().read("00u-looks-like-an-id") is None
    assert okta().read("someone@x.invalid") is None


def test_agents_are_accounts_and_all_others_are_people(okta: Open, fake: OktaFake) -> None:
    everybody = okta(accounts_where="", provider="OKTA")
    person = everybody.create(Account(attributes=PERSON))
    agent = okta().create(_agent())

    assert [one.id for one in okta().accounts()] == [agent.id]
    assert [one.id for one in okta().people()] == [person.id]
    assert {one.id for one in everybody.accounts()} == {person.id, agent.id}
    assert okta().find_person("login", "rosa@example.com") == [person.id]
    assert fake.users[person.id]["status"] == "PROVISIONED"


def test_groups_of_others_can_be_read_and_are_never_written(okta: Open, fake: OktaFake) -> None:
    agent = okta().create(_agent())
    fake.groups["00gapp"] = {"id": "00gapp", "type": "APP_GROUP", "profile": {"name": "Finance"}}
    fake.members["00gapp"] = [agent.id]

    made = okta().create_group("finance", first_member=agent.id)

    assert made.id != "00gapp"
    assert {group.name for group in okta().groups()} == {"Finance", "finance"}
    assert list(okta().members("00gapp")) == [agent.id]
    with pytest.raises(Missing):
        list(okta().members("00ggone"))


def test_the_quota_of_sign_ins_is_not_used_up(okta: Open, fake: OktaFake) -> None:
    target = okta(reserve="0.5")
    fake.limit, fake.remaining = 600, 301

    assert target.read("00u1") is None
    assert target.read("00u1") is None  # 299 are left after this one
    with pytest.raises(Throttled, match="left to others") as problem:
        target.read("00u1")

    assert 0 < (problem.value.retry_after or 0) <= 30
    assert fake.remaining == 299


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (Fault("GET", "/users/00u1", 401, {"errorCode": "E0000011", "errorSummary": "Invalid token provided"}), NotAllowed, "E0000011"),
        (Fault("GET", "/users/00u1", 403, {"errorCode": "E0000006", "errorSummary": "no"}), NotAllowed, "E0000006"),
        (Fault("GET", "/users/00u1", 404, {"errorCode": "E0000022", "errorSummary": "no endpoint"}), Unreachable, "E0000022"),
        (Fault("GET", "/users/00u1", 404, "<html>not here"), Unreachable, "no error of its own"),
        (Fault("GET", "/users/00u1", 500, {"errorCode": "E0000009", "errorSummary": "oops"}), Unreachable, "failed"),
        (Fault("GET", "/users/00u1", 423, {"errorCode": "E0000239", "errorSummary": "edited"}), Unreachable, "edited"),
        (Fault("GET", "/users/00u1", 200, "<html>sign in"), Unreachable, "not JSON"),
        (Fault("GET", "/users/00u1", 429, {"errorCode": "E0000047", "errorSummary": "too many"}), Throttled, "too many"),
    ],
)  # fmt: skip
def test_trouble_is_told_as_what_it_is_and_never_as_absence(
    okta: Open, fake: OktaFake, fault: Fault, kind: type[Exception], words: str
) -> None:
    fake.faults.append(fault)

    with pytest.raises(kind, match=words):
        okta().read("00u1")


def test_a_walk_whose_second_page_fails_raises(okta: Open, fake: OktaFake) -> None:
    target = okta(page_size="2")
    for number in range(5):
        target.create(_agent(f"bot-{number}@x.invalid"))
    fake.faults.append(Fault("GET", "after=", 500, "<html>"))

    with pytest.raises(Unreachable):
        list(target.accounts())

    assert len(list(target.accounts())) == 5


def _told(okta: OktaUsers, cookie: str) -> tuple[set[str], set[str], str]:
    pages = list(okta.changes(cookie))
    accounts = {one.id for page in pages for one in page.accounts}
    return accounts, {one for page in pages for one in page.gone}, pages[-1].cookie


def test_what_was_changed_and_deleted_since_is_told_and_nothing_older(okta: Open, fake: OktaFake, clock: Clock) -> None:
    kept, changed, suspended, deactivated, deleted = (okta().create(_agent(f"bot-{n}@x.invalid")).id for n in range(5))
    okta(accounts_where="", provider="OKTA").create(Account(attributes=PERSON))
    clock.move(hours=1)
    everything, _, cookie = _told(okta(page_size="2"), "")
    clock.move(hours=1)
    okta().update(changed, Changes({"title": "x"}))
    okta().set_active(suspended, False)
    fake.users[deactivated]["status"] = "LOCKED_OUT"
    okta().set_active(deactivated, False)
    okta().delete(deleted)

    accounts, gone, later = _told(okta(), cookie)
    clock.move(hours=1)
    nothing = _told(okta(), _told(okta(), later)[2])

    assert everything == {kept, changed, suspended, deactivated, deleted}
    assert (accounts, gone) == ({changed, suspended, deactivated}, {deleted})
    assert nothing[:2] == (set(), set())


def test_what_the_index_learns_late_is_met_by_the_next_look(okta: Open, fake: OktaFake, clock: Clock) -> None:
    account = okta().create(_agent()).id
    clock.move(hours=1)
    cookie = _told(okta(), "")[2]
    fake.indexing = False
    okta().update(account, Changes({"title": "x"}))
    missed, _, cookie = _told(okta(), cookie)
    clock.move(minutes=5)
    fake.index = dict(fake.users)

    assert missed == set()
    assert _told(okta(), cookie)[0] == {account}


def test_a_user_that_the_index_still_shows_is_gone_once_the_log_says_so(
    okta: Open, fake: OktaFake, clock: Clock
) -> None:
    cookie = _told(okta(), "")[2]
    account = okta().create(_agent()).id
    fake.indexing = False
    okta().delete(account)

    assert account in fake.index
    assert _told(okta(), cookie)[:2] == (set(), {account})


def test_without_the_system_log_changes_are_told_and_deletions_are_not_which_the_check_says(
    okta: Open, fake: OktaFake
) -> None:
    changed, deleted = (okta().create(_agent(f"bot-{n}@x.invalid")).id for n in range(2))
    cookie = _told(okta(), "")[2]
    assert "System Log" not in okta().check()
    fake.may_read_log = False
    okta().delete(deleted)

    assert _told(okta(), cookie)[:2] == ({changed}, set())
    assert "the System Log cannot, so deletions are only found by full reads" in okta().check()


def test_a_full_read_is_taken_up_again_at_the_page_where_it_broke_off(okta: Open, fake: OktaFake, clock: Clock) -> None:
    ids = {okta().create(_agent(f"bot-{n}@x.invalid")).id for n in range(5)}
    fake.faults.append(Fault("GET", "after=", 500, "<html>"))
    walk = okta(page_size="2").changes("")
    first = next(walk)
    with pytest.raises(Unreachable):
        next(walk)

    rest = list(okta(page_size="2").changes(first.cookie))

    assert {one.id for page in (first, *rest) for one in page.accounts} == ids
    assert all(page.whole for page in rest)
    assert len(rest) == 2


def test_a_log_that_does_not_reach_back_so_far_asks_for_a_full_read(okta: Open, clock: Clock) -> None:
    cookie = _told(okta(), "")[2]
    clock.move(days=81)

    for old in (cookie, "since yesterday", "whole 2027-03-01T12:00:00.000Z https://elsewhere.example/api/v1/users"):
        with pytest.raises(CookieExpired):
            _told(okta(), old)
