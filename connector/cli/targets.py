"""Commands about targets: add, check, list, remove; preview, plan, push, reconcile."""

from typing import Any

import click
import orjson

from connector.cli.output import guarded, json_option, operator, parts, show, table
from connector.cli.records import find_agent
from connector.core.clock import to_text
from connector.core.errors import ConnectorError, Invalid
from connector.domain import targets
from connector.mapping.load import load
from connector.parts import Parts
from connector.storage import links
from connector.storage.resources import ids_of_kind
from connector.storage.targets import TargetRecord


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
@json_option
@guarded
def add_target(name: str, mapping: str, given: tuple[str, ...], no_check: bool, as_json: bool) -> None:
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
        targets.add(unit, name, kind, mapping, options)
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
    """Show the targets, how each is doing, and why.

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
            str(s.failed),
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
            "failed": s.failed,
            "blockedUntil": s.target.blocked_until,
            "problem": s.problem,
            "lastSuccess": s.target.last_success,
        }
        for s in found
    ]
    show(told, as_json, table(["name", "kind", "state", "pending", "failed", "blocked until", "problem"], rows))


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


@click.command()
@click.argument("agent")
@click.option("--target", "at", required=True, help="At which target.")
@json_option
@guarded
def preview(agent: str, at: str, as_json: bool) -> None:
    """Show the account that an agent would get, attribute by attribute, and where each value comes from. Writes nothing.

    Example: connector preview invoice-matcher --target okta
    """
    assembled = parts()
    with assembled.domain.view(operator()) as unit:
        record = find_agent(unit, agent)
    seen = assembled.push.preview(record.id, assembled.connections.open(at))
    lines = [f"{record.name} at {at}: {'has an account' if seen.found.account else 'has no account yet'}"]
    told: dict[str, Any] = {"agent": record.id, "target": at, "steps": [str(step) for step in seen.steps]}
    if seen.rendered is not None:
        told["attributes"] = dict(seen.rendered.attributes)
        told["origins"] = {name: vars(origin) for name, origin in seen.rendered.origins.items()}
        lines += [f"  address {seen.rendered.name}"] if seen.rendered.name else []
        for name, origin in seen.rendered.origins.items():
            value = seen.rendered.attributes.get(name, "(unassigned)")
            lines += [f"  {name} = {value}", f"      {origin.rule}  from {dict(origin.sources)}  ({origin.where})"]
    lines += ["What a push would do: " + (", ".join(str(step) for step in seen.steps) or "nothing")]
    show(told, as_json, lines)


@click.command()
@click.argument("target_name", metavar="TARGET")
@json_option
@guarded
def plan(target_name: str, as_json: bool) -> None:
    """Show what a reconciliation of a target would change. Writes nothing.

    Example: connector plan okta
    """
    assembled = parts()
    found = {}
    for id, label in _subjects(assembled, target_name):
        steps = [str(step) for step in assembled.push.preview(id, assembled.connections.open(target_name)).steps]
        if steps:
            found[label] = steps
    lines = [f"{name}: {', '.join(steps)}" for name, steps in found.items()] or ["Nothing would change."]
    show(found, as_json, lines)


@click.command()
@click.argument("target_name", metavar="TARGET")
@json_option
@guarded
def reconcile(target_name: str, as_json: bool) -> None:
    """Compare every agent with its account at a target and put right what differs.

    Example: connector reconcile okta
    """
    assembled = parts()
    subjects = _subjects(assembled, target_name)
    writes, failed = 0, {}
    with click.progressbar(subjects, label=f"Reconciling {target_name}", hidden=as_json) as listed:
        for id, label in listed:
            steps, problem = _push(assembled, id, target_name)
            writes += len(steps)
            if problem:
                failed[label] = problem
    lines = [f"{len(subjects)} agents looked at, {writes} writes"] + [
        f"  {name}: {why}" for name, why in failed.items()
    ]
    show({"agents": len(subjects), "writes": writes, "failed": failed}, as_json, lines)
    if failed:
        raise SystemExit(1)


@click.command()
@click.argument("agent")
@click.option("--target", "at", help="At this target only.")
@json_option
@guarded
def push(agent: str, at: str | None, as_json: bool) -> None:
    """Push one agent now, to every target or to one.

    Example: connector push invoice-matcher
    """
    assembled = parts()
    with assembled.domain.view(operator()) as unit:
        record = find_agent(unit, agent)
        names = [at] if at else [one.target.name for one in targets.states(unit)]
    told, bad = {}, False
    for name in names:
        steps, problem = _push(assembled, record.id, name)
        told[name] = {"steps": steps, "problem": problem}
        bad = bad or problem is not None
    show(
        told,
        as_json,
        [f"{name}: {one['problem'] or ', '.join(one['steps'] or []) or 'nothing to do'}" for name, one in told.items()],
    )
    if bad:
        raise SystemExit(1)


def _push(assembled: Parts, agent_id: str, target_name: str) -> tuple[list[str], str | None]:
    try:
        connected = assembled.connections.open(target_name)
        return [str(step) for step in assembled.push.push(agent_id, connected)], None
    except ConnectorError as problem:
        return [], problem.detail


def _subjects(assembled: Parts, target_name: str) -> list[tuple[str, str]]:
    """Every agent, and every id that still has a link there though its agent is gone."""
    with assembled.domain.view(operator()) as unit:
        targets.fetch(unit, target_name)
        ids = ids_of_kind(unit.tx, "agent")
        left = {link.resource_id for link in links.of_target(unit.tx, target_name)} - set(ids)
    return [(id, id) for id in [*ids, *sorted(left)]]


def _option(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise Invalid(f"--option takes KEY=VALUE, not {text!r}", field="option")
    return key, value


def _json(options: dict[str, str]) -> str:
    return orjson.dumps(options).decode()
