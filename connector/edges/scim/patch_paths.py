"""The path of a PATCH operation (RFC 7644 section 3.5.2): a name, and a value filter that chooses elements of a list."""

from functools import lru_cache

from connector.edges.scim.errors import ScimError
from connector.edges.scim.filters import Grammar
from connector.edges.scim.paths import Path, split
from connector.edges.scim.profiles import Profile
from connector.edges.scim.schema import Table
from connector.edges.scim.tokens import Tokens


@lru_cache(maxsize=2048)
def parse_path(table: Table, text: str, profile: Profile) -> Path:
    """`attr`, `attr.sub`, `attr[filter]`, `attr[filter].sub`, each also behind a URN, or a bare extension URN.

    ScimError `invalidPath` where it does not resolve, `invalidFilter` where what is in the brackets does not.
    """
    tokens = Tokens(text, "invalidPath")
    path = split(table, tokens.take(), "invalidPath")
    if tokens.peek() is None:
        return path
    attribute = path.attribute
    if tokens.peek() != "[" or attribute is None or path.sub is not None or not attribute.sub or not attribute.multi:
        raise ScimError("invalidPath", f"{text!r}: only a list of objects takes a filter in brackets", field=text)
    tokens.error = "invalidFilter"
    chosen = Grammar(tokens, table, profile).bracket(attribute.name, attribute.sub)
    rest = tokens.peek()
    if rest is None:
        return Path(path.urn, attribute, None, chosen)
    tokens.take()
    sub = attribute.sub.get(rest[1:].lower()) if rest.startswith(".") else None
    if sub is None or tokens.peek() is not None:
        raise ScimError("invalidPath", f"cannot read {rest!r} in the path {text!r}", field=text)
    return Path(path.urn, attribute, sub, chosen)
