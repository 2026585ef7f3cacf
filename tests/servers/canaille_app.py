"""Canaille with its SCIM server in one process; run by the interpreter of Canaille's own venv, never imported.

Usage: canaille_app.py PORT DATABASE_FILE TOKEN. With ready-made tables and a static token it starts in a fraction of
the time its command line needs for the same.
"""

import datetime
import sys
from pathlib import Path

from canaille import create_app  # type: ignore[import-not-found]
from canaille.app import models  # type: ignore[import-not-found]
from canaille.app.installation import install  # type: ignore[import-not-found]
from canaille.backends import Backend  # type: ignore[import-not-found]
from werkzeug.serving import make_server

HOST = "127.0.0.1"


def configuration(port: int, database: Path) -> dict[str, object]:
    return {
        "SECRET_KEY": "x" * 40,
        "SERVER_NAME": f"{HOST}:{port}",
        "PREFERRED_URL_SCHEME": "http",
        "BROKER": "dramatiq_eager_broker:EagerBroker",
        "CANAILLE": {"DATABASE": "sql", "LOGGING": None},
        "CANAILLE_SQL": {"DATABASE_URI": f"sqlite:///{database}"},
        "CANAILLE_OIDC": {"TRUSTED_DOMAINS": [HOST]},
        "CANAILLE_SCIM": {"ENABLE_SERVER": True, "ENABLE_CLIENT": False},
    }


def trust(token: str) -> None:
    """Let the bearer of this token in for a day, as a client of its own and not for a user."""
    client = models.Client(
        client_id="connector",
        client_secret="connector-secret",
        client_name="connector",
        client_uri="http://127.0.0.1:1",
        grant_types=["client_credentials"],
        token_endpoint_auth_method="client_secret_basic",
        scope=["openid"],
    )
    Backend.instance.save(client)
    Backend.instance.save(
        models.Token(
            token_id="static",
            access_token=token,
            client=client,
            subject=None,
            audience=[client],
            scope=["openid"],
            issue_date=datetime.datetime.now(datetime.UTC),
            lifetime=86400,
        )
    )


def main(port: int, database: Path, token: str) -> None:
    fresh = not database.exists()
    app = create_app(configuration(port, database))
    if fresh:
        with app.app_context(), Backend.instance.session():
            install(app)
            trust(token)
    make_server(HOST, port, app, threaded=True).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
