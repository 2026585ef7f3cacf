"""Commands of our own small CA, which issues client certificates to agents."""

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import click
from cryptography.hazmat.primitives.serialization import Encoding

from connector.cli.output import guarded, operator, parts
from connector.cli.records import find_agent
from connector.core.errors import Conflict, NotFound
from connector.domain import ca as authority


@click.group()
def ca() -> None:
    """Our own small CA for client certificates of agents."""


@ca.command("init")
@guarded
def init() -> None:
    """Make the CA's key and certificate in the keys folder, and print the certificate, which proxies are to trust.

    Example: connector ca init > agents-ca.pem
    """
    ring = parts(checked=False).domain.keys
    if ring.all("ca"):
        raise Conflict("there is a CA already; connector ca show prints its certificate")
    made = ring.make("ca")
    assert made.certificate is not None
    click.echo(made.certificate.public_bytes(Encoding.PEM).decode(), nl=False)


@ca.command("show")
@guarded
def show_ca() -> None:
    """Print the CA's certificate.

    Example: connector ca show > agents-ca.pem
    """
    found = [key.certificate for key in parts(checked=False).domain.keys.all("ca") if key.certificate]
    if not found:
        raise NotFound("this connector has no CA; make one with connector ca init")
    for certificate in found:
        click.echo(certificate.public_bytes(Encoding.PEM).decode(), nl=False)


@ca.command("issue")
@click.argument("name")
@click.option("--csr", type=click.Path(exists=True, dir_okay=False), required=True, help="File with the CSR in PEM.")
@guarded
def issue(name: str, csr: str) -> None:
    """Issue a client certificate to an agent from its CSR; prints the chain. Later ones the agent fetches itself.

    Example: connector ca issue invoice-matcher --csr agent.csr > agent.pem
    """
    assembled = parts()
    settings = assembled.settings
    with assembled.domain.change(operator()) as unit:
        pem = authority.issue(
            unit,
            assembled.domain.keys,
            find_agent(unit, name).id,
            Path(csr).read_bytes(),
            trust_domain=urlsplit(settings.url).hostname or "localhost",
            life=timedelta(hours=settings.certificate_hours),
        )
    click.echo(pem, nl=False)
