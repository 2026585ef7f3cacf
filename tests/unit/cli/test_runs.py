"""What an administrator sees of plans, brakes, cases and pauses: the commands word by word, on the target in memory."""

import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from connector.cli.main import main
from connector.domain import agents, resources
from connector.domain.unit import SYSTEM
from connector.parts import Parts, assemble
from connector.settings import Settings
from connector.targets.base import Account, Propagating, Rejected, TargetError, Unsupported
from connector.targets.memory import MemoryStore, MemoryTarget

_numbers = itertools.count(1)
Run = Callable[..., Result]


@pytest.fixture
def parts(tmp_path: Path, keys_dir: Path) -> Iterator[Parts]:
    """The same deployment as the commands', to put agents in."""
    made = assemble(Settings(data_dir=tmp_path, keys_dir=keys_dir))
    yield made
    made.domain.database.close()


@pytest.fixture
def run(tmp_path: Path, keys_dir: Path, parts: Parts) -> Run:
    """Run a command; its standard output is `output`."""
    environment = {"CONNECTOR_DATA_DIR": str(tmp_path), "CONNECTOR_KEYS_DIR": str(keys_dir)}

    def command(*words: str, exit: int = 0) -> Result:
        done = CliRunner().invoke(main, list(words), env=environment, catch_exceptions=False)
        assert done.exit_code == exit, done.output
        return done

    command("db", "upgrade")
    return command


@pytest.fixture
def store(run: Run) -> MemoryStore:
    name = f"cli-{next(_numbers)}"
    run("target", "add", "idp", "--mapping", "memory", "--option", f"store={name}", "--threads", "2")
    return MemoryTarget.stores[name]


@pytest.fixture
def bots(parts: Parts, store: MemoryStore, run: Run) -> list[str]:
    """Twelve agents with accounts."""
    with parts.domain.change(SYSTEM) as unit:
        made = [agents.register(unit, {"agentUserName": f"bot-{n:02}"}, None).id for n in range(12)]
    run("reconcile", "idp")
    return made


def suspend(parts: Parts, ids: list[str]) -> None:
    with parts.domain.change(SYSTEM) as unit:
        for id in ids:
            record = resources.fetch(unit, "agent", id)
            agents.amend(unit, record, {**agents.document(unit, record), "active": False}, None)


def test_a_plan_is_made_looked_at_and_applied(parts: Parts, store: MemoryStore, run: Run) -> None:
    with parts.domain.change(SYSTEM) as unit:
        agents.register(unit, {"agentUserName": "ada", "displayName": "Ada"}, None)

    shown = run("plan", "idp").output

    assert "ada (new): create" in shown
    assert "0 accounts there, 0 linked, 0 missing, 0 of nobody" in shown
    plan = re.search(r"Apply it with: connector apply (pln-\w+)", shown)
    assert plan is not None
    assert store.accounts == {}
    assert run("apply", plan[1]).output == "1 writes: 1 create\n"
    assert "nothing would change" in run("plan", "idp").output
    assert run("reconcile", "idp").output == "0 writes: nothing\n"


def test_an_update_shows_the_old_and_the_new_value(parts: Parts, bots: list[str], store: MemoryStore, run: Run) -> None:
    account = next(one for one in store.accounts.values() if one.attributes["userName"] == "bot-00")
    store.accounts[account.id] = Account(account.id, "", True, {**account.attributes, "displayName": "By hand"})

    shown = run("plan", "idp").output

    assert 'displayName: "By hand" -> "bot-00"' in shown
    assert 'somebody else changed displayName: "bot-00" -> "By hand" (correct)' in shown


def test_a_stopped_plan_says_why_and_how_to_let_it_run(
    parts: Parts, bots: list[str], store: MemoryStore, run: Run
) -> None:
    suspend(parts, bots[:11])

    shown = run("reconcile", "idp", exit=1).output

    assert "STOPPED before any write:" in shown
    assert "11 accounts would be disabled or deleted; 10 of 12 linked ones may be in one run" in shown
    assert all(one.active for one in store.accounts.values())
    command = re.search(r"connector (apply pln-\w+ --approve \w+) --because", shown)
    assert command is not None
    words = command[1].split()
    refused = run(*words[:2], exit=1)
    assert "Approve exactly this plan" in refused.output
    assert "needs a reason" in run(*words, exit=1).output
    assert run(*words, "--because", "the pilot has ended").output == "11 writes: 11 disable\n"
    assert sum(one.active for one in store.accounts.values()) == 1


def test_machines_get_the_plan_as_json(parts: Parts, store: MemoryStore, run: Run) -> None:
    with parts.domain.change(SYSTEM) as unit:
        id = agents.register(unit, {"agentUserName": "ada"}, None).id

    told = orjson.loads(run("plan", "idp", "--json").output)

    assert told["counts"] == {"create": 1}
    assert told["brakes"] == []
    assert told["entries"][0]["agent"] == id
    assert re.fullmatch("[0-9a-f]{64}", told["digest"])
    report = orjson.loads(run("apply", told["plan"], "--json").output)
    assert (report["writes"], report["written"]) == (1, {"create": 1})


def test_a_preview_has_five_steps(parts: Parts, bots: list[str], run: Run) -> None:
    shown = run("preview", "bot-03", "--target", "idp").output

    steps = [line.split()[1] for line in shown.splitlines() if line[:1].isdigit()]
    assert steps == ["connect", "read", "scope", "match", "act"]
    assert "(by its link)" in shown
    assert "5 act      nothing to do" in shown
    told = orjson.loads(run("preview", "bot-03", "--target", "idp", "--json").output)
    assert told["steps"] == []
    assert told["attributes"]["userName"] == "bot-03"


def test_cases_are_listed_and_decided(parts: Parts, store: MemoryStore, run: Run) -> None:
    target = parts.connections.open("idp").target
    stray = target.create(Account(attributes={"userName": "stray"}))
    run("reconcile", "idp")

    (case,) = orjson.loads(run("case", "list", "--json").output)

    assert (case["kind"], case["about"], case["accounts"]) == ("unmatched", stray.id, {stray.id: "stray"})
    assert "no agent fits the account stray" in run("case", "list").output
    assert run("case", "ignore", case["id"], "--because", "break glass").output == f"{case['id']}: ignored.\n"
    assert run("case", "list").output == "No case is open.\n"
    assert "is ignored already" in run("case", "link", case["id"], "--because", "x", exit=1).output


def test_a_target_is_paused_and_resumed(bots: list[str], run: Run) -> None:
    run("target", "pause", "idp", "--because", "maintenance")
    (told,) = orjson.loads(run("target", "list", "--json").output)
    assert told["state"] == "paused"
    assert told["problem"].endswith(": maintenance")

    run("target", "resume", "idp")

    assert orjson.loads(run("target", "list", "--json").output)[0]["state"] == "ready"


@pytest.mark.parametrize(
    ("problem", "state", "counts"),
    [
        (Unsupported("it keeps no accounts of agents"), "unsupported", {"failed": 1, "unsupported": 1}),
        (Propagating("it is not shown yet", retry_after=600), "propagating", {"pending": 1, "propagating": 1}),
    ],
)
def test_what_is_unsupported_or_propagating_is_seen_of_the_target_and_of_the_agent(
    parts: Parts,
    store: MemoryStore,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    problem: TargetError,
    state: str,
    counts: dict[str, int],
) -> None:
    def refuse(_self: object, _account: object) -> Account:
        raise problem

    monkeypatch.setattr(MemoryTarget, "create", refuse)
    with parts.domain.change(SYSTEM) as unit:
        agents.register(unit, {"agentUserName": "ada"}, None)
    parts.worker().drain(seconds=30)

    (told,) = orjson.loads(run("target", "list", "--json").output)

    shown = {name: told[name] for name in ("pending", "propagating", "failed", "unsupported")}
    assert shown == {"pending": 0, "propagating": 0, "failed": 0, "unsupported": 0} | counts
    assert f"target:idp: {state} - {problem.detail}" in run("agent", "show", "ada").output
    heads, row = run("target", "list").output.splitlines()[:2]
    assert "propagating" in heads and "unsupported" in heads and problem.detail in row


def test_pushes_that_were_given_up_are_listed_and_tried_again(
    parts: Parts, store: MemoryStore, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: object, _account: object) -> Account:
        raise Rejected("userName has a forbidden word")

    with parts.domain.change(SYSTEM) as unit:
        agents.register(unit, {"agentUserName": "ada"}, None)
    with monkeypatch.context() as patch:
        patch.setattr(MemoryTarget, "create", refuse)
        assert "ada: userName has a forbidden word" in run("reconcile", "idp", exit=1).output
        assert "idp: userName has a forbidden word" in run("push", "ada", exit=1).output

    assert "userName has a forbidden word" in run("target", "failures", "idp", exit=1).output
    assert run("target", "replay", "idp", "ada").output == "1 pushes to idp will be tried again.\n"
    assert run("push", "ada").output == "idp: create\n"
    assert run("target", "failures", "idp").output == "No push was given up.\n"


def test_an_agent_is_parted_from_a_wrong_account(bots: list[str], store: MemoryStore, run: Run) -> None:
    run("target", "unlink", "idp", "bot-00", "--because", "that is another one's")

    shown = run("push", "bot-00", exit=1).output

    assert "userName is taken" in shown
    assert [one["kind"] for one in orjson.loads(run("case", "list", "--state", "unlinked", "--json").output)] == [
        "disputed"
    ]


def test_a_target_without_a_directory_says_so(store: MemoryStore, run: Run) -> None:
    assert "the mapping of idp has no directory" in run("directory", "sync", "idp", exit=1).output
