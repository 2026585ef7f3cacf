"""Commands about inbound clients and what they prove themselves with."""

from pathlib import Path

import click

from connector.cli.output import guarded, json_option, operator, parts, show, table
from connector.domain import client_access, clients, parking

_SHOWN_ONCE = "The secret is shown only now."
_EXPIRES = "When it ends: a number of days, or a date such as 2027-03-31. A year where not given, three at most."


@click.group()
def client() -> None:
    """Inbound clients: IdPs and HR/IT workflows."""


@client.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    help="What it may do; give it more than once. "
    + "; ".join(f"{name}: {text}" for name, text in clients.SCOPES.items())
    + ".",
)
@click.option("--profile", type=click.Choice(clients.PROFILES), default="default", help="Tolerances, see docs/scim.md.")
@click.option("--dialect", type=click.Choice(clients.DIALECTS), default="wzdk", help="Which words for agents it uses.")
@click.option("--own-only", is_flag=True, help="It sees and changes only what it has created.")
@click.option("--if-match", is_flag=True, help="It must name the version that it changes.")
@click.option(
    "--rate", type=click.IntRange(min=0), default=0, help="Requests per second to each web process; 0: no limit."
)
@click.option("--static-bearer", is_flag=True, help="It may have a static bearer: for IdPs that know nothing else.")
@click.option(
    "--park-members",
    is_flag=True,
    help="A member that it names before it is there waits until the client gives a resource that externalId.",
)
@click.option(
    "--token-minutes",
    type=click.IntRange(clients.TOKEN_MINUTES[0], clients.TOKEN_MINUTES[-1]),
    default=10,
    help="How long its access tokens last.",
)
@click.option("--expires", help=_EXPIRES)
@json_option
@guarded
def create_client(
    name: str,
    scopes: tuple[str, ...],
    profile: str,
    dialect: str,
    own_only: bool,
    if_match: bool,
    rate: int,
    static_bearer: bool,
    park_members: bool,
    token_minutes: int,
    expires: str | None,
    as_json: bool,
) -> None:
    """Make an inbound client; prints its id and its secret, once.

    Example: connector client create hr-workflow --scope scim:agents
    """
    with parts().domain.change(operator()) as unit:
        made = clients.create(
            unit,
            name,
            frozenset(scopes),
            profile=profile,
            dialect=dialect,
            own_only=own_only,
            if_match=if_match,
            rate=rate,
            static_bearer=static_bearer,
            park_members=park_members,
            token_minutes=token_minutes,
        )
        issued = client_access.issue_secret(unit, name, expires=expires)
    found = {"client_id": made.id, "client_secret": issued.secret}
    show(found, as_json, [f"client id      {made.id}", f"client secret  {issued.secret}", _SHOWN_ONCE])


@client.command("secret")
@click.argument("name")
@click.option("--expires", help=_EXPIRES)
@json_option
@guarded
def create_secret(name: str, expires: str | None, as_json: bool) -> None:
    """Issue one more secret beside those that a client has; prints it once.

    Example: connector client secret hr-workflow --expires 180
    """
    with parts().domain.change(operator()) as unit:
        issued = client_access.issue_secret(unit, name, expires=expires)
        client_id = clients.named(unit, name).id
    _show_secret(client_id, issued, as_json)


@client.command("rotate")
@click.argument("name")
@click.option(
    "--overlap", type=click.IntRange(min=0), required=True, help="Days until the old secrets end; 0: at once."
)
@click.option("--expires", help=_EXPIRES)
@json_option
@guarded
def rotate_secret(name: str, overlap: int, expires: str | None, as_json: bool) -> None:
    """Issue a new secret and let the old ones end after some days; prints it once.

    Example: connector client rotate hr-workflow --overlap 7
    """
    with parts().domain.change(operator()) as unit:
        issued = client_access.rotate(unit, name, overlap=overlap, expires=expires)
        client_id = clients.named(unit, name).id
    _show_secret(client_id, issued, as_json)


@client.command("token")
@click.argument("name")
@click.option("--expires", help=_EXPIRES)
@json_option
@guarded
def create_bearer(name: str, expires: str | None, as_json: bool) -> None:
    """Make a static bearer token for an IdP that knows nothing else; prints it once. The client was made with --static-bearer.

    Example: connector client token okta --expires 90
    """
    with parts().domain.change(operator()) as unit:
        issued = client_access.issue_bearer(unit, name, expires=expires)
    show({"token": issued.secret, "credential": issued.id}, as_json, [issued.secret, _SHOWN_ONCE])


@client.command("credentials")
@click.argument("name")
@json_option
@guarded
def list_credentials(name: str, as_json: bool) -> None:
    """Show what a client can prove itself with, never a secret.

    Example: connector client credentials hr-workflow
    """
    with parts().domain.view(operator()) as unit:
        found = client_access.held(unit, name)
    rows = [[one.id, one.kind, one.status, one.not_before, one.not_after or "-", one.about] for one in found]
    heading = ["id", "kind", "status", "not before", "not after", "about"]
    show([vars(one) for one in found], as_json, table(heading, rows))


@client.command("revoke")
@click.argument("name")
@click.argument("credential_id")
@guarded
def revoke_credential(name: str, credential_id: str) -> None:
    """End a credential or a trust of a client now, with every access token of the client.

    Example: connector client revoke hr-workflow crd-1234
    """
    with parts().domain.change(operator()) as unit:
        client_access.revoke(unit, name, credential_id)
    click.echo(f"{credential_id} is revoked.")


@client.command("trust")
@click.argument("name")
@click.option("--issuer", required=True, help="The `iss` of its assertions, exactly.")
@click.option("--subject", required=True, help="The `sub` that stands for this client.")
@click.option("--audience", required=True, help="The `aud` that its assertions carry.")
@click.option("--jwks-url", help="Where the issuer publishes its keys.")
@click.option(
    "--jwks-file", type=click.Path(exists=True, dir_okay=False), help="File with the issuer's JWK Set instead."
)
@click.option(
    "--direct", is_flag=True, help="Its access tokens open SCIM as they are (Entra, where Secret Token is left empty)."
)
@json_option
@guarded
def trust_issuer(
    name: str,
    issuer: str,
    subject: str,
    audience: str,
    jwks_url: str | None,
    jwks_file: str | None,
    direct: bool,
    as_json: bool,
) -> None:
    """Let assertions of an issuer elsewhere stand for a client (RFC 7523, workload identity federation).

    Example: connector client trust entra --issuer https://login.example/t/v2.0 --subject 5b1c --audience api://scim --jwks-url https://login.example/t/keys
    """
    jwks = Path(jwks_file).read_text() if jwks_file else None
    with parts().domain.change(operator()) as unit:
        id = client_access.trust(
            unit, name, issuer=issuer, subject=subject, audience=audience, jwks_url=jwks_url, jwks=jwks, direct=direct
        )
    show({"trust": id}, as_json, [f"trusted as {id}"])


@client.command("disable")
@click.argument("name")
@guarded
def disable_client(name: str) -> None:
    """Keep a client out, at once; its tokens end.

    Example: connector client disable hr-workflow
    """
    with parts().domain.change(operator()) as unit:
        clients.switch(unit, name, active=False)
    click.echo(f"{name} is disabled.")


@client.command("enable")
@click.argument("name")
@guarded
def enable_client(name: str) -> None:
    """Let a client in again.

    Example: connector client enable hr-workflow
    """
    with parts().domain.change(operator()) as unit:
        clients.switch(unit, name, active=True)
    click.echo(f"{name} is enabled.")


@client.command("remove")
@click.argument("name")
@guarded
def remove_client(name: str) -> None:
    """Forget a client and its credentials; what it has created stays.

    Example: connector client remove hr-workflow
    """
    with parts().domain.change(operator()) as unit:
        clients.remove(unit, name)
    click.echo(f"{name} is removed.")


@client.command("list")
@json_option
@guarded
def list_clients(as_json: bool) -> None:
    """Show the inbound clients.

    Example: connector client list
    """
    with parts().domain.view(operator()) as unit:
        found = clients.listing(unit)
    rows = [
        [one.id, one.name, one.profile, one.dialect, " ".join(sorted(one.scopes)), "" if one.active else "disabled"]
        for one in found
    ]
    show(
        [{**vars(one), "scopes": sorted(one.scopes)} for one in found],
        as_json,
        table(["id", "name", "profile", "dialect", "scopes", ""], rows),
    )


@client.command("parked")
@click.argument("name")
@json_option
@guarded
def list_parked(name: str, as_json: bool) -> None:
    """Show whom groups wait for because a client named them before they were there (--park-members).

    Example: connector client parked hr-workflow
    """
    with parts().domain.view(operator()) as unit:
        found = parking.listing(unit, clients.named(unit, name).id)
    rows = [[one.value, one.group, one.group_id, one.since] for one in found]
    show([vars(one) for one in found], as_json, table(["member", "group", "group id", "since"], rows))


def _show_secret(client_id: str, issued: client_access.Issued, as_json: bool) -> None:
    found = {"client_id": client_id, "client_secret": issued.secret, "credential": issued.id}
    show(found, as_json, [f"client id      {client_id}", f"client secret  {issued.secret}", _SHOWN_ONCE])
