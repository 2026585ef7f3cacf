"""XML that is in canonical form as it is written (Exclusive XML Canonicalization 1.0), so that it can be signed as it stands.

Whoever writes an element keeps to that form: namespace declarations first and each where its prefix is first used, then attributes by
name, and always an end tag. What stands between tags goes through `text`, what stands in quotes through `attribute`.
"""

import re
from collections.abc import Mapping

from connector.core.errors import Invalid

_SPECIAL = re.compile(
    "[^ !#-%'-;=?-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)  # what is escaped somewhere, or cannot be written
_FORBIDDEN = re.compile(
    "[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)  # all that is no Char of XML 1.0 (section 2.2)
_IN_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#xD;"})
_IN_ATTRIBUTE = str.maketrans({"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#x9;", "\n": "&#xA;", "\r": "&#xD;"})


def text(value: str, field: str = "text") -> str:
    """A value as it stands between tags. Invalid, which names the field, where XML has no way to write it."""
    return value if _SPECIAL.search(value) is None else _escaped(value, _IN_TEXT, field)


def attribute(value: str, field: str = "text") -> str:
    """A value as it stands between double quotes."""
    return value if _SPECIAL.search(value) is None else _escaped(value, _IN_ATTRIBUTE, field)


def attributes(values: Mapping[str, str | None]) -> str:
    """Attributes as they stand in a start tag, in their order; those that are None are left out. None is in a namespace."""
    return "".join(f' {name}="{attribute(value, name)}"' for name, value in sorted(values.items()) if value is not None)


def _escaped(value: str, table: dict[int, str], field: str) -> str:
    forbidden = _FORBIDDEN.search(value)
    if forbidden is not None:
        raise Invalid(f"{field} has the character U+{ord(forbidden[0]):04X}, which XML cannot hold", field=field)
    return value.translate(table)
