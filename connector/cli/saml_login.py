"""The command that signs an agent in to a SAML application from a shell. It needs no settings: it runs where agents run."""

import os
import sys
from http.cookiejar import Cookie, CookieJar, MozillaCookieJar
from pathlib import Path

import click

from connector.cli.agent_access import agent
from connector.cli.output import json_option, show
from connector.client import AgentClient, PrivateKey, Secret, TokenRefused
from connector.client.saml import SignInFailed, login

__all__ = ["agent"]


@agent.command("saml-login")
@click.argument("url")
@click.option("--idp", required=True, help="Base address of the connector.")
@click.option("--client-id", required=True, help="The agent's id.")
@click.option("--secret-file", type=click.Path(exists=True, dir_okay=False), help="File with its client secret.")
@click.option("--key", type=click.Path(exists=True, dir_okay=False), help="Or its private key in PEM (EC P-256).")
@click.option("--cookies", type=click.Path(dir_okay=False), help="Write the cookies to this file, as curl reads them.")
@json_option
def saml_login(
    url: str, idp: str, client_id: str, secret_file: str | None, key: str | None, cookies: str | None, as_json: bool
) -> None:
    """Sign an agent in to a SAML application by ECP, and print the session's cookies or save them.

    Example: connector agent saml-login https://wiki.example/ --idp https://connector.example --client-id agt-…
    --secret-file secret.txt --cookies cookies.txt
    """
    if (secret_file is None) == (key is None):
        raise click.UsageError("give one of --secret-file and --key")
    credential = (
        PrivateKey.from_pem(client_id, key) if key else Secret(client_id, Path(str(secret_file)).read_text().strip())
    )
    try:
        browser = login(url, AgentClient(idp, credential).session(), idp.rstrip("/") + "/saml/ecp")
    except (SignInFailed, TokenRefused) as problem:
        click.echo(f"connector: {problem}", err=True)
        sys.exit(1)
    jar: CookieJar = browser.cookies  # its own type is that of a mapping of texts
    found = list(jar)
    if cookies is not None:
        _save(found, cookies)
        click.echo(f"signed in; the cookies are in {cookies}")
        return
    values = {one.name: one.value for one in found}
    show(values, as_json, [f"{name}={value}" for name, value in values.items()])


def _save(cookies: list[Cookie], file: str) -> None:
    """Readable for its owner only: who has the cookies has the session."""
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600))
    os.chmod(file, 0o600)
    jar = MozillaCookieJar(file)
    for one in cookies:
        jar.set_cookie(one)
    jar.save(ignore_discard=True, ignore_expires=True)
