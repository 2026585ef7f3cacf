"""Commands about targets: add, check, list, change, pause, resume, remove; what was given up there."""

import click
import orjson

from connector.cli.output import guarded, json_option, operator, parts, show, table
from connector.cli.records import find_agent
from connector.core.clock import to_text
from connector.core.errors import Invalid
from connector.domain import cases, targets
from connector.mapping.load import load
from connector.storage.targets import TargetRecord

_threads = click.option(
    "--threads", type=click.IntRange(1, 64), help="Pushes at the same time (default: push_threads)."
)
_rate = click.option("--rate", type=click.IntRange(0), help="Pushes a second from each worker; 0: as fast as it goes.")
_because = click.option("--because", "reason", required=True, help="Why; it is kept in the audit log.")


@click.group()
def target() -> None:
    """Targets: the directories that agents get accounts in."""


@target.command("add")
@click.argument("name")
@click.option("--mapping", required=True, help="Which mapping shapes accounts there, such as scim or openldap.")
@click.option(
    "--option", "given", multiple=True, metavar="KEY=VALUE", help="See docs/targets/; secrets as env:NAME or file:PATH."
)
@click.option("--no-check", is_flag=True, help="Do not try to sign in first.")
@_threads
@_rate
@json_option
@guarded
def add_target(
    name: str,
    mapping: str,
    given: tuple[str, ...],
    no_check: bool,
    threads: int | None,
    rate: int | None,
    as_json: bool,
) -> None:
    """Add a target, after signing in to it; every agent is then looked at there.

    Example: connector target add okta --mapping scim --option url=https://idp.example/scim/v2 --option token=env:IDP_TOKEN
    """
    assembled = parts()
    options = dict(_option(one) for one in given)
    kind = load(mapping, assembled.mapping_folders).target
    record = TargetRecord(name, kind, mapping, _json(options), to_text(assembled.domain.database.clock()))
    connected = assembled.connections.connect(record)
    found = "not checked" if no_check else connected.target.check()
    with assembled.domain.change(operator()) as unit:
        targets.add(unit, name, kind, mapping, options, threads=threads, rate=rate or 0)
    show({"name": name, "kind": kind, "found": found}, as_json, [f"{name}: {found}"])


@target.command("check")
@click.argument("name")
@json_option
@guarded
def check_target(name: str, as_json: bool) -> None:
    """Sign in to a target and read something.

    Example: connector target check okta
    """
    found = parts().connections.open(name).target.check()
    show({"name": name, "found": found}, as_json, [f"{name}: {found}"])


@target.command("list")
@json_option
@guarded
def list_targets(as_json: bool) -> None:
    """Show the targets, how each is doing, and why. Propagating pushes count as pending, and unsupported ones as failed.

    Example: connector target list
    """
    with parts().domain.view(operator()) as unit:
        found = targets.states(unit)
    rows = [
        [
            s.target.name,
            s.target.kind,
            s.state,
            str(s.pending),
            str(s.propagating),
            str(s.failed),
            str(s.unsupported),
            s.target.blocked_until or "",
            s.problem or "",
        ]
        for s in found
    ]
    told = [
        {
            "name": s.target.name,
            "kind": s.target.kind,
            "state": s.state,
            "pending": s.pending,
            "propagating": s.propagating,
            "failed": s.failed,
            "unsupported": s.unsupported,
            "blockedUntil": s.target.blocked_until,
            "problem": s.problem,
            "lastSuccess": s.target.last_success,
            "lastRead": s.target.read,
            "heldPlan": s.held,
        }
        for s in found
    ]
    counts = ["pending", "propagating", "failed", "unsupported"]
    show(told, as_json, table(["name", "kind", "state", *counts, "blocked until", "problem"], rows))


@target.command("remove")
@click.argument("name")
@guarded
def remove_target(name: str) -> None:
    """Forget a target. Accounts there stay as they are.

    Example: connector target remove okta
    """
    with parts().domain.change(operator()) as unit:
        targets.remove(unit, name)
    click.echo(f"{name} is removed; accounts there stay as they are.")


@target.command("set")
@click.argument("name")
@_threads
@_rate
@guarded
def tune_target(name: str, threads: int | None, rate: int | None) -> None:
    """Change how fast a target is worked on.

    Example: connector target set okta --threads 2 --rate 10
    """
    with parts().domain.change(operator()) as unit:
        targets.tune(unit, name, threads=threads, rate=rate)
    click.echo(f"{name} is changed.")


@target.command("pause")
@click.argument("name")
@_because
@guarded
def pause_target(name: str, reason: str) -> None:
    """Send nothing to a target until it is resumed; the work is kept.

    Example: connector target pause okta --because "maintenance until Monday"
    """
    with parts().domain.change(operator()) as unit:
        targets.pause(unit, name, reason)
    click.echo(f"{name} is paused; what changes meanwhile is kept for later.")


@target.command("resume")
@click.argument("name")
@guarded
def resume_target(name: str) -> None:
    """Go on with a target that is paused, blocked or quarantined.

    Example: connector target resume okta
    """
    with parts().domain.change(operator()) as unit:
        targets.resume(unit, name)
    click.echo(f"{name} is resumed.")


@target.command("failures")
@click.argument("name")
@json_option
@guarded
def list_failures(name: str, as_json: bool) -> None:
    """Show the pushes to a target that were given up, and why; exit 1 where there are any.

    Example: connector target failures okta
    """
    with parts().domain.view(operator()) as unit:
        found = targets.failures(unit, name)
    told = [{"agent": s.resource_id, "state": s.state, "problem": s.problem, "since": s.changed} for s in found]
    rows = [[s.resource_id, s.state, s.changed, s.problem or ""] for s in found]
    show(told, as_json, table(["agent", "state", "since", "problem"], rows) if rows else ["No push was given up."])
    if found:
        raise SystemExit(1)


@target.command("replay")
@click.argument("name")
@click.argument("agents", nargs=-1)
@guarded
def replay_failures(name: str, agents: tuple[str, ...]) -> None:
    """Try the pushes again that were given up: those of the agents named, or all.

    Example: connector target replay okta
    """
    with parts().domain.change(operator()) as unit:
        count = targets.replay(unit, name, [find_agent(unit, one).id for one in agents])
    click.echo(f"{count} pushes to {name} will be tried again.")


@target.command("unlink")
@click.argument("name")
@click.argument("agent")
@_because
@guarded
def unlink_account(name: str, agent: str, reason: str) -> None:
    """Say that the account an agent is linked to is not its own; it is never linked to it again.

    Example: connector target unlink okta invoice-matcher --because "that is the old test account"
    """
    with parts().domain.change(operator()) as unit:
        cases.unlink(unit, name, find_agent(unit, agent).id, reason=reason)
    click.echo(f"{agent} is unlinked at {name}; it gets an account of its own.")


def _option(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise Invalid(f"--option takes KEY=VALUE, not {text!r}", field="option")
    return key, value


def _json(options: dict[str, str]) -> str:
    return orjson.dumps(options).decode()
