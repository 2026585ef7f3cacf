"""How a preview reads: connect, read, scope, match, act."""

from typing import Any

from connector.provisioning.preview import Connected, Preview


def preview_told(at: str, greeting: str, seen: Preview) -> dict[str, Any]:
    """For machines."""
    told: dict[str, Any] = {
        "agent": seen.subject.id,
        "target": at,
        "connect": greeting,
        "scope": seen.wanted.account is not None,
        "account": seen.found.account.id if seen.found.account else None,
        "match": _match(seen),
        "steps": [str(step) for step in seen.steps],
        "changes": seen.described,
        "drift": [vars(one) for one in seen.decision.drift],
    }
    if seen.rendered is not None:
        told["attributes"] = dict(seen.rendered.attributes)
        told["origins"] = {name: vars(origin) for name, origin in seen.rendered.origins.items()}
    return told


def preview_lines(at: str, greeting: str, seen: Preview, connected: Connected) -> list[str]:
    """For people."""
    subject, mapping = seen.subject, connected.mapping
    lines = [
        f"1 connect  {greeting}",
        f"2 read     {subject.name} {subject.id}, {'active' if subject.active else 'not active'}",
    ]
    lines += [f"           {role}: {one['displayName']} {one['id']}" for role, one in subject.people.items()]
    if seen.wanted.account is None:
        lines.append(f"3 scope    it should have no account at {at}")
    else:
        state = "active" if seen.wanted.account.active else "disabled"
        lines.append(f"3 scope    it should have an account at {at}, {state}")
    lines.append(f"4 match    {_match(seen)}")
    if seen.rendered is not None:
        lines += [f"           address {seen.rendered.name}"] if seen.rendered.name else []
        for name, origin in seen.rendered.origins.items():
            value = seen.rendered.attributes.get(name, "(unassigned)")
            lines += [f"           {name} = {value}"]
            lines += [f"               {origin.rule}  from {dict(origin.sources)}  ({origin.where})"]
    lines.append(f"5 act      {', '.join(str(step) for step in seen.steps) or 'nothing to do'}")
    lines += [
        f"           somebody else changed {one.attribute}: {one.last} -> {one.found} ({one.policy})"
        for one in seen.decision.drift
    ]
    return [*lines, f"What a preview cannot know: whether {at} would refuse a value ({mapping.target} has no dry run)."]


def _match(seen: Preview) -> str:
    if seen.found.account is None:
        return "has no account yet"
    how = "adopted by correlation" if seen.found.adopted else "by its link"
    return f"has an account: {seen.found.account.id} {seen.found.account.name} ({how})".replace("  ", " ")
