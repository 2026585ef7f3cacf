"""How plans and reports read: who gets what, what stops a plan, and what happens next."""

import orjson

from connector.provisioning.plans import Document, Plan
from connector.provisioning.reconcile import Report
from connector.storage.plans import PlanRecord

_SHOWN = 200  # agents; --json has all


def plan_lines(plan: Plan) -> list[str]:
    """One line for each agent, and below it each attribute that changes."""
    lines = []
    for entry in plan.entries[:_SHOWN]:
        steps = ", ".join(_step(step) for step in entry.steps) or "nothing"
        lines.append(f"{entry.name} ({entry.situation}): {steps}")
        for step in entry.steps:
            if step["action"] == "update":
                changed = step.get("attributes", {}).items()
                lines += [f"    {name}: {_shown(one['from'])} -> {_shown(one['to'])}" for name, one in changed]
        lines += [
            f"    somebody else changed {one['attribute']}: {_shown(one['last'])} -> {_shown(one['found'])} ({one['policy']})"
            for one in entry.drift
        ]
    if len(plan.entries) > _SHOWN:
        lines.append(f"... and {len(plan.entries) - _SHOWN} more agents; --json shows all")
    return lines


def summary(stored: PlanRecord, plan: Plan) -> list[str]:
    read = plan.read
    seen = f"{read.found} accounts there, {read.linked} linked, {read.missing} missing, {read.unmatched} of nobody"
    counts = ", ".join(f"{count} {action}" for action, count in plan.counts.items()) or "nothing would change"
    return [f"Plan {stored.id} for {plan.target}: {counts}", f"  {seen}", f"  digest {stored.digest}"]


def stopped_lines(stored: PlanRecord, plan: Plan) -> list[str]:
    """What an administrator asks of a brake: why, who is told, what goes through, what the next run does."""
    brakes = orjson.loads(stored.brakes)
    if not brakes:
        return [f"Apply it with: connector apply {stored.id}"] if plan.entries else []
    return [
        "STOPPED before any write:",
        *[f"  - {one}" for one in brakes],
        "  Who is told: the audit log (plan:braked), `connector target list` and its readers; nobody by mail.",
        "  What goes through: nothing of this plan. Other changes of agents are still pushed one by one.",
        "  What the next run does: it makes a new plan and stops again while the reason stands.",
        "  To let exactly this plan run:",
        f'    connector apply {stored.id} --approve {stored.digest[:12]} --because "..."',
    ]


def report_lines(report: Report) -> list[str]:
    written = ", ".join(f"{count} {action}" for action, count in sorted(report.written.items())) or "nothing"
    lines = [f"{report.writes} writes: {written}"]
    if report.released:
        lines = [f"{report.released} removals are released; the worker carries them out."]
    lines += [f"  {name}: changed since the plan was made; the worker looks at it again" for name in report.stale]
    return lines + [f"  {name}: {why}" for name, why in report.failed.items()]


def _step(step: Document) -> str:
    more = step.get("group") or step.get("note") or ""
    return f"{step['action']} {more}".strip()


def _shown(value: object) -> str:
    return "(unassigned)" if value is None else orjson.dumps(value).decode()
