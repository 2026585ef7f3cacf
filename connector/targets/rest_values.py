"""Attributes of an account against the JSON of a vendor's object: pure.

In: objects whose properties may hold properties, and attribute names in which a dot leads into one (name.given). Out: flat attributes
and back. Texts are compared without case, as the vendors' directories do.
"""

from collections.abc import Container, Iterable, Mapping
from typing import Any

from connector.targets.base import Value
from connector.targets.sign_in import Json


def flat(thing: Mapping[str, Any], *, without: Container[str] = ()) -> dict[str, Value]:
    """Every attribute that has a value; those that begin with @ or _ are about the answer and not about the object."""
    found: dict[str, Value] = {}
    for name, value in thing.items():
        if name in without or name[:1] in ("@", "_") or value is None or value == []:
            continue
        if isinstance(value, Mapping):
            found |= {f"{name}.{inner}": part for inner, part in value.items() if part is not None}
        else:
            found[name] = value
    return found


def nested(attributes: Mapping[str, Any]) -> Json:
    """The object that a vendor takes."""
    body: Json = {}
    for name, value in attributes.items():
        outer, _, inner = name.partition(".")
        if inner:
            body.setdefault(outer, {})[inner] = value
        else:
            body[name] = value
    return body


def value_at(thing: Mapping[str, Any], attribute: str) -> Any:
    """A property of a vendor's object, or with a dot one within another."""
    outer, _, inner = attribute.partition(".")
    found = thing.get(outer)
    return (found.get(inner) if isinstance(found, Mapping) else None) if inner else found


def holds(held: Any, value: str) -> bool:
    """Whether what an attribute holds is that value, or has it among its values."""
    each = held if isinstance(held, list) else [held]
    return value.casefold() in (str(one).casefold() for one in each if one is not None)


def folded(attributes: Mapping[str, Value], names: Iterable[str]) -> dict[str, Value]:
    """The attributes, those of the names in lower case."""
    lowered = {name: value.lower() for name in names if isinstance(value := attributes.get(name), str)}
    return {**attributes, **lowered}
