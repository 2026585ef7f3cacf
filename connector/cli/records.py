"""Commands about what we keep: agents, the audit log."""

from pathlib import Path

import click
import orjson

from connector.cli.output import guarded, json_option, operator, parts, show
from connector.core.errors import Invalid, NotFound
from connector.domain import audit, credentials, resources
from connector.domain.unit import Unit
from connector.storage.outbox import of_resource
from connector.storage.resources import Record, by_id, by_name

_SHOWN_ONCE = "The secret is shown only now."


@click.group()
def agent() -> None:
    """Agents and their credentials."""


@agent.command("show")
@click.argument("name")
@json_option
@guarded
def show_agent(name: str, as_json: bool) -> None:
    """Show an agent (by id or agentUserName), its credentials and where it stands at each target.

    Example: connector agent show invoice-matcher
    """
    with parts().domain.view(operator()) as unit:
        record = find_agent(unit, name)
        held = [
            {"id": one.id, "kind": one.kind, "created": one.created, "notAfter": one.not_after, "revoked": one.revoked}
            for one in credentials.listing(unit, record.id)
        ]
        standing = [
            {
                "destination": one.destination,
                "state": one.state,
                "problem": one.problem,
                "attempts": one.attempts,
                "nextTry": one.due if one.state in ("pending", "propagating") else None,
            }
            for one in of_resource(unit.tx, record.id)
        ]
    told = {"id": record.id, "document": orjson.loads(record.document), "credentials": held, "destinations": standing}
    lines = [f"{record.name}  {record.id}  {'active' if record.active else 'not active'}  version {record.version}"]
    lines += [f"  credential {one['id']} {one['kind']}{' revoked' if one['revoked'] else ''}" for one in held]
    lines += [
        f"  {one['destination']}: {one['state']}{' - ' + str(one['problem']) if one['problem'] else ''}"
        for one in standing
    ]
    show(told, as_json, lines)


@agent.command("secret")
@click.argument("name")
@json_option
@guarded
def issue_secret(name: str, as_json: bool) -> None:
    """Issue a client secret to an agent; prints it once.

    Example: connector agent secret invoice-matcher
    """
    with parts().domain.change(operator()) as unit:
        record = find_agent(unit, name)
        issued = credentials.issue(unit, "agent", record.id, "client_secret")
    show(
        {"client_id": record.id, "client_secret": issued.secret},
        as_json,
        [f"client id      {record.id}", f"client secret  {issued.secret}", _SHOWN_ONCE],
    )


@agent.command("key")
@click.argument("name")
@click.option(
    "--jwk", type=click.Path(exists=True, dir_okay=False), required=True, help="File with the public key as a JWK."
)
@json_option
@guarded
def register_key(name: str, jwk: str, as_json: bool) -> None:
    """Register the public key that an agent signs its client assertions with.

    Example: connector agent key invoice-matcher --jwk public.jwk
    """
    try:
        key = orjson.loads(Path(jwk).read_bytes())
    except ValueError as problem:
        raise Invalid(f"{jwk} is not JSON: {problem}", field="jwk") from problem
    with parts().domain.change(operator()) as unit:
        record = find_agent(unit, name)
        id = credentials.register_key(unit, "agent", record.id, key)
    show({"credential": id}, as_json, [f"registered as {id}"])


def find_agent(unit: Unit, name: str) -> Record:
    """The agent with that id or agentUserName; NotFound where there is none."""
    found = by_id(unit.tx, "agent", name) or by_name(unit.tx, "agent", name)
    if found is None:
        raise NotFound(f"there is no agent {name!r}, neither by id nor by agentUserName")
    return resources.fetch(unit, "agent", found.id)


@click.group("audit")
def audit_log() -> None:
    """The audit log."""


@audit_log.command("verify")
@click.option(
    "--checkpoint",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    help="A checkpoint that you kept; the last one in the data folder is used anyway.",
)
@json_option
@guarded
def verify_audit(files: tuple[str, ...], as_json: bool) -> None:
    """Recompute the Merkle tree from the events and compare every checkpoint; exit 1 where anything does not fit.

    Example: connector audit verify --checkpoint /mnt/safe/checkpoint.txt
    """
    assembled = parts()
    kept = assembled.settings.data_dir / "checkpoint.txt"
    anchors = [Path(file).read_text() for file in files] + ([kept.read_text()] if kept.exists() else [])
    report = audit.verify(assembled.domain, anchors=tuple(anchors))
    found = {
        "events": report.events,
        "sealed": report.sealed,
        "checkpoints": report.checkpoints,
        "findings": [vars(one) for one in report.findings],
    }
    lines = [f"{report.events} events, {report.sealed} sealed, {report.checkpoints} checkpoints"]
    lines += [f"  {one.where}: {one.problem}" for one in report.findings] or ["Everything fits."]
    show(found, as_json, lines)
    if report.findings:
        raise SystemExit(1)


@audit_log.command("export")
@click.option("--after", default=0, help="Only events behind this sequence number.")
@guarded
def export_audit(after: int) -> None:
    """Print every event as a line of JSON, oldest first.

    Example: connector audit export > events.jsonl
    """
    for event in audit.export(parts().domain, after=after):
        click.echo(orjson.dumps(event).decode())
