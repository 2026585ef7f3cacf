"""Commands about workforce IdPs, which people sign in at."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from connector.cli.output import guarded, json_option, operator, parts, show, table
from connector.core.errors import Invalid
from connector.domain import apps, workforce
from connector.domain.idp_settings import COMPARISON, GIVEN_ROLES, MATCH
from connector.domain.workforce import WorkforceIdp
from connector.parts import Parts

Pairs = tuple[tuple[str, str], ...]


@click.group()
def idp() -> None:
    """Workforce IdPs: where people sign in to the console."""


@idp.command("add")
@click.argument("name")
@click.option("--metadata", required=True, help="File or http(s) URL of the IdP's SAML metadata; a URL is read again.")
@click.option(
    "--metadata-certificate",
    type=click.Path(exists=True, dir_okay=False),
    help="File with the certificate (PEM) that the metadata must be signed with.",
)
@click.option("--entity-id", help="Which identity provider of an EntitiesDescriptor.")
@json_option
@guarded
def add_idp(name: str, metadata: str, metadata_certificate: str | None, entity_id: str | None, as_json: bool) -> None:
    """Trust a workforce IdP, or replace the metadata of one.

    Example: connector idp add corp --metadata https://idp.corp.example/metadata
    """
    from connector.edges.saml.sp import registry  # imported here: lxml is needed by few commands

    certificate = Path(metadata_certificate).read_text() if metadata_certificate else None
    assembled = parts()
    registry.add(assembled.domain, operator(), name=name, place=metadata, certificate=certificate, entity_id=entity_id)
    _show(assembled, name, as_json)


@idp.command("list")
@json_option
@guarded
def list_idps(as_json: bool) -> None:
    """Show the workforce IdPs.

    Example: connector idp list
    """
    with parts().domain.view(operator()) as unit:
        found = workforce.listing(unit)
    rows = [[one.name, "on" if one.active else "off", one.entity_id, one.problem or ""] for one in found]
    show([_summary(one) for one in found], as_json, table(["name", "state", "entityID", "problem"], rows))


@idp.command("show")
@click.argument("name")
@json_option
@guarded
def show_idp(name: str, as_json: bool) -> None:
    """Show a workforce IdP, what was chosen for it, and the addresses to enter there.

    Example: connector idp show corp
    """
    _show(parts(), name, as_json)


@idp.command("set")
@click.argument("name")
@click.option("--title", help="What people see on the sign-in page; the name where it is empty.")
@click.option(
    "--match", type=click.Choice(MATCH), help="Which attribute of a person here the IdP's word is compared with."
)
@click.option("--source", help="What is compared: NameID, or the name of an attribute that the IdP sends.")
@click.option(
    "--suffix", "suffixes", multiple=True, help="It speaks only for people whose name ends so, as @corp.example."
)
@click.option("--any-suffix", is_flag=True, help="It speaks for everybody.")
@click.option("--groups-attribute", help="Name of the attribute that has the groups of a person.")
@click.option("--role", "roles", multiple=True, help="ROLE=GROUP: who is in that group at the IdP has that role here.")
@click.option(
    "--role-group", "role_groups", multiple=True, help="ROLE=GROUP: who is in that group of ours (SCIM) has that role."
)
@click.option("--no-roles", is_flag=True, help="It gives no roles, neither by its groups nor by ours.")
@click.option("--create-people/--no-create-people", default=None, help="Make a person of whoever is not known here.")
@click.option("--unsolicited/--no-unsolicited", default=None, help="Let it sign people in who did not begin here.")
@click.option(
    "--context", "contexts", multiple=True, help="URI of an authentication context class that people must sign in by."
)
@click.option("--any-context", is_flag=True, help="People may sign in there by any means.")
@click.option(
    "--comparison",
    type=click.Choice(COMPARISON),
    help="How the IdP is asked for them: it answers by one (exact), or one as strong (minimum).",
)
@click.option("--on/--off", "active", default=None, help="Off: nobody signs in there, and who had is signed out.")
@json_option
@guarded
def set_idp(name: str, as_json: bool, any_suffix: bool, no_roles: bool, any_context: bool, **options: Any) -> None:
    """Change what was chosen for a workforce IdP; what is not named stays as it is.

    Example: connector idp set corp --groups-attribute groups --role admin=connector-admins
    """
    changes = {key: value for key, value in options.items() if value not in (None, ())}
    for key in ("roles", "role_groups"):
        if key in changes:
            changes[key] = _pairs(changes[key])
    for key, emptied, flag in (
        ("suffixes", any_suffix, "--any-suffix"),
        ("contexts", any_context, "--any-context"),
        ("roles", no_roles, "--no-roles"),
        ("role_groups", no_roles, "--no-roles"),
    ):
        if emptied and key in changes:
            raise Invalid(f"{flag} and a value for the same do not go together", field=key)
        changes |= {key: ()} if emptied else {}
    if not changes:
        raise Invalid("nothing to change was given; connector idp set --help lists what can be", field="options")
    assembled = parts()
    with assembled.domain.change(operator()) as unit:
        workforce.configure(unit, name, changes)
    _show(assembled, name, as_json)


@idp.command("refresh")
@click.argument("name", required=False)
@guarded
def refresh_idp(name: str | None) -> None:
    """Read the metadata of one workforce IdP again, or of all that have an address. The worker does so by itself.

    Example: connector idp refresh corp
    """
    from connector.core.errors import ConnectorError
    from connector.edges.saml.sp import registry

    domain, failed = parts().domain, []
    with domain.view(operator()) as unit:
        wanted = [workforce.fetch(unit, name)] if name else [one for one in workforce.listing(unit) if one.url]
    for one in wanted:
        try:
            registry.refresh(domain, operator(), one)
            click.echo(f"{one.name}: read again")
        except ConnectorError as problem:
            failed.append(f"{one.name}: {problem.detail}")
    if failed:
        raise Invalid("; ".join(failed), field="metadata")


@idp.command("remove")
@click.argument("name")
@guarded
def remove_idp(name: str) -> None:
    """Forget a workforce IdP; whoever signed in there is signed out.

    Example: connector idp remove corp
    """
    with parts().domain.change(operator()) as unit:
        workforce.remove(unit, name)
    click.echo(f"{name} is removed.")


def _pairs(given: Sequence[str]) -> Pairs:
    pairs = [one.partition("=") for one in given]
    for role, _, group in pairs:
        if role not in GIVEN_ROLES or not group:
            raise Invalid(f"a role is given as ROLE=GROUP, ROLE one of {', '.join(GIVEN_ROLES)}", field="role")
    return tuple((role, group) for role, _, group in pairs)


def _summary(one: WorkforceIdp) -> dict[str, Any]:
    return {"name": one.name, "active": one.active, "entityId": one.entity_id, "problem": one.problem}


def _show(assembled: Parts, name: str, as_json: bool) -> None:
    from connector.edges.saml.sp import identity_provider  # imported here: lxml is needed by few commands

    with assembled.domain.view(operator()) as unit:
        found = workforce.fetch(unit, name)
        chosen: dict[str, Any] = vars(workforce.settings(found))
        groups = [apps.group_names(unit, [id])[0] for _, id in chosen["role_groups"]]
    chosen = {**chosen, "role_groups": tuple(zip((one[0] for one in chosen["role_groups"]), groups, strict=True))}
    described = identity_provider.parsed(found.metadata.encode())
    until = described.valid_until.isoformat() if described.valid_until else None
    base = assembled.settings.url
    ours = {"entityId": f"{base}/saml/sp/metadata", "acs": f"{base}/saml/acs", "slo": f"{base}/saml/sp/slo"}
    facts = {"metadata": found.url, "signingKeys": len(described.keys), "validUntil": until, "read": found.fetched}
    lines = [f"{found.name}  {found.entity_id}  {'on' if found.active else 'off'}"]
    lines += [f"  {key:16}  {_told(value)}" for key, value in {**chosen, **facts}.items()]
    lines += [f"  problem           {found.problem}"] if found.problem else []
    lines += ["Enter there, or give it our metadata, which are at the first address:"]
    lines += [f"  {key:16}  {value}" for key, value in ours.items()]
    show({**_summary(found), "settings": chosen, **facts, "ours": ours}, as_json, lines)


def _told(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join("=".join(one) if isinstance(one, tuple) else str(one) for one in value) or "none"
    return "none" if value in (None, "") else str(value)
