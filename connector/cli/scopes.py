"""Commands about what tokens are for: resources, their scopes, and who was granted which."""

import click

from connector.cli.output import ends, guarded, json_option, operator, parts, show, table
from connector.core.errors import NotFound
from connector.domain import scopes
from connector.domain.unit import Unit
from connector.storage.resources import by_ids, by_name


@click.group()
def resource() -> None:
    """Resources: services that accept our tokens."""


@resource.command("add")
@click.argument("uri")
@click.option("--name", required=True, help="What people call it.")
@guarded
def add_resource(uri: str, name: str) -> None:
    """Register a service by the URI that its tokens have as audience.

    Example: connector resource add https://files.example --name Files
    """
    with parts().domain.change(operator()) as unit:
        scopes.add_resource(unit, uri, name)
    click.echo(f"{uri} is registered.")


@resource.command("remove")
@click.argument("uri")
@guarded
def remove_resource(uri: str) -> None:
    """Forget a service, its scopes, and who was granted them.

    Example: connector resource remove https://files.example
    """
    with parts().domain.change(operator()) as unit:
        scopes.remove_resource(unit, uri)
    click.echo(f"{uri} is removed.")


@resource.command("list")
@json_option
@guarded
def list_resources(as_json: bool) -> None:
    """Show the services.

    Example: connector resource list
    """
    with parts().domain.view(operator()) as unit:
        found, _, _ = scopes.listing(unit)
    show(
        [{"uri": uri, "name": name} for uri, name in found], as_json, table(["uri", "name"], [[*one] for one in found])
    )


@click.group()
def scope() -> None:
    """Scopes of resources, and who was granted them."""


@scope.command("add")
@click.argument("name")
@click.option("--resource", "uri", required=True, help="The resource's URI.")
@click.option("--description", default="", help="What it allows.")
@click.option("--seconds", type=int, help="How long a token with it lives at most.")
@guarded
def add_scope(name: str, uri: str, description: str, seconds: int | None) -> None:
    """Add a scope to a resource.

    Example: connector scope add files.read --resource https://files.example --description 'read files'
    """
    with parts().domain.change(operator()) as unit:
        scopes.add(unit, name, uri, description=description, seconds=seconds)
    click.echo(f"{name} is added.")


@scope.command("remove")
@click.argument("name")
@guarded
def remove_scope(name: str) -> None:
    """Remove a scope and its grants; tokens lose it at once.

    Example: connector scope remove files.read
    """
    with parts().domain.change(operator()) as unit:
        scopes.remove(unit, name)
    click.echo(f"{name} is removed.")


@scope.command("list")
@json_option
@guarded
def list_scopes(as_json: bool) -> None:
    """Show the scopes and who was granted them.

    Example: connector scope list
    """
    with parts().domain.view(operator()) as unit:
        _, found, grants = scopes.listing(unit)
        holders = by_ids(unit.tx, {one.holder_id for one in grants})
    names = {id: holder.name for id, holder in holders.items()}
    told = [{**vars(one), "grants": [{**vars(grant)} for grant in grants if grant.scope == one.name]} for one in found]
    rows = [[one.name, one.resource, str(one.seconds or "-"), ""] for one in found] + [
        [one.scope, names.get(one.holder_id, one.holder_id), "", one.not_after or "-"] for one in grants
    ]
    show(told, as_json, table(["scope", "resource or holder", "seconds", "ends"], sorted(rows)))


@scope.command("grant")
@click.argument("name")
@click.argument("holder")
@click.option("--expires", type=ends, help="When it ends: a number of days, or a date such as 2027-03-31.")
@guarded
def grant_scope(name: str, holder: str, expires: str | None) -> None:
    """Let an agent, a person, or the members of a group ask for a scope. HOLDER is an id or a name.

    Example: connector scope grant files.read invoice-matcher --expires 90
    """
    with parts().domain.change(operator()) as unit:
        scopes.grant(unit, name, find_holder(unit, holder), not_after=expires)
    click.echo(f"{holder} may ask for {name}.")


@scope.command("withdraw")
@click.argument("name")
@click.argument("holder")
@guarded
def withdraw_scope(name: str, holder: str) -> None:
    """Take a grant back; tokens lose the scope at once.

    Example: connector scope withdraw files.read invoice-matcher
    """
    with parts().domain.change(operator()) as unit:
        scopes.withdraw(unit, name, find_holder(unit, holder))
    click.echo(f"{holder} may not ask for {name} any more.")


def find_holder(unit: Unit, name: str) -> str:
    """The id of the agent, person or group with that id or name; NotFound where there is none."""
    if by_ids(unit.tx, [name]):
        return name
    for kind in ("agent", "person", "group"):
        found = by_name(unit.tx, kind, name)
        if found is not None:
            return found.id
    raise NotFound(f"there is no agent, person or group {name!r}")
