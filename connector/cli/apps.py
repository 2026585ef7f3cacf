"""Commands about agent-facing applications."""

from pathlib import Path
from typing import Any

import click

from connector.cli.output import guarded, json_option, operator, parts, show, table
from connector.core.errors import Invalid
from connector.domain import app_sources, apps
from connector.domain.app_settings import (
    BINDING,
    CONFIRMATION,
    DELEGATION,
    ENCRYPT,
    MAX_SESSION_MINUTES,
    NAME_FROM,
    NAME_ID,
    SIGN,
    SIGNATURE,
)
from connector.parts import Parts


@click.group()
def app() -> None:
    """Agent-facing applications: SAML service providers."""


@app.command("add")
@click.argument("name")
@click.option("--metadata", help="File or http(s) URL of the application's SAML metadata.")
@click.option(
    "--mdq", nargs=2, metavar="URL ENTITYID", help="A metadata query service, and the entityID to ask it for."
)
@click.option("--metadata-certificate", type=Path, help="PEM file: the metadata must be signed with its key.")
@click.option("--entity-id", help="Which service provider of an EntitiesDescriptor.")
@click.option(
    "--all", "every", is_flag=True, help="Every service provider of an EntitiesDescriptor, named NAME:entityID."
)
@json_option
@guarded
def add_app(
    name: str,
    metadata: str | None,
    mdq: tuple[str, str] | None,
    metadata_certificate: Path | None,
    entity_id: str | None,
    every: bool,
    as_json: bool,
) -> None:
    """Register an application, or replace its metadata.

    From a URL or a metadata query service, the worker reads it again and again: by https, or where it is signed.

    Example: connector app add wiki --metadata https://wiki.example/saml/metadata
    """
    from connector.core.http import HttpClient  # imported here: most commands ask nobody, and need no lxml
    from connector.edges.saml import source
    from connector.edges.saml.fetch import WEB, metadata_at

    if (metadata is None) == (mdq is None):
        raise Invalid("name exactly one of --metadata and --mdq", field="metadata")
    if [mdq is not None, entity_id is not None, every].count(True) > 1:
        raise Invalid("--mdq, --entity-id and --all do not go together: each says which entity is meant", field="all")
    certificate = _read(metadata_certificate) if metadata_certificate else None
    place, wanted = (source.mdq_url(*mdq), mdq[1]) if mdq else (metadata or "", entity_id)
    domain, bad = parts().domain, dict[str, str]()
    content = source.fetch(HttpClient(), place) if place.startswith(WEB) else metadata_at(place)
    now = domain.database.clock()
    if every:
        good, bad = source.check_all(content, now=now, certificate=certificate)
        found = {f"{name}:{one.provider.entity_id}": one for one in good}
    else:
        found = {name: source.check(content, now=now, certificate=certificate, entity_id=wanted)}
    for title, read in found.items():
        source.keep(domain, operator(), read, name=title, place=place, certificate=certificate)
    added = [{"name": title, "entityId": read.provider.entity_id} for title, read in found.items()]
    lines = [f"{one['name']}: {one['entityId']}" for one in added]
    lines += [f"left out: {id}: {problem}" for id, problem in bad.items()]
    show({"added": added, "leftOut": bad} if every else added[0], as_json, lines)
    if bad:
        raise SystemExit(1)


@app.command("list")
@json_option
@guarded
def list_apps(as_json: bool) -> None:
    """Show the applications.

    Example: connector app list
    """
    with parts().domain.view(operator()) as unit:
        found = apps.listing(unit)
    rows = [[one.name, one.entity_id] for one in found]
    show([{"name": one.name, "entityId": one.entity_id} for one in found], as_json, table(["name", "entityID"], rows))


@app.command("set")
@click.argument("name")
@click.option("--sign", type=click.Choice(SIGN), help="What is signed; both where nothing was chosen.")
@click.option(
    "--encrypt", type=click.Choice(ENCRYPT), help="Whether the assertion is encrypted to the key in the metadata."
)
@click.option("--name-id", type=click.Choice(NAME_ID), help="Format of the NameID where a request asks for none.")
@click.option(
    "--name-from", type=click.Choice(NAME_FROM), help="What an emailAddress or unspecified NameID is made from."
)
@click.option("--session-minutes", type=int, help=f"How long a session may last: 1 to {MAX_SESSION_MINUTES}; else 60.")
@click.option("--attributes", help="Bundle of attributes: plain, entra, okta, eduperson or one of your own.")
@click.option(
    "--group", "groups", multiple=True, help="Only agents in such a group may sign in; give it more than once."
)
@click.option("--everybody", is_flag=True, help="Every agent may sign in, whatever its groups.")
@click.option(
    "--delegation", type=click.Choice(DELEGATION), help="How it is told who acts for whom; none: nobody does."
)
@click.option(
    "--confirmation", type=click.Choice(CONFIRMATION), help="Who may use an assertion: its bearer, or its holder."
)
@click.option("--binding", type=click.Choice(BINDING), help="How a Response travels where the request does not say.")
@click.option("--signature", type=click.Choice(SIGNATURE), help="What is signed with; rsa-sha256 is taken everywhere.")
@click.option(
    "--relay", multiple=True, help="Address that an agent without a request may be brought to, and all below it."
)
@click.option("--no-relay", is_flag=True, help="An agent without a request may name no address.")
@json_option
@guarded
def set_app(name: str, as_json: bool, everybody: bool, no_relay: bool, **options: Any) -> None:
    """Change what was chosen for an application; what is not named stays as it is.

    Example: connector app set wiki --encrypt required --group wiki-bots
    """
    from connector.edges.saml import service_provider  # imported here: lxml is needed by few commands
    from connector.edges.saml.bundles import Bundles

    changes = {key: value for key, value in options.items() if value not in (None, ())}
    for key, emptied, flag in (("groups", everybody, "--everybody"), ("relay", no_relay, "--no-relay")):
        if emptied and key in changes:
            raise Invalid(f"{flag} and a value for the same do not go together", field=key)
        changes |= {key: ()} if emptied else {}
    if not changes:
        raise Invalid("nothing to change was given; connector app set --help lists what can be", field="options")
    assembled = parts()
    bundles = Bundles(assembled.mapping_folders)
    service_provider.configure(assembled.domain, operator(), name=name, changes=changes, bundles=bundles)
    _show(assembled, name, as_json)


@app.command("show")
@click.argument("name")
@json_option
@guarded
def show_app(name: str, as_json: bool) -> None:
    """Show an application and what was chosen for it.

    Example: connector app show wiki
    """
    _show(parts(), name, as_json)


def _show(assembled: Parts, name: str, as_json: bool) -> None:
    with assembled.domain.view(operator()) as unit:
        found = apps.by_name(unit, name)
        chosen = vars(apps.settings(found))
        chosen = {**chosen, "groups": apps.group_names(unit, chosen["groups"])}
        source = app_sources.find(unit, found.entity_id)
    lines = [f"{found.name}  {found.entity_id}"]
    for key, value in chosen.items():
        lines.append(f"  {key:15}  {(', '.join(value) or 'any') if key == 'groups' else _told(value)}")
    read = (
        {} if source is None else {"url": source.url, "read": source.read, "due": source.due, "problem": source.problem}
    )
    lines += [f"  {'metadata ' + key:15}  {value}" for key, value in read.items() if value is not None]
    told = {"name": found.name, "entityId": found.entity_id, "settings": chosen}
    show({**told, "metadata": read} if read else told, as_json, lines)


def _told(value: Any) -> str:
    return (", ".join(value) or "none") if isinstance(value, list | tuple) else str(value)


@app.command("remove")
@click.argument("name")
@guarded
def remove_app(name: str) -> None:
    """Forget an application: agents can no longer sign in there.

    Example: connector app remove wiki
    """
    with parts().domain.change(operator()) as unit:
        apps.remove(unit, name)
    click.echo(f"{name} is removed.")


def _read(certificate: Path) -> bytes:
    try:
        return certificate.read_bytes()
    except OSError as problem:
        raise Invalid(f"{certificate}: {problem.strerror}", field="metadata-certificate") from problem
