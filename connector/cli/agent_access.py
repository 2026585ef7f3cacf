"""Commands about how agents get in: rotate, revoke, leaked, API keys, certificates, trusted issuers, redirect URIs."""

from datetime import timedelta
from pathlib import Path

import click

from connector.cli.output import ends, guarded, json_option, operator, parts, show, table
from connector.cli.records import agent, find_agent
from connector.domain import client_access, credentials, pushed_requests, redirect_uris, rotation
from connector.domain.exchange import rights

__all__ = ["agent"]

_SHOWN_ONCE = "The secret is shown only now."


@agent.command("credentials")
@click.argument("name")
@json_option
@guarded
def list_credentials(name: str, as_json: bool) -> None:
    """Show what an agent may prove itself with, never a secret, and whom it trusts.

    Example: connector agent credentials invoice-matcher
    """
    with parts().domain.view(operator()) as unit:
        record = find_agent(unit, name)
        found = [
            {
                "id": one.id,
                "kind": one.kind,
                "status": credentials.status(one, unit.tx.now),
                "notAfter": one.not_after,
                "lastUsed": one.last_used,
            }
            for one in credentials.listing(unit, record.id)
        ] + [
            {"id": one.id, "kind": "trust", "status": "active", "notAfter": None, "lastUsed": None}
            for one in client_access.trusts(unit, record.id)
        ]
    rows = [[str(value or "-") for value in one.values()] for one in found]
    show(found, as_json, table(["id", "kind", "status", "ends", "last used"], rows))


@agent.command("rotate")
@click.argument("name")
@click.option(
    "--overlap", type=click.IntRange(0, 90), default=7, show_default=True, help="Days the old ones still serve."
)
@click.option(
    "--kind", type=click.Choice(rotation.SCHEDULED), default="client_secret", show_default=True, help="What is issued."
)
@json_option
@guarded
def rotate_agent(name: str, overlap: int, kind: str, as_json: bool) -> None:
    """Issue a new secret or API key and let the old ones end after the overlap; prints it once. 0: at once, tokens too.

    Example: connector agent rotate invoice-matcher --overlap 7
    """
    with parts().domain.change(operator()) as unit:
        record = find_agent(unit, name)
        issued = rotation.rotate(unit, record.id, kind=kind, overlap=timedelta(days=overlap))
    _show_secret(record.id, issued, as_json)


@agent.command("api-key")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, help="What it may do; give it more than once.")
@click.option(
    "--expires", type=ends, help="When it ends: days, or a date. 90 days where not given, which is the longest."
)
@json_option
@guarded
def make_api_key(name: str, scopes: tuple[str, ...], expires: str | None, as_json: bool) -> None:
    """Make an API key for an agent whose software knows nothing else; prints it once. It is sent as a bearer token.

    Example: connector agent api-key invoice-matcher --scope files.read --expires 30
    """
    with parts().domain.change(operator()) as unit:
        record = find_agent(unit, name)
        missing = sorted(set(scopes) - rights(unit, record.id))
        if missing:
            raise click.UsageError(f"the scope {missing[0]!r} is not granted to {record.name}")
        issued = credentials.issue(unit, "agent", record.id, "api_key", not_after=expires, scopes=frozenset(scopes))
    _show_secret(record.id, issued, as_json)


@agent.command("certificate")
@click.argument("name")
@click.option("--pem", type=click.Path(exists=True, dir_okay=False), required=True, help="File with the certificate.")
@json_option
@guarded
def add_certificate(name: str, pem: str, as_json: bool) -> None:
    """Register the certificate that an agent shows in TLS (self_signed_tls_client_auth).

    Example: connector agent certificate invoice-matcher --pem agent.pem
    """
    with parts().domain.change(operator()) as unit:
        record = find_agent(unit, name)
        id = credentials.register_certificate(unit, "agent", record.id, Path(pem).read_bytes())
    show({"credential": id}, as_json, [f"registered as {id}"])


@agent.command("tls-name")
@click.argument("name")
@click.argument("tls_name", metavar="FORM:VALUE")
@json_option
@guarded
def add_tls_name(name: str, tls_name: str, as_json: bool) -> None:
    """Let certificates of client_ca_file with that name stand for an agent (tls_client_auth).

    FORM is subject_dn, san_dns, san_uri, san_ip or san_email.

    Example: connector agent tls-name invoice-matcher san_uri:spiffe://example.org/invoice-matcher
    """
    with parts().domain.change(operator()) as unit:
        record = find_agent(unit, name)
        id = credentials.register_tls_name(unit, "agent", record.id, tls_name)
    show({"credential": id}, as_json, [f"registered as {id}"])


@agent.command("trust")
@click.argument("name")
@click.option("--issuer", required=True, help="The `iss` of its tokens.")
@click.option("--subject", required=True, help="The `sub` that stands for the agent.")
@click.option("--audience", required=True, help="The `aud` that they have.")
@click.option("--jwks-url", help="Where the issuer's keys are.")
@click.option("--jwks-file", type=click.Path(exists=True, dir_okay=False), help="Or a file with them.")
@click.option("--reusable", is_flag=True, help="The same token may come again until it ends, as in Kubernetes.")
@json_option
@guarded
def trust_issuer(
    name: str,
    issuer: str,
    subject: str,
    audience: str,
    jwks_url: str | None,
    jwks_file: str | None,
    reusable: bool,
    as_json: bool,
) -> None:
    """Let tokens of another issuer stand for an agent (RFC 7523), so that no secret is stored.

    Example: connector agent trust bot --issuer https://k8s.example --subject system:serviceaccount:prod:bot
    --audience https://connector.example --jwks-url https://k8s.example/openid/v1/jwks --reusable
    """
    jwks = Path(jwks_file).read_text() if jwks_file else None
    with parts().domain.change(operator()) as unit:
        record = find_agent(unit, name)
        id = client_access.add_trust(
            unit,
            "agent",
            record.id,
            issuer=issuer,
            subject=subject,
            audience=audience,
            jwks_url=jwks_url,
            jwks=jwks,
            reusable=reusable,
        )
    show({"trust": id}, as_json, [f"trusted as {id}"])


@agent.group("redirect-uri")
def redirect_uri() -> None:
    """Where people's browsers are sent back to with a code for an agent."""


@redirect_uri.command("add")
@click.argument("name")
@click.argument("uri")
@guarded
def add_redirect_uri(name: str, uri: str) -> None:
    """Let codes for an agent be sent to an address. It must come in each request exactly so; only the port of 127.0.0.1 may differ.

    Example: connector agent redirect-uri add invoice-matcher https://invoices.example/callback
    """
    with parts().domain.change(operator()) as unit:
        redirect_uris.add(unit, find_agent(unit, name).id, uri)
    click.echo(f"{uri} is registered.")


@redirect_uri.command("list")
@click.argument("name")
@json_option
@guarded
def list_redirect_uris(name: str, as_json: bool) -> None:
    """Show the redirect URIs of an agent.

    Example: connector agent redirect-uri list invoice-matcher
    """
    with parts().domain.view(operator()) as unit:
        found = redirect_uris.listing(unit, find_agent(unit, name).id)
    show(found, as_json, found)


@redirect_uri.command("remove")
@click.argument("name")
@click.argument("uri")
@guarded
def remove_redirect_uri(name: str, uri: str) -> None:
    """Send no codes there any more.

    Example: connector agent redirect-uri remove invoice-matcher https://invoices.example/callback
    """
    with parts().domain.change(operator()) as unit:
        redirect_uris.remove(unit, find_agent(unit, name).id, uri)
    click.echo(f"{uri} is removed.")


@agent.command("pushed-requests")
@click.argument("name")
@click.option("--needed/--not-needed", required=True, help="Whether people are asked only what was pushed.")
@guarded
def need_pushed_requests(name: str, needed: bool) -> None:
    """Have an agent push its authorization requests (RFC 9126) before it sends people.

    Example: connector agent pushed-requests invoice-matcher --needed
    """
    with parts().domain.change(operator()) as unit:
        pushed_requests.need(unit, find_agent(unit, name).id, needed)
    click.echo(f"{name} {'must' if needed else 'need not'} push its authorization requests.")


@agent.command("revoke")
@click.argument("name")
@click.argument("credential")
@guarded
def revoke_credential(name: str, credential: str) -> None:
    """End one credential or trust of an agent now, and its tokens.

    Example: connector agent revoke invoice-matcher crd-…
    """
    with parts().domain.change(operator()) as unit:
        rotation.revoke(unit, find_agent(unit, name).id, credential)
    click.echo(f"{credential} is revoked.")


@agent.command("leaked")
@click.argument("name")
@click.option("--why", help="What has happened, for the audit log.")
@guarded
def report_leak(name: str, why: str | None) -> None:
    """Something of the agent's got out: end every credential, token and session of it at once.

    Example: connector agent leaked invoice-matcher --why 'secret found in a log'
    """
    with parts().domain.change(operator()) as unit:
        record = find_agent(unit, name)
        rotation.leaked(unit, record.id, why=why)
    click.echo(f"Everything that {record.name} could prove itself with is revoked; give it a new credential.")


def _show_secret(agent_id: str, issued: credentials.Issued, as_json: bool) -> None:
    told = {"client_id": agent_id, "credential": issued.id, "secret": issued.secret}
    lines = [f"client id   {agent_id}", f"credential  {issued.id}", f"secret      {issued.secret}", _SHOWN_ONCE]
    show(told, as_json, lines)
