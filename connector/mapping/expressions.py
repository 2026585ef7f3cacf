"""The operations of one attribute rule: a closed set, no code.

In: a Rule, as load.py built it, and the facts of one agent. Out: the value (None is unassigned) and how it came about.
The order is fixed: `when`, then one of `from`, `const`, `template`, then `map`, then `transform`; and `default` whenever that
gave nothing, for whatever reason.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from connector.core.errors import Invalid
from connector.mapping.facts import Facts, look_up
from connector.mapping.queries import Query


@dataclass(frozen=True)
class Transform:
    """One step that changes a value: its name in TRANSFORMS, and its argument."""

    name: str
    argument: Any = None

    def __str__(self) -> str:
        return self.name if self.argument is None else f"{self.name}({_shown(self.argument)})"


@dataclass(frozen=True)
class Template:
    """Text with `{fact}` places in it, cut into (text before, fact or "") pieces."""

    text: str
    pieces: tuple[tuple[str, str], ...]

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(path for _, path in self.pieces if path)

    def fill(self, facts: Facts) -> str | None:
        """The text with every place filled in; None where one of the facts is unassigned."""
        parts = []
        for before, path in self.pieces:
            value = as_text(look_up(facts, path)) if path else ""
            if path and not value:
                return None
            parts.append(before + value)
        return "".join(parts)


@dataclass(frozen=True)
class Rule:
    """How one attribute of the account is made. Exactly one of `query`, `const` and `template` is there."""

    where: str
    query: Query | None = None
    const: Any = None
    template: Template | None = None
    when: Query | None = None
    table: Mapping[str, Any] | None = None
    transforms: tuple[Transform, ...] = ()
    default: "Rule | None" = None

    @property
    def sources(self) -> tuple[str, ...]:
        """The facts that it, or its default, reads."""
        own = (*(self.query.sources if self.query else ()), *(self.template.sources if self.template else ()))
        return own if self.default is None else own + self.default.sources

    def __str__(self) -> str:
        if self.query is not None:
            text = f"from {self.query.text}"
        else:
            text = f"template {self.template.text}" if self.template is not None else f"const {_shown(self.const)}"
        if self.when is not None:
            text += f" when {self.when.text}"
        if self.table is not None:
            text += " map"
        return " | ".join([text, *map(str, self.transforms)])


@dataclass(frozen=True)
class Outcome:
    """The value that a rule gave (None: unassigned), the rule that gave it (it or a default), and what it was made of."""

    value: Any
    rule: Rule
    sources: Mapping[str, Any] = field(default_factory=dict)
    transforms: tuple[str, ...] = ()


def evaluate(rule: Rule, facts: Facts) -> Outcome:
    """Follow one rule. Invalid, with the rule's file and line, where a value does not fit an operation."""
    try:
        outcome = _evaluate(rule, facts)
    except Invalid as problem:
        raise (
            problem if problem.detail.startswith(rule.where) else Invalid(f"{rule.where}: {problem.detail}")
        ) from problem
    if outcome.value is None and rule.default is not None:
        other = evaluate(rule.default, facts)
        return Outcome(other.value, other.rule, {**outcome.sources, **other.sources}, other.transforms)
    return outcome


def _evaluate(rule: Rule, facts: Facts) -> Outcome:
    sources: dict[str, Any] = {}
    if rule.when is not None:
        sources |= rule.when.values(facts)
        if _empty(rule.when.evaluate(facts)) or rule.when.evaluate(facts) is False:
            return Outcome(None, rule, sources)
    value: Any = rule.const
    if rule.query is not None:
        sources |= rule.query.values(facts)
        value = rule.query.evaluate(facts)
    if rule.template is not None:
        sources |= {path: look_up(facts, path) for path in rule.template.sources}
        value = rule.template.fill(facts)
    if rule.table is not None:
        value = _each(value, lambda one: (rule.table or {}).get(as_text(one)))
    for step in rule.transforms:
        if assigned(value) is None:
            break
        value = TRANSFORMS[step.name].apply(value, step.argument)
    return Outcome(assigned(value), rule, sources, tuple(map(str, rule.transforms)))


def assigned(value: Any) -> Any:
    """The value without its empty parts; None where nothing is left (RFC 7643 section 2.5: null and [] are unassigned)."""
    if isinstance(value, list):
        value = [item for item in map(assigned, value) if item is not None]
    elif isinstance(value, Mapping):
        parts = {name: assigned(part) for name, part in value.items()}
        value = {name: part for name, part in parts.items() if part is not None}
    elif isinstance(value, float):
        value = int(value) if value.is_integer() else str(value)
    return None if _empty(value) else value


def as_text(value: Any) -> str:
    """A single value as text, "" for none; Invalid for a list or an object."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, str | int | float):
        return "" if value is None else str(value)
    kind = "a list" if isinstance(value, list) else "an object"
    raise Invalid(f"a single value is needed here, and {kind} was found")


_MAY_BE_EMPTY = (str, list, dict, Mapping)  # what is a dict need not be asked whether it is a Mapping, which takes long


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, _MAY_BE_EMPTY) and not value)


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, list):
        return [change(one) for one in value if one is not None]
    return None if value is None else change(value)


def _shown(value: Any) -> str:
    return repr(value) if not isinstance(value, Mapping) else ", ".join(f"{k}={v!r}" for k, v in value.items())


@dataclass(frozen=True)
class Operation:
    """A transform that exists: what it does, and which argument it takes (a key of load.py's argument readers)."""

    help: str
    apply: Callable[[Any, Any], Any]
    argument: str = ""


def _on_text(change: Callable[[str, Any], str]) -> Callable[[Any, Any], Any]:
    return lambda value, argument: _each(value, lambda one: change(as_text(one), argument))


def _replace(text: str, argument: Mapping[str, str]) -> str:
    return re.sub(argument["pattern"], argument["with"], text)


def _join(value: Any, argument: str) -> str:
    return argument.join(as_text(one) for one in value) if isinstance(value, list) else as_text(value)


def _ascii(text: str, _: Any) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def _shorten(text: str, most: int) -> str:
    """Two long texts that begin alike do not become one, as they would when cut."""
    if len(text) <= most:
        return text
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:6]
    return f"{text[: max(most - 7, 0)]}-{digest}"[-most:]


TRANSFORMS: Final[dict[str, Operation]] = {
    "lower": Operation("lower case", _on_text(lambda text, _: text.lower())),
    "upper": Operation("upper case", _on_text(lambda text, _: text.upper())),
    "trim": Operation("without white space at both ends", _on_text(lambda text, _: text.strip())),
    "ascii": Operation("letters without their accents; what has no ASCII form is dropped", _on_text(_ascii)),
    "first": Operation("the first item of a list", lambda value, _: value[0] if isinstance(value, list) else value),
    "join": Operation("a list as one text, with this text between the items", _join, "text"),
    "replace": Operation("every match of a regular expression replaced", _on_text(_replace), "replace"),
    "shorten": Operation(
        "at most so many characters; a longer text ends in a digest of it", _on_text(_shorten), "count"
    ),
    "truncate": Operation("at most so many characters", _on_text(lambda text, most: text[:most]), "count"),
}
