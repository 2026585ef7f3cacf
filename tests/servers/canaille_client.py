"""Canaille as a SCIM client; run by the interpreter of Canaille's own venv, never imported.

Usage: canaille_client.py DATABASE_FILE SCIM_URL create|change|regroup|delete, with the bearer to send in BEARER.
"""

import datetime
import os
import sys
from pathlib import Path

from canaille import create_app  # type: ignore[import-not-found]
from canaille.app import models  # type: ignore[import-not-found]
from canaille.app.installation import install  # type: ignore[import-not-found]
from canaille.backends import Backend  # type: ignore[import-not-found]


def configuration(database: Path) -> dict[str, object]:
    return {
        "SECRET_KEY": "x" * 40,
        "SERVER_NAME": "127.0.0.1:9",
        "BROKER": "dramatiq_eager_broker:EagerBroker",
        "CANAILLE": {"DATABASE": "sql"},
        "CANAILLE_OIDC": {
            "TRUSTED_DOMAINS": ["127.0.0.1"]
        },  # Canaille tells trusted applications without asking its people
        "CANAILLE_SQL": {"DATABASE_URI": f"sqlite:///{database}"},
        "CANAILLE_SCIM": {
            "ENABLE_SERVER": True,
            "ENABLE_CLIENT": True,
        },  # what it sends holds addresses of its own server
    }


def know(url: str, token: str) -> None:
    """Make the connector an application that is told of every change, with the bearer that lets Canaille in there."""
    client = models.Client(client_id="connector", client_name="connector", client_uri=url, scope=["openid"])
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


def act(what: str) -> None:
    backend = Backend.instance
    if what == "create":
        person = models.User(user_name="cana", family_name="Ille", formatted_name="Cana Ille", emails=["c@example.com"])
        backend.save(person)
        backend.save(models.Group(display_name="birds", members=[person]))
        return
    person = backend.get(models.User, user_name="cana")
    if what == "change":
        person.display_name = "Changed"
        backend.save(person)
        return
    group = backend.get(models.Group, display_name="birds")
    if what == "regroup":
        other = models.User(user_name="rara", family_name="Avis", formatted_name="Rara Avis", emails=["r@example.com"])
        backend.save(other)
        group.members = [other]
        group.description = "one of a kind"
        backend.save(group)
        return
    backend.delete(group)
    for name in ("cana", "rara"):
        backend.delete(backend.get(models.User, user_name=name))


def main(database: Path, url: str, what: str) -> None:
    fresh = not database.exists()
    app = create_app(configuration(database))
    with app.app_context(), Backend.instance.session():
        if fresh:
            install(app)
            know(url, os.environ["BEARER"])
        with app.test_request_context():
            act(what)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
