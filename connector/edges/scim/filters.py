"""The filter grammar (RFC 7644 section 3.4.2.2): text to the neutral tree of core/query.py, by the tables.

Also served: `emails[type eq "work"].value eq "x"`, which is not in the RFC's grammar: it is how Entra looks people up.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import orjson

from connector.core.match import matches
from connector.core.query import FALSE, TRUE, And, Compare, Element, Filter, Not, Operator, Or, Present, Value
from connector.core.query import Attribute as Resolved
from connector.edges.scim import references
from connector.edges.scim.errors import ScimError
from connector.edges.scim.paths import Path, home_of, resolved, split
from connector.edges.scim.profiles import PROFILES, Profile
from connector.edges.scim.schema import Attribute, Table
from connector.edges.scim.tokens import Tokens
from connector.edges.scim.values import read_one

Wrap = Callable[[Filter], Filter]

_EQUALITY = {"eq", "ne"}
_ORDER = _EQUALITY | {"gt", "ge", "lt", "le"}
_TEXT = _ORDER | {"co", "sw", "ew"}
_OPERATORS: Mapping[str, set[str]] = {
    "string": _TEXT,
    "reference": _TEXT,
    "dateTime": _ORDER,
    "integer": _ORDER,
    "decimal": _ORDER,
    "boolean": _EQUALITY,
    "binary": _EQUALITY,
    "complex": set(),
}


def parse_filter(
    table: Table,
    text: str,
    *,
    profile: Profile = PROFILES["default"],
    across_types: bool = False,
    root: str | None = None,
) -> Filter:
    """What the filter asks of resources of that type. ScimError `invalidFilter` where it cannot be read or served.

    `across_types`: the query spans resource types, and an attribute that this one does not define has no value
    (RFC 7644 section 3.4.2.1); otherwise a name that is not known is an error. `root` is the address that references begin with.
    """
    return _parsed(table, text, profile, across_types, root)


@lru_cache(maxsize=2048)
def _parsed(table: Table, text: str, profile: Profile, across_types: bool, root: str | None) -> Filter:
    tokens = Tokens(text, "invalidFilter")
    found = Grammar(tokens, table, profile, across_types=across_types, root=root).either()
    tokens.end()
    return found


@dataclass(frozen=True)
class _Inside:
    """What names mean inside brackets: attributes of one element. `prefix` leads to it, from the data that is asked about."""

    name: str
    attributes: Mapping[str, Attribute]
    prefix: tuple[str, ...] = ()


class Grammar:
    """Reads one filter: `or` binds weakest, then `and`, then `not`, then parentheses."""

    def __init__(
        self, tokens: Tokens, table: Table, profile: Profile, *, across_types: bool = False, root: str | None = None
    ) -> None:
        self._tokens = tokens
        self._table = table
        self._profile = profile
        self._across_types = across_types
        self._root = root

    def either(self, inside: _Inside | None = None) -> Filter:
        terms = [self._both(inside)]
        while self._tokens.next_is("or"):
            self._tokens.take()
            terms.append(self._both(inside))
        return terms[0] if len(terms) == 1 else Or(tuple(terms))

    def bracket(self, name: str, attributes: Mapping[str, Attribute], prefix: tuple[str, ...] = ()) -> Filter:
        """`[…]`, asked about an element with these attributes."""
        self._tokens.open("[")
        found = self.either(_Inside(name, attributes, prefix))
        self._tokens.close("]")
        return found

    def _both(self, inside: _Inside | None) -> Filter:
        terms = [self._one(inside)]
        while self._tokens.next_is("and"):
            self._tokens.take()
            terms.append(self._one(inside))
        return terms[0] if len(terms) == 1 else And(tuple(terms))

    def _one(self, inside: _Inside | None) -> Filter:
        tokens = self._tokens
        negated = tokens.next_is("not")
        if negated:
            tokens.take()
        if tokens.peek() == "(":
            tokens.open("(")
            found = self.either(inside)
            tokens.close(")")
            return Not(found) if negated else found
        if negated:
            raise tokens.wrong('`not` needs parentheses: not (userName eq "x")')
        return self._named_inside(inside) if inside else self._named()

    def _named(self) -> Filter:
        """A term on an attribute of the resource."""
        word = self._tokens.take()
        try:
            path = split(self._table, word, self._tokens.error)
        except ScimError:
            if not self._across_types:
                raise
            return self._without_value()
        if path.attribute is None:
            self._tokens.count_term()
            if not self._tokens.next_is("pr"):
                raise self._tokens.wrong(f"{path.urn} needs an attribute behind it", field=path.urn)
            self._tokens.take()
            return Present(Resolved((path.urn or "",), "complex"))
        if path.attribute.returned == "never":
            raise self._tokens.wrong(f"{path.attribute.name} cannot be searched by", field=path.attribute.name)
        if self._tokens.peek() == "[":
            return self._value_path(path, word)
        name, home = path.attribute.name, home_of(path)
        if path.sub is None:
            return self._comparison(path.attribute, home, name)
        label = f"{name}.{path.sub.name}"
        if not path.attribute.multi:
            return self._comparison(path.sub, (*home, path.sub.name), label)
        return self._comparison(path.sub, (path.sub.name,), label, _within(path.attribute, home))

    def _value_path(self, path: Path, word: str) -> Filter:
        """`emails[type eq "work"]`, and `emails[type eq "work"].value eq "x"`."""
        attribute, home = path.attribute, home_of(path)
        if attribute is None or attribute.sub is None or path.sub is not None:
            raise self._tokens.wrong(
                f"{word!r}: only an attribute with attributes of its own takes a filter in brackets"
            )
        prefix = () if attribute.multi else home
        chosen = self.bracket(attribute.name, attribute.sub, prefix)
        within = _within(attribute, home) if attribute.multi else _one_object(attribute, home)
        rest = self._tokens.peek() or ""
        if not rest.startswith("."):
            return within(chosen)
        self._tokens.take()
        sub = attribute.sub.get(rest[1:].lower())
        if sub is None:
            if self._across_types:
                return self._without_value()
            raise self._tokens.wrong(f"{attribute.name} has no attribute {rest[1:]!r}", field=word)
        label = f"{attribute.name}.{sub.name}"
        return self._comparison(sub, (*prefix, sub.name), label, lambda leaf: within(And((chosen, leaf))))

    def _named_inside(self, inside: _Inside) -> Filter:
        """A term on an attribute of the element."""
        word = self._tokens.take()
        attribute = inside.attributes.get(word.lower())
        if self._tokens.peek() == "[":
            raise self._tokens.wrong("brackets do not stand inside brackets")
        if attribute is None:
            if self._across_types:
                return self._without_value()
            raise self._tokens.wrong(f"{inside.name} has no attribute {word!r}", field=word)
        return self._comparison(attribute, (*inside.prefix, attribute.name), f"{inside.name}.{attribute.name}")

    def _comparison(
        self, attribute: Attribute, path: tuple[str, ...], label: str, wrap: Wrap = lambda leaf: leaf
    ) -> Filter:
        """`operator value` behind an attribute. `path` leads to it from the data that is asked about; `wrap` puts the list around."""
        made = references.is_made(label)
        if made and self._root is None:
            detail = f"{label} does not choose elements; use {references.instead(label)}"
            raise self._tokens.wrong(detail, field=label)
        if attribute.multi:
            wrap, path = _inside_of(wrap, _within(attribute, path)), ()
        operator, value, negated = self._operation(attribute, label)
        leaf: Filter
        if made and self._root is not None:
            leaf = references.asked(label, path, operator, cast(str | None, value), self._root, self._table.endpoint)
        elif value is None:
            leaf = Present(resolved(attribute, path))
        else:
            value_of = attribute
            if attribute.sub:
                value_of, path = attribute.sub["value"], (*path, "value")
            leaf = Compare(resolved(value_of, path), operator, value)
        found = self._folded(wrap(leaf))
        return Not(found) if negated else found

    def _operation(self, attribute: Attribute, label: str) -> tuple[Operator, Value | None, bool]:
        """(operator, value, negated). Without a value the question is whether there is one: `pr`, `eq null`, `ne null`."""
        tokens = self._tokens
        tokens.count_term()
        word = tokens.take().lower()
        if word == "pr":
            return "eq", None, False
        if word not in _TEXT:
            raise tokens.wrong(
                f"{word!r} is not an operator; there are eq, ne, co, sw, ew, gt, ge, lt, le and pr", field=label
            )
        literal = self._literal(label)
        if literal is None and word in _EQUALITY:
            return "eq", None, word == "eq"
        value_of = attribute if not attribute.sub else attribute.sub.get("value")
        if value_of is None:
            raise tokens.wrong(f"{label} needs one of its attributes behind a dot", field=label)
        if word not in _OPERATORS[value_of.type]:
            raise tokens.wrong(f"{label} is of type {value_of.type}, which {word} does not compare", field=label)
        try:
            value = read_one(value_of, literal, label, self._profile)
        except ScimError as problem:
            raise tokens.wrong(problem.detail, field=label) from problem
        return ("eq", value, True) if word == "ne" else (cast(Operator, word), value, False)

    def _literal(self, label: str) -> Value | None:
        token = self._tokens.take()
        try:
            value = orjson.loads(token)
        except ValueError as problem:
            raise self._tokens.wrong(f"{token!r} is not a value: a text needs double quotes", field=label) from problem
        return cast(Value | None, value)

    def _without_value(self) -> Filter:
        """A term on an attribute that this resource type does not define: it is unassigned."""
        tokens = self._tokens
        if tokens.peek() == "[":
            self.bracket("", {})
            if not (tokens.peek() or "").startswith("."):
                return FALSE
            tokens.take()
        tokens.count_term()
        word = tokens.take().lower()
        if word == "pr":
            return FALSE
        if word not in _TEXT:
            raise tokens.wrong(f"{word!r} is not an operator")
        literal = self._literal("")
        if literal is None:
            return TRUE if word == "eq" else FALSE
        return TRUE if word == "ne" else FALSE

    def _folded(self, found: Filter) -> Filter:
        """What the resource type alone decides is decided here: meta.resourceType and schemas are not stored."""
        match found:
            case Compare(Resolved(path=("meta", "resourceType"))) | Present(Resolved(path=("meta", "resourceType"))):
                return TRUE if matches(found, {"meta": {"resourceType": self._table.name}}) else FALSE
            case Element(Resolved(path=("schemas",)), condition):
                own = TRUE if matches(condition, self._table.urn) else FALSE
                urns = [urn for urn, _ in self._table.extensions.values() if matches(condition, urn)]
                return Or((own, *(Present(Resolved((urn,), "complex")) for urn in urns)))
        return found


def _within(attribute: Attribute, home: tuple[str, ...]) -> Wrap:
    """Puts a condition on an element into the list."""
    listed = resolved(attribute, home)
    return lambda condition: Element(listed, condition)


def _one_object(attribute: Attribute, home: tuple[str, ...]) -> Wrap:
    """Brackets behind an attribute that is no list: it is there, and meets the condition."""
    there = Present(resolved(attribute, home))
    return lambda condition: And((there, condition))


def _inside_of(outer: Wrap, inner: Wrap) -> Wrap:
    return lambda leaf: outer(inner(leaf))
