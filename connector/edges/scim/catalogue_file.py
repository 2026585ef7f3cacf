"""The catalogue of roles and entitlements, as its TOML file says: in comes a path, out come checked entries.

Names are those of draft-ietf-scim-roles-entitlements, so that the file reads as the answers do.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from connector.core.errors import Misconfigured
from connector.core.query import comparison_key

Text = Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]


class Entry(BaseModel):
    """One role or entitlement. The permitted total is told to clients; we do not count assignments."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    value: Text
    display: Text | None = None
    type: Text | None = None
    primary: bool | None = None
    supported: bool = True
    limitedAssignmentsPermitted: bool | None = None  # noqa: N815  # the draft's name
    totalAssignmentsPermitted: Annotated[int, Field(ge=0)] | None = None  # noqa: N815  # the draft's name
    contains: tuple[Text, ...] = Field((), strict=False)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    accept: Literal["any", "listed"] = "any"
    roles: tuple[Entry, ...] = Field((), strict=False)
    entitlements: tuple[Entry, ...] = Field((), strict=False)


@dataclass(frozen=True)
class Catalogue:
    """`listed`: resources may be given only what is here and supported. An empty list is not served, and limits nothing."""

    roles: tuple[Entry, ...] = ()
    entitlements: tuple[Entry, ...] = ()
    listed: bool = False


def read(path: Path | None) -> Catalogue:
    """The catalogue in the file; an empty one where there is no file. Misconfigured names everything that is wrong."""
    if path is None:
        return Catalogue()
    try:
        file = _File(**tomllib.loads(path.read_text()))
    except OSError as problem:
        problems = [f"cannot read {path}: {problem.strerror}"]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        problems = [f"{path}: {problem}"]
    except ValidationError as invalid:
        problems = [f"{path}: {_sentence(error)}" for error in invalid.errors()]
    else:
        problems = [
            f"{path}: {told}"
            for name, entries in (("roles", file.roles), ("entitlements", file.entitlements))
            for told in _contradictions(name, entries)
        ]
        if not problems:
            return Catalogue(file.roles, file.entitlements, file.accept == "listed")
    raise Misconfigured("The catalogue of roles and entitlements is wrong.", problems)


def _sentence(error: Any) -> str:
    first, *rest = error["loc"]
    where = str(first) + "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in rest)
    if error["type"] == "extra_forbidden":
        known = Entry.model_fields if rest else _File.model_fields
        return f"{where}: there is no such key; there are {', '.join(known)}"
    if error["type"] == "missing":
        return f"{where}: is required"
    return f"{where}: {error['msg']}, not {error['input']!r}"


def _contradictions(name: str, entries: tuple[Entry, ...]) -> Iterator[str]:
    """What is wrong with a list whose entries are each right."""
    keys: dict[str, int] = {}
    for number, one in enumerate(entries):
        first = keys.setdefault(comparison_key(one.value), number)
        if first != number:
            yield f"{name}[{number}].value: {one.value!r} is {name}[{first}] already (case does not count)"
        if one.limitedAssignmentsPermitted is False and one.totalAssignmentsPermitted is not None:
            yield f"{name}[{number}].totalAssignmentsPermitted: limitedAssignmentsPermitted is false"
    for number, one in enumerate(entries):
        for inner in one.contains:
            if keys.get(comparison_key(inner), number) == number:
                yield f"{name}[{number}].contains: {inner!r} is not the value of another entry of {name}"
    if sum(one.primary is True for one in entries) > 1:
        yield f"{name}: primary is true of more than one entry"
