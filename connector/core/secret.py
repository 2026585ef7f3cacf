"""Secrets: how they are referred to, made and compared. A Secret never shows itself in a repr, a log or an error."""

import hashlib
import os
import secrets
from pathlib import Path

from connector.core.errors import Invalid


class Secret:
    """A secret text in memory. `reveal()` is the only way to read it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(********)"

    __str__ = __repr__


def resolve(reference: str, *, field: str) -> Secret:
    """The secret behind `env:NAME` or `file:PATH`. Invalid for anything else, naming the field and never the value."""
    kind, _, place = reference.partition(":")
    if kind == "env" and place:
        if place not in os.environ:
            raise Invalid(f"{field}: the environment variable {place} is not set", field=field)
        return Secret(os.environ[place])
    if kind == "file" and place:
        try:
            return Secret(Path(place).read_text("utf-8").rstrip("\r\n"))
        except OSError as problem:
            raise Invalid(f"{field}: cannot read {place}: {problem.strerror}", field=field) from problem
        except UnicodeDecodeError:  # without its cause, which holds the bytes
            raise Invalid(f"{field}: {place} is not text in UTF-8", field=field) from None
    raise Invalid(f"{field} must be a reference, env:NAME or file:PATH; a secret itself is not kept here", field=field)


def new_secret(prefix: str) -> str:
    """A secret of 256 random bits behind a prefix that secret scanners can find (`acs_`, `acb_`)."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def fingerprint(secret: str) -> str:
    """SHA-256 in hex. Enough for 256-bit random secrets, which no dictionary holds; never used for human passwords."""
    return hashlib.sha256(secret.encode()).hexdigest()
