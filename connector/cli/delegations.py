"""Commands about acting for others: standing delegations, and the issuers that vouch for people."""

from pathlib import Path

import click

from connector.cli.output import ends, guarded, json_option, operator, parts, show, table
from connector.cli.scopes import find_holder
from connector.domain import delegations
from connector.storage.delegations import vouchings


@click.group()
def delegation() -> None:
    """Standing delegations: which agent may act for whom."""


@delegation.command("add")
@click.argument("subject")
@click.argument("actor")
@click.option("--scope", "scopes", multiple=True, required=True, help="Within which scopes; give it more than once.")
@click.option("--expires", type=ends, required=True, help="When it ends: days, or a date; a year at most.")
@json_option
@guarded
def add_delegation(subject: str, actor: str, scopes: tuple[str, ...], expires: str, as_json: bool) -> None:
    """Let the agent ACTOR act for SUBJECT, a person or an agent. Both are ids or names.

    Example: connector delegation add ada invoice-matcher --scope files.read --expires 30
    """
    with parts().domain.change(operator()) as unit:
        parties = find_holder(unit, subject), find_holder(unit, actor)
        made = delegations.add(unit, *parties, frozenset(scopes), not_after=expires)
    show({"delegation": made.id}, as_json, [f"delegated as {made.id}, until {made.not_after}"])


@delegation.command("list")
@json_option
@guarded
def list_delegations(as_json: bool) -> None:
    """Show the delegations, ended ones too.

    Example: connector delegation list
    """
    with parts().domain.view(operator()) as unit:
        found = delegations.listing(unit)
    told = [{**vars(one), "scopes": sorted(one.scopes)} for one in found]
    rows = [
        [one.id, one.subject_id, one.actor_id, " ".join(sorted(one.scopes)), one.revoked or one.not_after]
        for one in found
    ]
    show(told, as_json, table(["id", "subject", "actor", "scopes", "ends"], rows))


@delegation.command("revoke")
@click.argument("id")
@guarded
def revoke_delegation(id: str) -> None:
    """End a delegation, and every token that came of it, at once.

    Example: connector delegation revoke dlg-…
    """
    with parts().domain.change(operator()) as unit:
        delegations.revoke(unit, id)
    click.echo(f"{id} is revoked.")


@click.group()
def issuer() -> None:
    """Issuers elsewhere whose JWTs say who a person is."""


@issuer.command("add")
@click.argument("issuer")
@click.option("--audience", required=True, help="The `aud` that its JWTs for us have.")
@click.option("--claim", default="preferred_username", show_default=True, help="Which claim is the person's userName.")
@click.option("--jwks-url", help="Where the issuer's keys are.")
@click.option("--jwks-file", type=click.Path(exists=True, dir_okay=False), help="Or a file with them.")
@guarded
def add_issuer(issuer: str, audience: str, claim: str, jwks_url: str | None, jwks_file: str | None) -> None:
    """Let the JWTs of an issuer, such as the workforce IdP, say who a person is.

    Example: connector issuer add https://idp.example --audience connector --jwks-url https://idp.example/jwks
    """
    jwks = Path(jwks_file).read_text() if jwks_file else None
    with parts().domain.change(operator()) as unit:
        delegations.vouch(unit, issuer, audience=audience, claim=claim, jwks_url=jwks_url, jwks=jwks)
    click.echo(f"{issuer} vouches for people.")


@issuer.command("list")
@json_option
@guarded
def list_issuers(as_json: bool) -> None:
    """Show these issuers.

    Example: connector issuer list
    """
    with parts().domain.view(operator()) as unit:
        found = vouchings(unit.tx)
    rows = [[one.issuer, one.audience, one.claim, one.jwks_url or "file"] for one in found]
    show([vars(one) for one in found], as_json, table(["issuer", "audience", "claim", "keys"], rows))


@issuer.command("remove")
@click.argument("issuer")
@guarded
def remove_issuer(issuer: str) -> None:
    """Do not take its word for people any more.

    Example: connector issuer remove https://idp.example
    """
    with parts().domain.change(operator()) as unit:
        delegations.stop_vouching(unit, issuer)
    click.echo(f"{issuer} does not vouch for people any more.")
