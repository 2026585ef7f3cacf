"""The Okta target keeps the contract at a stand-in that enforces Okta's rules, and tells Okta's troubles in plain words."""

import uuid
from collections.abc import Callable, Iterator

import pytest

from connector.targets.base import (
    Account,
    AlreadyExists,
    Changes,
    Missing,
    NotAllowed,
    Rejected,
    Target,
    Throttled,
    Unreachable,
)
from connector.targets.okta_users import OktaUsers
from connector.targets.registry import open_target
from tests.contract.directory_contract import DirectoryContract
from tests.contract.target_contract import GroupContract, Shape
from tests.servers.fake import Fault, serving
from tests.servers.okta_fake import TOKEN, OktaFake

PERSON = {"login": "rosa@example.com", "email": "rosa@example.com", "firstName": "Rosa", "lastName": "Osei"}

Open = Callable[..., OktaUsers]


@pytest.fixture
def fake() -> Iterator[OktaFake]:
    made = OktaFake()
    with serving(made):
        yield made


@pytest.fixture
def okta(fake: OktaFake, monkeypatch: pytest.MonkeyPatch) -> Open:
    monkeypatch.setenv("OKTA_TOKEN", TOKEN)

    def make(**options: str) -> OktaUsers:
        target = open_target("okta", "okta", fake.options | options)
        assert isinstance(target, OktaUsers)
        return target

    return make


class TestOkta(GroupContract, DirectoryContract):
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
