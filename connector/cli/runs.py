"""Commands that compare and write: preview, push, plan, apply, reconcile."""

from typing import Any

import click
import orjson

from connector.cli.output import guarded, json_option, operator, parts, progress_shown, show
from connector.cli.plans import plan_lines, report_lines, stopped_lines, summary
from connector.cli.previews import preview_lines, preview_told
from connector.cli.records import find_agent
from connector.core.errors import ConnectorError
from connector.domain import plans, targets
from connector.parts import Parts
from connector.provisioning.reconcile import Report


@click.command()
@click.argument("agent")
@click.option("--target", "at", required=True, help="At which target.")
@json_option
@guarded
def preview(agent: str, at: str, as_json: bool) -> None:
    """Show in five steps what a push of one agent would do: connect, read, scope, match, act. Writes nothing.

    Example: connector preview invoice-matcher --target okta
    """
    assembled = parts()
    with assembled.domain.view(operator()) as unit:
        record = find_agent(unit, agent)
    connected = assembled.connections.open(at)
    greeting = connected.target.check()
    with assembled.domain.view(operator()) as unit:
        subject = assembled.push.gather(unit, record.id, at)
    seen = assembled.push.preview(subject, connected)
    show(preview_told(at, greeting, seen), as_json, preview_lines(at, greeting, seen, connected))


@click.command()
@click.argument("target_name", metavar="TARGET")
@json_option
@guarded
def plan(target_name: str, as_json: bool) -> None:
    """Compare every agent with its account at a target, and keep what would be changed as a plan. Writes nothing there.

    Exit 1 where the plan is stopped until somebody approves it.

    Example: connector plan okta
    """
    assembled = parts()
    with progress_shown(as_json) as progress:
        stored, made = assembled.reconciler.plan(target_name, operator(), progress)
    brakes = orjson.loads(stored.brakes)
    told = {
        "plan": stored.id,
        "digest": stored.digest,
        "brakes": brakes,
        "counts": made.counts,
        **orjson.loads(made.text),
    }
    show(told, as_json, [*plan_lines(made), *summary(stored, made), *stopped_lines(stored, made)])
    if brakes:
        raise SystemExit(1)


@click.command()
@click.argument("plan_id", metavar="PLAN")
@click.option("--approve", metavar="DIGEST", help="Let a stopped plan run: at least 12 digits of its digest.")
@click.option("--because", "reason", default="", help="Why it is approved; kept in the audit log.")
@json_option
@guarded
def apply(plan_id: str, approve: str | None, reason: str, as_json: bool) -> None:
    """Carry out a plan, exactly as it was made: where an agent or its account has changed since, that one is left alone.

    Example: connector apply pln-01k... --approve 3f1c9a07d2be --because "the test agents are really to go"
    """
    assembled = parts()
    if approve is not None:
        with assembled.domain.change(operator()) as unit:
            plans.approve(unit, plan_id, approve, reason)
    with progress_shown(as_json) as progress:
        report = assembled.reconciler.apply(plan_id, operator(), progress)
    _show_report(report, as_json)


@click.command()
@click.argument("target_name", metavar="TARGET")
@json_option
@guarded
def reconcile(target_name: str, as_json: bool) -> None:
    """Make a plan and carry it out at once, unless it is stopped.

    Example: connector reconcile okta
    """
    assembled = parts()
    with progress_shown(as_json) as progress:
        stored, made = assembled.reconciler.plan(target_name, operator(), progress)
        if stored.brakes == "[]":
            report = assembled.reconciler.apply(stored.id, operator(), progress)
    if stored.brakes != "[]":
        told = {"plan": stored.id, "digest": stored.digest, "brakes": orjson.loads(stored.brakes)}
        show(told, as_json, [*summary(stored, made), *stopped_lines(stored, made)])
        raise SystemExit(1)
    _show_report(report, as_json)


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
    told = {name: _push(assembled, record.id, name) for name in names}
    lines = [f"{name}: {one['problem'] or ', '.join(one['steps']) or 'nothing to do'}" for name, one in told.items()]
    show(told, as_json, lines)
    if any(one["problem"] for one in told.values()):
        raise SystemExit(1)


def _push(assembled: Parts, agent_id: str, name: str) -> dict[str, Any]:
    try:
        outcome = assembled.attempts.now(agent_id, name)
        return {"steps": list(outcome.steps), "problem": outcome.problem}
    except ConnectorError as problem:
        return {"steps": [], "problem": problem.detail}


def _show_report(report: Report, as_json: bool) -> None:
    told = {"plan": report.plan, "written": dict(report.written), "stale": report.stale, "failed": report.failed}
    show({**told, "released": report.released, "writes": report.writes}, as_json, report_lines(report))
    if report.failed:
        raise SystemExit(1)
