"""Attribute paths and filters (RFC 7644 sections 3.4.2.2 and 3.5.2): text to resolved attributes, by the tables."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson

from connector.core.clock import from_text, to_text
from connector.core.query import And, Element, Equals, Filter
from connector.core.query import Attribute as Resolved
from connector.edges.scim.errors import ScimError
from connector.edges.scim.schema import TABLES, Attribute, Table

_MAX_LENGTH = 4096
_MAX_TERMS = 50
_TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|([()\[\]])|([^\s()\[\]"]+))')
_LATER = {"ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "pr"}


@dataclass(frozen=True)
class Path:
    """A resolved path. `urn` names the extension (None for the core); without `attribute` it is the whole extension.

    `terms` is the value filter of `emails[type eq "work"]`; `sub` is the attribute behind the dot.
    """

    urn: str | None
    attribute: Attribute | None
    sub: Attribute | None = None
    terms: tuple["Term", ...] | None = None


@dataclass(frozen=True)
class Term:
    """`sub eq value`, inside a value filter."""

    sub: Attribute
    value: Any


@dataclass
class _Tokens:
    listed: list[str]
    at: int = 0
    error: str = field(default="invalidFilter")

    def peek(self) -> str | None:
        return self.listed[self.at] if self.at < len(self.listed) else None

    def take(self, wanted: str | None = None) -> str:
        token = self.peek()
        if token is None or (wanted is not None and token != wanted):
            raise ScimError(self.error, f"expected {wanted or 'more'} {f'before {token!r}' if token else 'at the end'}")
        self.at += 1
        return token


def _tokens(text: str, error: str) -> _Tokens:
    if len(text) > _MAX_LENGTH:
        raise ScimError(error, f"longer than {_MAX_LENGTH} characters")
    listed, at = [], 0
    while at < len(text.rstrip()):
        found = _TOKEN.match(text, at)
        if found is None:
            raise ScimError(error, f"cannot read {text[at : at + 20]!r}: a text needs double quotes at both ends")
        listed.append(found[0].strip())
        at = found.end()
    if listed.count("(") > _MAX_TERMS:
        raise ScimError(error, f"more than {_MAX_TERMS} brackets")
    return _Tokens(listed, error=error)


def split(table: Table, text: str, error: str) -> Path:
    """`userName`, `name.givenName`, `urn:…:User:department`, a bare extension URN; case does not count."""
    lower = text.lower()
    urn: str | None = None
    if lower.startswith("urn:"):
        for key, (name, _) in table.extensions.items():
            if lower == key:
                return Path(name, None)
            if lower.startswith(key + ":"):
                urn, lower = name, lower[len(key) + 1 :]
        if urn is None:
            if not lower.startswith(table.urn.lower() + ":"):
                raise ScimError(error, f"{text!r} names a schema that {table.name} does not have", field=text)
            lower = lower[len(table.urn) + 1 :]
    first, _, rest = lower.partition(".")
    attribute = table.namespace(urn).get(first)
    if attribute is None:
        raise ScimError(error, f"{text!r} is not an attribute of {table.name}", field=text)
    if not rest:
        return Path(urn, attribute)
    sub = (attribute.sub or {}).get(rest)
    if sub is None:
        raise ScimError(error, f"{text!r}: {attribute.name} has no attribute of that name", field=text)
    return Path(urn, attribute, sub)


def parse_path(table: Table, text: str) -> Path:
    """The path of a PATCH operation. ScimError `invalidPath` where it does not resolve."""
    tokens = _tokens(text, "invalidPath")
    path = split(table, tokens.take(), "invalidPath")
    if tokens.peek() != "[":
        if tokens.peek() is not None:
            raise ScimError("invalidPath", f"cannot read {tokens.peek()!r} in the path {text!r}", field=text)
        return path
    if path.attribute is None or path.sub is not None or not path.attribute.sub or not path.attribute.multi:
        raise ScimError("invalidPath", f"{text!r}: only a list of objects takes a filter in brackets", field=text)
    terms = _value_filter(path.attribute, tokens)
    sub = None
    if (rest := tokens.peek()) is not None:
        sub = path.attribute.sub.get(tokens.take().removeprefix(".").lower()) if rest.startswith(".") else None
        if sub is None or tokens.peek() is not None:
            raise ScimError("invalidPath", f"cannot read {rest!r} in the path {text!r}", field=text)
    return Path(path.urn, path.attribute, sub, terms)


@lru_cache(maxsize=2048)
def _parse_filter(endpoint: str, text: str) -> Filter:
    table = TABLES[endpoint]
    tokens = _tokens(text, "invalidFilter")
    terms = [_term(table, tokens)]
    while (word := tokens.peek()) is not None:
        if word.lower() != "and":
            raise ScimError("invalidFilter", f"cannot read {word!r}: terms are joined by `and`")
        tokens.take()
        terms.append(_term(table, tokens))
        if len(terms) > _MAX_TERMS:
            raise ScimError("invalidFilter", f"more than {_MAX_TERMS} terms")
    return terms[0] if len(terms) == 1 else And(tuple(terms))


def parse_filter(table: Table, text: str) -> Filter:
    """A filter of `eq` terms joined by `and`, with value paths. ScimError `invalidFilter` for anything else."""
    return _parse_filter(table.endpoint, text)


def _term(table: Table, tokens: _Tokens) -> Filter:
    if tokens.peek() == "(":
        tokens.take()
        inner = _term(table, tokens)
        terms = [inner]
        while (tokens.peek() or "").lower() == "and":
            tokens.take()
            terms.append(_term(table, tokens))
        tokens.take(")")
        return terms[0] if len(terms) == 1 else And(tuple(terms))
    path = split(table, tokens.take(), "invalidFilter")
    if path.attribute is None:
        raise ScimError("invalidFilter", f"{path.urn} needs an attribute behind it")
    if path.attribute.returned == "never":
        raise ScimError("invalidFilter", f"{path.attribute.name} cannot be searched by", field=path.attribute.name)
    if tokens.peek() == "[" and path.attribute.sub and path.sub is None:
        chosen = _value_filter(path.attribute, tokens)
        listed = [Equals(_resolve(path.urn, path.attribute, term.sub), term.value) for term in chosen]
        if (rest := tokens.peek() or "").startswith("."):  # emails[type eq "work"].value eq "x": Entra's matching query
            sub = path.attribute.sub.get(tokens.take()[1:].lower())
            if sub is None:
                raise ScimError("invalidFilter", f"{path.attribute.name} has no attribute {rest[1:]!r}")
            listed.append(Equals(_resolve(path.urn, path.attribute, sub), _equals(sub, tokens)))
        if (
            path.attribute.name in _SEARCHABLE
        ):  # rows with one searchable attribute: the bracket adds nothing to the dot
            return And(tuple(listed))
        return Element(_resolve(path.urn, path.attribute, None), tuple(listed))
    sub = path.sub
    if sub is None and path.attribute.sub:
        sub = path.attribute.sub.get("value")
        if sub is None:
            raise ScimError("invalidFilter", f"{path.attribute.name} needs one of its attributes behind a dot")
    return Equals(_resolve(path.urn, path.attribute, sub), _equals(sub or path.attribute, tokens))


def _value_filter(attribute: Attribute, tokens: _Tokens) -> tuple[Term, ...]:
    tokens.take("[")
    terms: list[Term] = []
    while True:
        name = tokens.take()
        sub = (attribute.sub or {}).get(name.lower())
        if sub is None:
            raise ScimError(tokens.error, f"{attribute.name} has no attribute {name!r}", field=name)
        terms.append(Term(sub, _equals(sub, tokens)))
        if tokens.take().lower() != "and":
            tokens.at -= 1
            tokens.take("]")
            return tuple(terms)


def _equals(attribute: Attribute, tokens: _Tokens) -> Any:
    operator = tokens.take().lower()
    if operator != "eq":
        known = f"the operator {operator!r} is not served" if operator in _LATER else f"{operator!r} is not an operator"
        raise ScimError(tokens.error, f"{known}; use eq, and join terms by and", field=attribute.name)
    return _literal(attribute, tokens.take(), tokens.error)


def _literal(attribute: Attribute, token: str, error: str) -> Any:
    try:
        value = orjson.loads(token)
    except ValueError as problem:
        raise ScimError(
            error, f"{token!r} is not a value: a text needs double quotes", field=attribute.name
        ) from problem
    if attribute.type == "boolean" and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"  # roles[primary eq "True"]: Entra
    wanted = _PYTHON[attribute.type]
    if value is not None and (not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool)):
        raise ScimError(error, f"{attribute.name} is a {attribute.type}; it cannot equal {token}", field=attribute.name)
    if isinstance(value, str) and "\0" in value:
        raise ScimError(error, f"{attribute.name} cannot hold the character U+0000", field=attribute.name)
    if attribute.type == "dateTime" and value is not None:
        try:
            return to_text(from_text(value))
        except (ValueError, OverflowError) as problem:
            raise ScimError(error, f"{attribute.name}: {token} is not a date and time with a zone") from problem
    return value


_PYTHON: Mapping[str, Any] = {
    "string": str,
    "reference": str,
    "binary": str,
    "dateTime": str,
    "boolean": bool,
    "integer": int,
    "decimal": (int, float),
    "complex": str,
}


# Computed, and not part of the stored document: what of them can be searched by.
_SEARCHABLE: Mapping[str, frozenset[str]] = {
    "members": frozenset({"value"}),
    "groups": frozenset({"value"}),
    "owners": frozenset({"value"}),
    "sponsor": frozenset({"value"}),
    "meta": frozenset({"created", "lastModified"}),
    "schemas": frozenset(),
}


def _resolve(urn: str | None, attribute: Attribute, sub: Attribute | None) -> Resolved:
    able = _SEARCHABLE.get(attribute.name)
    if able is not None and (sub.name if sub else "") not in able:
        named = f"{attribute.name}.{sub.name}" if sub else attribute.name
        known = " or ".join(f"{attribute.name}.{name}" for name in sorted(able))
        detail = f"{named} cannot be searched by" + (f"; use {known}" if known else "")
        raise ScimError("invalidFilter", detail, field=attribute.name)
    path = ((urn,) if urn else ()) + (attribute.name,) + ((sub.name,) if sub else ())
    leaf = sub or attribute
    return Resolved(path, leaf.type, leaf.case_exact, multi=attribute.multi)
