"""Plans that are kept: made, approved, applied. What is in one is provisioning's business; here it is a text with a digest."""

import hashlib
from collections.abc import Mapping

import orjson

from connector.core.errors import Conflict, Denied, NotFound
from connector.domain.events import Action
from connector.domain.unit import Unit
from connector.storage import plans
from connector.storage.plans import PlanRecord

_SHOWN = 12  # so many digits of a digest are enough to name it


def keep(unit: Unit, target: str, kind: str, text: str, counts: Mapping[str, int], brakes: list[str]) -> PlanRecord:
    """The stored plan. The one that is open is kept where it says the same, else it is replaced."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    before = plans.waiting(unit.tx, target, kind)
    if before is not None and before.digest == digest:
        return before
    made = PlanRecord(
        unit.tx.new_id("pln"),
        target,
        kind,
        digest,
        text,
        orjson.dumps(brakes).decode(),
        "open",
        unit.by.name,
        unit.tx.now,
        unit.tx.now,
    )
    plans.insert(unit.tx, made)
    unit.record(Action.PLAN_MADE, "plan", made.id, target=target, digest=digest, counts=dict(counts))
    if brakes:
        unit.record(Action.PLAN_BRAKED, "plan", made.id, target=target, digest=digest, brakes=brakes)
    return made


def fetch(unit: Unit, id: str) -> PlanRecord:
    found = plans.find(unit.tx, id)
    if found is None:
        raise NotFound(f"there is no plan {id!r}; `connector plan TARGET` makes one", field="plan")
    return found


def approve(unit: Unit, id: str, digest: str, reason: str) -> PlanRecord:
    """Let a braked plan run. The approval is of the digest: Denied where the plan's is another, Conflict where it is not open."""
    plan = fetch(unit, id)
    if len(digest) < _SHOWN or not plan.digest.startswith(digest.lower()):
        raise Denied(f"the plan's digest is {plan.digest}, not {digest}: look at what it says now", field="approve")
    _must_be(plan, "open")
    if not reason.strip():
        raise Denied("an approval needs a reason", field="because")
    plans.move(unit.tx, id, "approved", approved_by=unit.by.name, reason=reason)
    unit.record(Action.PLAN_APPROVED, "plan", id, target=plan.target, digest=plan.digest, why=reason)
    return fetch(unit, id)


def start(unit: Unit, id: str) -> PlanRecord:
    """The plan, to be applied now. Denied where it has brakes and nobody has approved it; Conflict where its time is over."""
    plan = fetch(unit, id)
    _must_be(plan, "open", "approved")
    if plan.state == "open" and orjson.loads(plan.brakes):
        raise Denied(
            f"the plan is stopped: {'; '.join(orjson.loads(plan.brakes))}. "
            f'Approve exactly this plan with: connector apply {id} --approve {plan.digest[:_SHOWN]} --because "..."',
            field="plan",
        )
    return plan


def finish(unit: Unit, id: str, result: Mapping[str, int]) -> None:
    """It was applied."""
    plan = fetch(unit, id)
    plans.move(unit.tx, id, "applied")
    unit.record(Action.PLAN_APPLIED, "plan", id, target=plan.target, digest=plan.digest, result=dict(result))


def _must_be(plan: PlanRecord, *states: str) -> None:
    if plan.state not in states:
        why = "a newer plan has taken its place" if plan.state == "replaced" else f"it is {plan.state} already"
        raise Conflict(f"the plan {plan.id} cannot be used any more: {why}", field="plan")
