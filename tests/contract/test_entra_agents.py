"""Agents as agent identities of Entra keep the contract at a stand-in with Entra's rules: blueprints, people, users, delays, limits."""

import uuid
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
    TargetError,
    Unreachable,
)
from connector.targets.entra_agents import EntraAgents
from connector.targets.registry import open_target
from tests.conftest import Clock
from tests.contract.target_contract import GroupContract, Shape
from tests.servers.entra_agents_fake import EntraAgentsFake
from tests.servers.entra_fake import SECRET
from tests.servers.fake import Fault, serving

Open = Callable[..., EntraAgents]


@pytest.fixture
def fake() -> Iterator[EntraAgentsFake]:
    made = EntraAgentsFake()
    with serving(made):
        yield made


@pytest.fixture
def rosa(fake: EntraAgentsFake) -> str:
    return fake.add_user("rosa@contoso.example")


@pytest.fixture
def entra(fake: EntraAgentsFake, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Open:
    monkeypatch.setenv("GRAPH_SECRET", SECRET)

    def make(**options: str) -> EntraAgents:
        target = open_target("entra", "entra", fake.options | options, object="agent", clock=clock)
        assert isinstance(target, EntraAgents)
        return target

    return make


class TestEntraAgents(GroupContract):
    @pytest.fixture
    def shape(self, rosa: str) -> Shape:
        return Shape(handle="externalId", optional="owners", fixed={"sponsors": [rosa]})

    @pytest.fixture
    def target(self, entra: Open, fake: EntraAgentsFake) -> Target:
        for person in ("before", "one"):  # the values that the contract gives to what can be cleared
            fake.objects[person] = {"kind": "user", "id": person, "userPrincipalName": person}
        return entra()


def _agent(rosa: str, external_id: str = "agt-1", **more: object) -> Account:
    attributes = {"externalId": external_id, "displayName": "Bot", "sponsors": [rosa], **more}
    return Account(attributes=attributes)  # type: ignore[arg-type]


def test_blueprint_principal_and_agent_are_made_and_later_ones_use_them(
    entra: Open, fake: EntraAgentsFake, rosa: str
) -> None:
    first = entra().create(_agent(rosa))
    entra().create(_agent(rosa, "agt-2"))

    blueprint = fake.of_kind("blueprint")
    assert [one["displayName"] for one in blueprint] == ["AI agents"]
    assert [one["appId"] for one in fake.of_kind("principal")] == [blueprint[0]["appId"]]
    assert {one["agentIdentityBlueprintId"] for one in fake.of_kind("agent")} == {blueprint[0]["appId"]}
    assert fake.objects[first.id]["sponsors"] == [rosa]
    assert fake.objects[first.id]["tags"] == ["agentidp:agt-1"]


def _until_it_is_there(call: Callable[[], Account]) -> tuple[Account, int]:
    for attempt in range(60):
        try:
            return call(), attempt
        except Propagating as problem:
            assert problem.retry
    raise AssertionError("it never came to be")


def test_what_entra_does_not_show_yet_is_waited_for_and_nothing_is_made_twice(
    entra: Open, fake: EntraAgentsFake, rosa: str
) -> None:
    fake.lag = 3

    made, attempts = _until_it_is_there(lambda: entra().create(_agent(rosa)))
    with pytest.raises(Propagating):
        entra().read(made.id)
    found, looks = _until_it_is_there(lambda: entra().find("externalId", "agt-1")[0])

    assert attempts == 3
    assert looks > 0
    assert found.id == made.id
    assert sorted(one["kind"] for one in fake.objects.values()) == ["agent", "blueprint", "principal", "user"]


def test_an_agent_that_is_not_shown_yet_is_not_made_again(entra: Open, fake: EntraAgentsFake, rosa: str) -> None:
    made = entra().create(_agent(rosa))
    fake.hidden[made.id] = 1_000_000

    with pytest.raises(AlreadyExists) as problem:
        entra().create(_agent(rosa))

    assert problem.value.id == made.id


def test_after_a_lost_answer_no_second_agent_is_made(
    entra: Open, fake: EntraAgentsFake, clock: Clock, rosa: str
) -> None:
    entra().create(_agent(rosa, "agt-0"))
    fake.lag = 1_000_000
    fake.faults.append(Fault("POST", "agentIdentity?", 504, "<html>", instead=False))
    with pytest.raises(Unreachable):
        entra().create(_agent(rosa))

    with pytest.raises(Propagating, match="may have gone through"):
        entra().create(_agent(rosa))
    fake.hidden.clear()
    with pytest.raises(AlreadyExists):
        entra().create(_agent(rosa))
    clock.move(seconds=301)

    assert len(fake.of_kind("agent")) == 2
    assert entra().find("externalId", "agt-1")[0].attributes["displayName"] == "Bot"


def test_a_full_blueprint_is_told_with_what_to_do(entra: Open, fake: EntraAgentsFake, rosa: str) -> None:
    fake.most = 1
    first = entra().create(_agent(rosa))
    entra().delete(first.id)

    with pytest.raises(Rejected, match="holds as many agents as Entra allows .* until they are purged"):
        entra().create(_agent(rosa, "agt-2"))
    fake.deleted.clear()

    assert entra().create(_agent(rosa, "agt-2")).id


def test_a_named_blueprint_must_have_its_principal(entra: Open, fake: EntraAgentsFake, rosa: str) -> None:
    with pytest.raises(Rejected, match="the blueprint has no principal in this tenant"):
        entra(blueprint=str(uuid.uuid4())).create(_agent(rosa))

    assert fake.of_kind("blueprint") == []


def test_an_agent_without_a_sponsor_is_never_sent(entra: Open, fake: EntraAgentsFake, rosa: str) -> None:
    made = entra().create(_agent(rosa))
    before = len(fake.sent("POST"))

    with pytest.raises(Rejected, match="no agent without a sponsor") as problem:
        entra().create(Account(attributes={"externalId": "agt-2", "displayName": "Bot"}))
    with pytest.raises(Rejected, match="last sponsor"):
        entra().update(made.id, Changes(clear=("sponsors",)))

    assert problem.value.attribute == "sponsors"
    assert len(fake.sent("POST")) == before


def test_the_only_sponsor_is_replaced_without_a_moment_without_one(
    entra: Open, fake: EntraAgentsFake, rosa: str
) -> None:
    max_ = fake.add_user("max@contoso.example")
    made = entra().create(_agent(rosa, owners=[rosa]))

    changed = entra().update(made.id, Changes(set={"sponsors": [max_], "owners": [max_, rosa]}))

    assert fake.objects[made.id]["sponsors"] == [max_]
    assert set(fake.objects[made.id]["owners"]) == {max_, rosa}
    assert changed.attributes["sponsors"] == [max_]
    assert rosa in fake.objects
    assert all(path.endswith("/$ref") for path in fake.sent("DELETE"))
    with pytest.raises(Rejected, match="knows no user nobody"):
        entra().update(made.id, Changes(set={"owners": ["nobody"]}))


def test_tags_of_others_stay(entra: Open, fake: EntraAgentsFake, rosa: str) -> None:
    made = entra().create(_agent(rosa))
    fake.objects[made.id]["tags"].append("theirs")

    entra().update(made.id, Changes(set={"externalId": "agt-9"}))

    assert fake.objects[made.id]["tags"] == ["theirs", "agentidp:agt-9"]


def test_an_agent_has_a_user_of_its_own_where_that_is_wanted(entra: Open, fake: EntraAgentsFake, rosa: str) -> None:
    target = entra(agent_users="true")
    made = target.create(_agent(rosa, userPrincipalName="Bot@contoso.example"))
    user = next(one for one in fake.of_kind("user") if one.get("identityParentId") == made.id)

    disabled = target.set_active(made.id, False)
    state = (user["accountEnabled"], fake.objects[made.id]["accountEnabled"])
    enabled = target.set_active(made.id, True)
    renamed = target.update(made.id, Changes(set={"userPrincipalName": "new@contoso.example"}))
    name = user["userPrincipalName"]
    target.delete(made.id)

    assert made.attributes["userPrincipalName"] == "bot@contoso.example"
    assert (disabled.active, enabled.active, *state) == (False, True, False, False)
    assert renamed.attributes["userPrincipalName"] == name == "new@contoso.example"
    assert list(fake.deleted) == [user["id"], made.id]


def test_the_user_of_an_agent_is_made_later_and_taken_away(entra: Open, fake: EntraAgentsFake, rosa: str) -> None:
    made = entra().create(_agent(rosa, userPrincipalName="bot@contoso.example"))
    without = [one for one in fake.of_kind("user") if one.get("identityParentId")]
    target = entra(agent_users="true")

    added = target.update(made.id, Changes(set={"userPrincipalName": "bot@contoso.example"}))
    gone = target.update(made.id, Changes(clear=("userPrincipalName",)))

    assert "userPrincipalName" not in made.attributes
    assert without == []
    assert added.attributes["userPrincipalName"] == "bot@contoso.example"
    assert "userPrincipalName" not in gone.attributes


def test_agents_of_others_are_no_accounts_of_ours(entra: Open, fake: EntraAgentsFake, rosa: str) -> None:
    made = entra().create(_agent(rosa))
    theirs = fake.add("agent", createdByAppId="other", displayName="Theirs", sponsors=[rosa], owners=[], tags=[])

    assert [one.id for one in entra().accounts()] == [made.id]
    assert [one.id for one in entra().find("displayName", "theirs")] == [theirs["id"]]


def test_an_attribute_that_agents_do_not_have_is_named(entra: Open, rosa: str) -> None:
    with pytest.raises(Rejected, match="has no department here") as problem:
        entra().create(_agent(rosa, department="x"))

    assert problem.value.attribute == "department"


@pytest.mark.parametrize(
    ("status", "code", "message", "kind", "words"),
    [
        (
            400,
            "Request_BadRequest",
            "No sponsor specified. Please provide at least one sponsor.",
            Rejected,
            "map `sponsors`",
        ),
        (400, "AgentIdentity_IncompatibleParentType", "x", Rejected, "not an agent identity blueprint"),
        (403, "Error_AgentIdentitiesCreatingAgentIdentitiesNotAllowed", "x", Rejected, "use an app registration"),
        (403, "Authorization_RequestDenied", "Insufficient privileges", NotAllowed, "Insufficient privileges"),
        (404, "Request_ResourceNotFound", "Resource 'x' does not exist", Rejected, "one of the sponsors or owners"),
        (400, "AgentBlueprint_LimitExceeded", "x", Rejected, "as many blueprints as Entra allows"),
    ],
)
def test_refusals_are_told_in_plain_words(
    entra: Open,
    fake: EntraAgentsFake,
    rosa: str,
    status: int,
    code: str,
    message: str,
    kind: type[TargetError],
    words: str,
) -> None:
    entra().create(_agent(rosa))
    fault = Fault("POST", "agentIdentity?", status, {"error": {"code": code, "message": message}})
    fake.faults.append(fault)

    with pytest.raises(kind, match=words):
        entra().create(_agent(rosa, "agt-2"))


def test_an_agent_that_is_gone_is_missing(entra: Open, clock: Clock, fake: EntraAgentsFake, rosa: str) -> None:
    made = entra().create(_agent(rosa))
    del fake.objects[made.id]
    clock.move(seconds=301)

    with pytest.raises(Missing):
        entra().set_active(made.id, False)
    entra().delete(made.id)

    assert entra().read(made.id) is None
