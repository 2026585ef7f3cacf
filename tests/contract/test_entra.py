"""Agents as users of Entra keep the contract at a stand-in with Entra's rules, and its delays are no failures."""

import base64
import uuid

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_pem_x509_certificate

from connector.core import jose
from connector.core.errors import Misconfigured
from connector.targets.base import (
    AlreadyExists,
    Changes,
    Missing,
    NotAllowed,
    Propagating,
    Rejected,
    Target,
    Throttled,
    Unreachable,
)
from connector.targets.registry import open_target
from tests.conftest import Clock
from tests.contract.conftest import OpenEntra, an_agent
from tests.contract.directory_contract import ChangesContract, DirectoryContract
from tests.contract.target_contract import GroupContract, Shape
from tests.servers.entra_fake import CLIENT, EntraFake
from tests.servers.fake import Fault
from tests.servers.pki import Pki


class TestEntra(GroupContract, DirectoryContract, ChangesContract):
    @pytest.fixture
    def shape(self) -> Shape:
        fixed: dict[str, object] = {"mailNickname": "bot", "employeeType": "agent"}
        return Shape(handle="userPrincipalName", optional="jobTitle", fixed=fixed)

    @pytest.fixture
    def handle(self) -> str:
        return f"bot-{uuid.uuid4().hex[:12]}@contoso.example"

    @pytest.fixture
    def target(self, entra: OpenEntra) -> Target:
        return entra(accounts_where="")


def test_a_new_account_is_propagating_and_neither_missing_nor_made_again(
    entra: OpenEntra, graph: EntraFake, clock: Clock
) -> None:
    graph.lag = 9
    made = entra().create(an_agent())

    for call in (
        lambda: entra().read(made.id),
        lambda: entra().update(made.id, Changes(set={"jobTitle": "x"})),
        lambda: entra().set_active(made.id, False),
        lambda: entra().delete(made.id),
        lambda: entra().find("userPrincipalName", "BOT@contoso.example"),
        lambda: entra().memberships(made.id, ["g"]),
        lambda: entra().create_group("finance", first_member=made.id),
        lambda: entra().create(an_agent()),
    ):
        with pytest.raises(Propagating) as problem:
            call()
        assert problem.value.retry_after == 20
    graph.hidden.clear()

    assert entra().read(made.id) is not None
    assert [one.id for one in entra().find("userPrincipalName", "bot@contoso.example")] == [made.id]
    assert len(graph.of_kind("user")) == 1


def test_after_the_time_that_entra_takes_not_there_means_gone(entra: OpenEntra, graph: EntraFake, clock: Clock) -> None:
    made = entra().create(an_agent())
    del graph.objects[made.id]

    with pytest.raises(Propagating):
        entra().read(made.id)
    clock.move(seconds=301)

    assert entra().read(made.id) is None
    with pytest.raises(Missing):
        entra().update(made.id, Changes(set={"jobTitle": "x"}))


def test_a_name_that_is_taken_by_one_whom_graph_does_not_show_yet_is_looked_for_again(
    entra: OpenEntra, graph: EntraFake
) -> None:
    graph.lag = 3
    graph.add("user", userPrincipalName="bot@contoso.example")

    with pytest.raises(Propagating, match="does not show who has it yet"):
        entra().create(an_agent())


def test_old_answers_right_after_a_change_do_not_undo_it(entra: OpenEntra, graph: EntraFake) -> None:
    made = entra().create(an_agent(jobTitle="one", department="Finance"))
    old = {"id": made.id, "accountEnabled": True, "displayName": "Bot", "jobTitle": "one", "department": "Finance"}
    graph.faults.append(Fault("GET", f"/users/{made.id}", 200, old, times=2))

    changed = entra().update(made.id, Changes(set={"jobTitle": "two"}, clear=("department",)))
    disabled = entra().set_active(made.id, False)

    assert changed.attributes["jobTitle"] == "two"
    assert "department" not in changed.attributes
    assert not disabled.active


def test_a_member_is_only_ever_removed_by_reference(entra: OpenEntra, graph: EntraFake) -> None:
    made = entra().create(an_agent())
    group = entra().create_group("finance", first_member=made.id)

    entra().leave(group.id, made.id)

    assert made.id in graph.objects
    assert graph.sent("DELETE") == [f"/v1.0/groups/{group.id}/members/{made.id}/$ref"]


def test_a_membership_that_is_not_shown_yet_is_left_later(entra: OpenEntra, graph: EntraFake, clock: Clock) -> None:
    made, other = entra().create(an_agent()), entra().create(an_agent("other@contoso.example"))
    group = entra().create_group("finance", first_member=made.id)
    entra().join(group.id, other.id)
    held = graph.members[group.id]
    graph.members[group.id] = []

    for account in (made, other):
        with pytest.raises(Propagating):
            entra().leave(group.id, account.id)
    graph.members[group.id] = held
    entra().leave(group.id, other.id)
    entra().leave(group.id, other.id)

    assert graph.members[group.id] == [made.id]


def test_joining_says_which_of_the_two_is_not_there(entra: OpenEntra, graph: EntraFake, clock: Clock) -> None:
    made = entra().create(an_agent())
    group = entra().create_group("finance", first_member=made.id)
    gone = str(uuid.uuid4())

    with pytest.raises(Missing, match=f"no account {gone}"):
        entra().join(group.id, gone)
    with pytest.raises(Missing, match=f"no {gone}"):
        entra().join(gone, made.id)
    graph.hidden[made.id] = 5
    with pytest.raises(Propagating, match=made.id):
        entra().join(group.id, made.id)


def test_a_part_of_a_property_is_set_and_found(entra: OpenEntra) -> None:
    part = "onPremisesExtensionAttributes.extensionAttribute15"
    made = entra().create(an_agent(**{part: "agt-1'x"}))

    changed = entra().update(made.id, Changes(clear=(part,)))

    assert made.attributes[part] == "agt-1'x"
    assert part not in changed.attributes
    assert entra().find(part, "agt-1'x") == []
    entra().update(made.id, Changes(set={part: "agt-1'x"}))
    assert [one.id for one in entra().find(part, "agt-1'x")] == [made.id]


def test_groups_that_are_kept_elsewhere_are_read_and_not_written(entra: OpenEntra, graph: EntraFake) -> None:
    made = entra().create(an_agent())
    dynamic = graph.add("group", displayName="Finance", groupTypes=["DynamicMembership"])
    graph.members[dynamic["id"]] = [made.id]

    group = entra().create_group("finance", first_member=made.id)
    graph.add("group", displayName="FINANCE")

    assert group.id != dynamic["id"]
    assert len(list(entra().groups())) == 3
    assert list(entra().members(dynamic["id"])) == [made.id]
    with pytest.raises(Rejected, match="2 groups have the name"):
        entra().find_group("finance")
    with pytest.raises(Missing):
        list(entra().members(str(uuid.uuid4())))


def test_a_deleted_account_can_be_restored_unless_it_is_purged(entra: OpenEntra, graph: EntraFake) -> None:
    kept, purged = entra().create(an_agent()), entra().create(an_agent("other@contoso.example"))

    entra().delete(kept.id)
    entra(purge="true").delete(purged.id)
    entra(purge="true").delete(purged.id)

    assert list(graph.deleted) == [kept.id]


def test_nobody_learns_the_password_of_an_account(entra: OpenEntra, graph: EntraFake) -> None:
    made = [entra().create(an_agent(f"bot-{number}@contoso.example")) for number in range(2)]

    passwords = {graph.objects[one.id]["passwordProfile"]["password"] for one in made}

    assert len(passwords) == 2
    assert all(len(one) > 30 for one in passwords)
    assert "passwordProfile" not in made[0].attributes


def _fault(status: int, code: str, message: str, **more: object) -> Fault:
    return Fault("GET", "/users/u1", status, {"error": {"code": code, "message": message}}, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (_fault(429, "TooManyRequests", "slow", headers={"Retry-After": "10"}), Throttled, "slow"),
        (_fault(403, "Authorization_RequestDenied", "Insufficient privileges"), NotAllowed, "Insufficient privileges"),
        (_fault(401, "InvalidAuthenticationToken", "expired", times=2), NotAllowed, "request req-"),
        (_fault(404, "BadRequest", "Resource not found for the segment"), Unreachable, "segment"),
        (_fault(503, "serviceNotAvailable", "later"), Unreachable, "later"),
        (_fault(400, "Request_BadRequest", "Object with id x not found"), Propagating, "not found"),
        (_fault(400, "Request_BadRequest", "Invalid property"), Rejected, "Invalid property"),
        (Fault("GET", "/users/u1", 404, "<html>"), Unreachable, "no error of its own"),
    ],
)
def test_trouble_is_told_as_what_it_is_and_never_as_absence(
    entra: OpenEntra, graph: EntraFake, fault: Fault, kind: type[Exception], words: str
) -> None:
    graph.faults.append(fault)

    with pytest.raises(kind, match=words):
        entra().read("u1")


def test_a_wrong_secret_is_told_in_entras_words_without_it(entra: OpenEntra, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER", "not-the-client-secret")

    with pytest.raises(NotAllowed, match="AADSTS7000215") as problem:
        entra(client_secret="env:OTHER").check()

    assert "not-the-client-secret" not in str(problem.value)


def test_a_key_needs_its_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "-----BEGIN PRIVATE KEY-----")
    options = {"tenant": "contoso.example", "client_id": CLIENT, "private_key": "env:KEY"}

    with pytest.raises(Misconfigured, match="certificate: is needed with private_key"):
        open_target("entra", "entra", options)
    with pytest.raises(Misconfigured, match="certificate: cannot use /nowhere"):
        open_target("entra", "entra", options | {"certificate": "/nowhere"})


def test_a_certificate_signs_in_and_is_named_by_its_thumbprint(
    graph: EntraFake, pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", pki.server_key_file.read_text())
    options = {name: value for name, value in graph.options.items() if name != "client_secret"}
    ours = {"private_key": "env:KEY", "certificate": str(pki.server_certificate_file)}

    open_target("entra", "entra", options | ours).check()

    certificate = load_pem_x509_certificate(pki.server_certificate_file.read_bytes())
    wanted = base64.urlsafe_b64encode(certificate.fingerprint(SHA256())).rstrip(b"=").decode()
    assert jose.unverified_header(graph.assertion)["x5t#S256"] == wanted


def test_who_holds_a_name_is_told(entra: OpenEntra) -> None:
    first, second = entra().create(an_agent()), entra().create(an_agent("other@contoso.example"))

    with pytest.raises(AlreadyExists) as problem:
        entra().update(second.id, Changes(set={"userPrincipalName": "BOT@contoso.example"}))

    assert problem.value.id == first.id
    assert problem.value.attribute == "userPrincipalName"
