"""Options of a target, from text to typed values, with every problem reported at once.

In: a frozen dataclass whose fields are made by `option`, and the texts that an operator gave. Out: an instance, or Misconfigured.
A secret is only ever given as a reference (env:NAME, file:PATH); its field has the type Secret.
"""

import ssl
from collections.abc import Mapping
from dataclasses import MISSING, Field, field, fields
from difflib import get_close_matches
from typing import Any, TypeVar

from connector.core import secret
from connector.core.errors import Invalid, Misconfigured

Options = TypeVar("Options")

_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def option(help: str, *, default: Any = MISSING, choices: tuple[str, ...] = (), is_secret: bool = False) -> Any:
    """A field of an options class: what it is for, its default (required without one), the words that it may be."""
    metadata = {"help": help, "choices": choices, "secret": is_secret}
    return field(metadata=metadata) if default is MISSING else field(default=default, metadata=metadata)


def read_options(kind: type[Options], given: Mapping[str, str], *, target: str) -> Options:
    """An instance of the options class. Misconfigured names every unknown, missing and bad option of the target."""
    problems: list[str] = []
    known: dict[str, Field[Any]] = {one.name: one for one in fields(kind)}  # type: ignore[arg-type]
    for name in given:
        if name not in known:
            near = get_close_matches(name, list(known), n=1)
            problems.append(f"{name}: no such option" + (f'; did you mean "{near[0]}"?' if near else ""))
    values: dict[str, Any] = {}
    for name, one in known.items():
        if name in given:
            try:
                values[name] = _value(one, given[name])
            except Invalid as problem:
                problems.append(problem.detail)
        elif one.default is MISSING:
            problems.append(f"{name}: this option is required ({one.metadata['help']})")
    if not problems:
        try:
            return kind(**values)
        except Misconfigured as wrong:  # rules that span several options, from __post_init__
            problems.extend(wrong.problems)
    raise Misconfigured(f"The options of target {target} have errors", problems)


def ca_problem(ca_file: str) -> str | None:
    """What is wrong with the option ca_file; None where certificates can be taken from it, or it is not given."""
    if not ca_file:
        return None  # the system's are the system's business, and reading them takes a while
    try:
        ssl.create_default_context(cafile=ca_file)
    except OSError as problem:  # ssl.SSLError is one
        return f"ca_file: cannot take certificates from {ca_file}: {problem}"
    return None


def _value(one: Field[Any], text: str) -> Any:
    if one.metadata["secret"]:
        return secret.resolve(text, field=one.name)
    if one.metadata["choices"] and text not in one.metadata["choices"]:
        raise Invalid(f"{one.name}: {text!r} is not one of {', '.join(one.metadata['choices'])}")
    if isinstance(one.default, bool):
        if text.lower() not in _TRUE + _FALSE:
            raise Invalid(f"{one.name}: {text!r} is neither true nor false")
        return text.lower() in _TRUE
    if isinstance(one.default, int | float):
        return _number(one, text)
    if isinstance(one.default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if not text and one.default is MISSING:
        raise Invalid(f"{one.name}: this option must not be empty")
    return text


def _number(one: Field[Any], text: str) -> int | float:
    try:
        number = float(text) if isinstance(one.default, float) else int(text)
    except ValueError as problem:
        raise Invalid(f"{one.name}: {text!r} is not a number") from problem
    if not 0 < number <= 1_000_000:
        raise Invalid(f"{one.name}: {text} is not between 0 and 1000000")
    return number
