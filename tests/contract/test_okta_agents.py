"""Agents as AI agents of Okta keep the contract at a stand-in with Okta's rules: operations, owners, keys, states."""

import json
from collections.abc import Callable, Iterator

import pytest

from connector.targets.base import (
    Account,
    AlreadyExists,
    Changes,
    Missing,
    NotAllowed,
    Propagating,
    Rejected,
    Target,
    Unreachable,
)
from connector.targets.okta_agents import OktaAgents
from connector.targets.registry import open_target
from tests.contract.target_contract import Shape, TargetContract
from tests.servers.fake import Fault, serving
from tests.servers.okta_agents_fake import ORG, OktaAgentsFake
from tests.servers.okta_fake import CLIENT, TOKEN
from tests.servers.pki import Pki

KEY = {"kid": "k1", "kty": "RSA", "alg": "RS256", "use": "sig", "e": "AQAB", "n": "0vx7"}
NEW = {**KEY, "kid": "k2", "n": "9zz9"}

Open = Callable[..., OktaAgents]


@pytest.fixture
def fake() -> Iterator[OktaAgentsFake]:
    made = OktaAgentsFake()
    with serving(made):
        yield made


@pytest.fixture
def okta(fake: OktaAgentsFake, monkeypatch: pytest.MonkeyPatch) -> Open:
    monkeypatch.setenv("OKTA_TOKEN", TOKEN)

    def make(**options: str) -> OktaAgents:
        target = open_target("okta", "okta", fake.options | {"keys": "true"} | options, object="agent")
        assert isinstance(target, OktaAgents)
        target._wire.pause = lambda seconds: None
        return target

    return make


class TestOktaAgents(TargetContract):
    @pytest.fixture
    def shape(self) -> Shape:
        fixed: dict[str, object] = {"owners": ["00uO1"], "jwks": [KEY]}
        return Shape(handle="name", text="description", optional="", fixed=fixed, keeps_four_byte_text=False)

    @pytest.fixture
    def target(self, okta: Open) -> Target:
        return okta(page_size="3")


def _agent(name: str = "Invoice bot", **more: object) -> Account:
    return Account(attributes={"name": name, **more})  # type: ignore[arg-type]


def test_an_agent_without_a_credential_stays_staged_until_it_has_one(okta: Open, fake: OktaAgentsFake) -> None:
    target = okta()
    made = target.create(_agent(owners=["00uO1"]))

    with pytest.raises(Rejected, match="An owner and a credential are required"):
        target.set_active(made.id, True)
    fake.silent = True
    with pytest.raises(Rejected, match="needs an owner and a credential"):
        target.set_active(made.id, True)
    target.update(made.id, Changes(set={"jwks": [KEY]}))

    assert not made.active
    assert fake.agents[made.id]["status"] == "STAGED"
    assert not target.set_active(made.id, False).active
    assert target.set_active(made.id, True).active


def test_a_slow_operation_is_followed_and_then_left_to_a_later_look(okta: Open, fake: OktaAgentsFake) -> None:
    waited: list[float] = []
    target = okta(wait="2")
    target._wire.pause = waited.append
    fake.polls = 3
    quick = target.create(_agent("Quick bot"))
    followed = list(waited)
    fake.polls = 50

    with pytest.raises(Propagating, match=r"still works on it after 2 s \(operation op\d+, IN_PROGRESS\)") as problem:
        target.create(_agent("Slow bot"))

    assert quick.id in fake.agents
    assert followed == [0.25, 0.5, 1.0]
    assert sum(waited) - sum(followed) == 3.75
    assert problem.value.retry_after == 15


def test_a_name_that_is_taken_is_told_with_who_has_it(okta: Open, fake: OktaAgentsFake) -> None:
    first, second = okta().create(_agent("One")), okta().create(_agent("Two"))

    with pytest.raises(AlreadyExists, match="already exists") as problem:
        okta().update(second.id, Changes(set={"name": "One"}))

    assert problem.value.id == first.id


def test_a_failed_operation_is_told_in_oktas_words(okta: Open) -> None:
    with pytest.raises(Rejected, match=r"ai-agent:Register, E0000001\): name: must have 3 characters"):
        okta().create(_agent("ab"))


def test_owners_are_set_changed_and_taken_away_by_governance(okta: Open, fake: OktaAgentsFake) -> None:
    target = okta()
    made = target.create(_agent(owners=["00uO1"]))
    orn = f"orn:okta:directory:{ORG}:users:00uO1"
    first = list(fake.owners[made.id])
    group = f"orn:okta:directory:{ORG}:groups:00g1"

    changed = target.update(made.id, Changes(set={"owners": ["00uO2", group]}))
    cleared = target.update(made.id, Changes(clear=("owners", "description")))

    assert first == [orn]
    assert changed.attributes["owners"] == ["00uO2", group]
    assert "owners" not in cleared.attributes
    with pytest.raises(Rejected, match="at most 5 owners"):
        target.update(made.id, Changes(set={"owners": [f"00u{number}" for number in range(6)]}))


def test_without_governance_owners_are_neither_read_nor_written(okta: Open, fake: OktaAgentsFake) -> None:
    target = okta(owners="none")

    made = target.create(_agent(owners=["00uO1"]))

    assert made.attributes == {"name": "Invoice bot"}
    assert target.normalise(_agent(owners=["00uO1"])).attributes == {"name": "Invoice bot"}
    assert [call for call in fake.calls if "governance" in call] == []


def test_keys_are_changed_without_a_moment_without_a_key(okta: Open, fake: OktaAgentsFake) -> None:
    target = okta()
    made = target.create(_agent(owners=["00uO1"], jwks=[{**KEY, "d": "private"}]))
    before = len(fake.calls)

    changed = target.update(made.id, Changes(set={"jwks": json.dumps({"keys": [NEW]})}))

    steps = [
        call.partition("/jwks")[0][:4] + call.partition("/jwks")[2][-10:]
        for call in fake.calls[before:]
        if "jwks" in call
    ]
    assert changed.attributes["jwks"] == [NEW]
    assert [step[:4] for step in steps] == ["GET ", "POST", "POST", "DELE", "GET "]
    with pytest.raises(Rejected, match="JSON Web Keys"):
        target.update(made.id, Changes(set={"jwks": "no key"}))


def test_keys_are_left_alone_where_the_mapping_has_none(okta: Open, fake: OktaAgentsFake) -> None:
    target = okta(keys="false")

    made = target.create(_agent(jwks=[KEY]))

    assert "jwks" not in made.attributes
    assert [call for call in fake.calls if "jwks" in call] == []


def test_an_active_agent_is_deactivated_before_it_is_deleted(okta: Open, fake: OktaAgentsFake) -> None:
    made = okta().create(_agent(owners=["00uO1"], jwks=[KEY]))

    okta().delete(made.id)

    assert made.active
    assert fake.agents == {}


def test_a_service_app_signs_in_by_its_key_with_the_scopes_that_the_objects_need(
    fake: OktaAgentsFake, pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", pki.server_key_file.read_text())
    options = {"url": fake.url, "client_id": CLIENT, "private_key": "env:KEY", "key_id": "k1"}

    open_target("okta", "okta", options, object="agent").check()
    of_agents = fake.scope
    open_target("okta", "okta", options, object="user").check()
    of_users = fake.scope
    open_target("okta", "okta", options | {"scope": "okta.users.read"}).check()

    assert "okta.aiAgents.manage" in of_agents.split()
    assert of_users.split() == ["okta.users.manage", "okta.groups.manage", "okta.schemas.read"]
    assert fake.scope == "okta.users.read"


def test_an_attribute_that_agents_do_not_have_is_named(okta: Open) -> None:
    with pytest.raises(Rejected, match="has no department; it has name, description, owners, jwks") as problem:
        okta().create(_agent(department="x"))

    assert problem.value.attribute == "department"


def test_people_and_groups_of_the_org_can_be_read(okta: Open, fake: OktaAgentsFake) -> None:
    fake.users["00u1"] = {"id": "00u1", "status": "ACTIVE", "profile": {"login": "rosa@example.com"}}
    fake.groups["00g1"] = {"id": "00g1", "type": "OKTA_GROUP", "profile": {"name": "Finance"}}
    fake.members["00g1"] = ["00u1"]

    assert okta().find_person("login", "rosa@example.com") == ["00u1"]
    assert [person.id for person in okta().people()] == ["00u1"]
    assert [group.name for group in okta().groups()] == ["Finance"]
    assert list(okta().members("00g1")) == ["00u1"]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault("POST", "/ai-agents", 202), Unreachable),
        (Fault("GET", "/operations/", 404, {"errorCode": "E0000007", "errorSummary": "x"}), Propagating),
        (Fault("GET", "/operations/", 500, "<html>"), Unreachable),
        (Fault("POST", "/resource-owners", 403, {"errorCode": "E0000006", "errorSummary": "x"}), NotAllowed),
    ],
)
def test_trouble_on_the_way_is_told_as_what_it_is(
    okta: Open, fake: OktaAgentsFake, fault: Fault, kind: type[Exception]
) -> None:
    fake.faults.append(fault)

    with pytest.raises(kind):
        okta().create(_agent(owners=["00uO1"]))


def test_an_agent_that_goes_between_two_calls_is_missing_to_change_and_gone_to_delete(
    okta: Open, fake: OktaAgentsFake
) -> None:
    made = okta().create(_agent())
    gone = {"errorCode": "E0000007", "errorSummary": "Not found"}
    fake.faults += [Fault("PATCH", made.id, 404, gone), Fault("DELETE", made.id, 404, gone)]

    with pytest.raises(Missing):
        okta().update(made.id, Changes(set={"description": "x"}))
    okta().delete(made.id)
