"""Which attributes an application gets: `mappings/saml/NAME.yaml`, the operator's folder before ours.

In: the name of a bundle. Out: its attributes, or Misconfigured with every problem of the file. Read once by each process.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from connector.core.errors import Misconfigured
from connector.edges.saml import names
from connector.edges.saml.attributes import SOURCES
from connector.edges.saml.canonical import attributes

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_FORMATS = {"uri": names.ATTRIBUTE_URI, "basic": names.ATTRIBUTE_BASIC, "unspecified": names.ATTRIBUTE_UNSPECIFIED}
_KEYS = {"name", "friendly", "format", "from"}


@dataclass(frozen=True)
class Attribute:
    """One line of a bundle: an attribute's name, and the fact that its values are."""

    name: str
    source: str
    name_format: str
    friendly: str | None = None

    @cached_property
    def start(self) -> str:
        """The start tag of its element, in canonical form."""
        told = {"FriendlyName": self.friendly, "Name": self.name, "NameFormat": self.name_format}
        return f"<saml:Attribute{attributes(told)}>"


class Bundles:
    """The bundles in some folders."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = [folder / "saml" for folder in folders]
        self._read: dict[str, tuple[Attribute, ...]] = {}

    def get(self, name: str) -> tuple[Attribute, ...]:
        """The attributes of that bundle."""
        if name not in self._read:
            self._read[name] = _read(self._file(name))
        return self._read[name]

    def _file(self, name: str) -> Path:
        if _NAME.fullmatch(name):
            for folder in self._folders:
                if (folder / f"{name}.yaml").is_file():
                    return folder / f"{name}.yaml"
        there = sorted({file.stem for folder in self._folders for file in folder.glob("*.yaml")})
        problem = f"there is no bundle of attributes {name!r}; there are: {', '.join(there) or 'none'}"
        raise Misconfigured("The attributes cannot be read.", [problem])


def _read(file: Path) -> tuple[Attribute, ...]:
    problems: list[str] = []
    try:
        document = yaml.safe_load(file.read_bytes())
    except (OSError, yaml.YAMLError) as problem:
        raise Misconfigured("The attributes cannot be read.", [f"{file}: {problem}"]) from problem
    entries = document.get("attributes") if isinstance(document, dict) and set(document) == {"attributes"} else None
    if not isinstance(entries, list) or not entries:
        problems.append("the file must be a table with one key, attributes, that is a list")
        entries = []
    found = [_attribute(entry, f"attributes[{index}]", problems) for index, entry in enumerate(entries)]
    listed = [one.name for one in found if one]
    problems += [f"the name {name!r} is there twice" for name in sorted({n for n in listed if listed.count(n) > 1})]
    if problems:
        raise Misconfigured("The attributes cannot be read.", [f"{file}: {problem}" for problem in problems])
    return tuple(one for one in found if one)


def _attribute(entry: Any, where: str, problems: list[str]) -> Attribute | None:
    if not isinstance(entry, dict) or not all(isinstance(text, str) and text for text in [*entry, *entry.values()]):
        problems.append(f"{where} must be a table of texts")
        return None
    before = len(problems)
    problems += [f"{where} has an unknown key {key!r}" for key in sorted(set(entry) - _KEYS)]
    problems += [f"{where} has no {key!r}" for key in ("name", "from") if key not in entry]
    if entry.get("from", "agentId") not in SOURCES:
        problems.append(f"{where}: from {entry['from']!r} is not one of {', '.join(SOURCES)}")
    if entry.get("format", "uri") not in _FORMATS:
        problems.append(f"{where}: format {entry['format']!r} is not one of {', '.join(_FORMATS)}")
    if len(problems) > before:
        return None
    return Attribute(entry["name"], entry["from"], _FORMATS[entry.get("format", "uri")], entry.get("friendly"))
