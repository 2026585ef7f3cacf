"""Commands about correlation cases: accounts and agents whose counterpart a person must decide about."""

import click

from connector.cli.output import guarded, json_option, operator, parts, show, table
from connector.cli.records import find_agent
from connector.domain import cases

_because = click.option("--because", "reason", required=True, help="Why; it is kept in the audit log.")


@click.group()
def case() -> None:
    """Correlation cases: whose account is it? A person decides."""


@case.command("list")
@click.option("--target", default="", help="Only of this target.")
@click.option(
    "--state", type=click.Choice(cases.STATES), default="open", show_default=True, help="Only those in this state."
)
@json_option
@guarded
def list_cases(target: str, state: str, as_json: bool) -> None:
    """Show the cases.

    Example: connector case list --target okta
    """
    with parts().domain.view(operator()) as unit:
        found = cases.listing(unit, target=target, state=state)
    rows = [[c.id, c.target, c.kind, c.about, ", ".join(c.accounts), c.detail] for c in found]
    told = [{**vars(c), "accounts": dict(c.accounts)} for c in found]
    heading = ["case", "target", "kind", "about", "accounts", "detail"]
    show(told, as_json, table(heading, rows) if rows else [f"No case is {state}."])


@case.command("link")
@click.argument("id", metavar="CASE")
@click.option("--agent", help="Whose account it is; needed where the case is about an account of nobody.")
@click.option("--account", help="Which of the accounts, where there are several.")
@_because
@guarded
def link_case(id: str, agent: str | None, account: str | None, reason: str) -> None:
    """Say that the account is the agent's: it is taken over and brought to what the mapping wants.

    Example: connector case link cse-01k... --because "HR confirmed"
    """
    with parts().domain.change(operator()) as unit:
        named = find_agent(unit, agent).id if agent else None
        decided = cases.link(unit, id, agent=named, account=account, reason=reason)
    click.echo(f"{decided.id}: linked.")


@case.command("unlink")
@click.argument("id", metavar="CASE")
@_because
@guarded
def unlink_case(id: str, reason: str) -> None:
    """Say that the account is not the agent's, or is gone for good: the agent gets a new one.

    Example: connector case unlink cse-01k... --because "it was deleted on purpose, make a new one"
    """
    with parts().domain.change(operator()) as unit:
        decided = cases.unlink_case(unit, id, reason=reason)
    click.echo(f"{decided.id}: unlinked.")


@case.command("ignore")
@click.argument("id", metavar="CASE")
@_because
@guarded
def ignore_case(id: str, reason: str) -> None:
    """Leave the accounts alone: they are not the agent's, and an account of nobody may stay (a protected mark).

    Example: connector case ignore cse-01k... --because "break-glass account"
    """
    with parts().domain.change(operator()) as unit:
        decided = cases.ignore(unit, id, reason=reason)
    click.echo(f"{decided.id}: ignored.")
