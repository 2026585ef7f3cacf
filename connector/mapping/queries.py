"""JMESPath expressions over the facts, checked before anything runs.

In: the text of an expression. Out: a Query that can be evaluated and knows which facts it reads; or BadQuery with every problem.
The check walks the syntax tree beside the table of facts: an unknown name, a part of a list, an unknown function is an error
when the mapping is read, not a silently empty attribute later.
"""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import jmespath
from jmespath.exceptions import ArityError, JMESPathError, JMESPathTypeError
from jmespath.functions import Functions

from connector.core.errors import Invalid
from connector.mapping.facts import ANY, FACTS, FLAG, Facts, look_up

MAX_LENGTH = 500
_DOTTED_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_MAX_DEPTH = 40  # the parser and the evaluator recurse; far below Python's limit, far above what a rule needs

_FUNCTIONS: dict[str, Any] = Functions.FUNCTION_TABLE
Node = dict[str, Any]


class BadQuery(Exception):
    """Why an expression cannot be used; `problems` has one sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Query:
    """A checked expression. `sources` are the facts that it reads, as dotted names that end at a value or a list."""

    text: str
    sources: tuple[str, ...]

    @cached_property
    def _is_a_name(self) -> bool:
        """Whether it is nothing but the dotted name of a fact, as most are: looking that up takes a tenth of the time."""
        return _DOTTED_NAME.fullmatch(self.text) is not None

    def evaluate(self, facts: Facts) -> Any:
        """The value, None where a fact it needs is unassigned; Invalid where a function is given the wrong type."""
        if self._is_a_name:
            return look_up(facts, self.text)
        try:
            return jmespath.compile(self.text).search(facts)
        except JMESPathTypeError as problem:
            if problem.actual_type == "null":  # a function over an unassigned fact: unassigned as well
                return None
            raise Invalid(f"{self.text!r} cannot be evaluated: {problem}") from problem
        except JMESPathError as problem:
            raise Invalid(f"{self.text!r} cannot be evaluated: {problem}") from problem

    def values(self, facts: Facts) -> dict[str, Any]:
        """The facts that it reads, with their present values."""
        return {path: look_up(facts, path) for path in self.sources}


def parse(text: str) -> Query:
    """The checked expression; BadQuery lists everything that is wrong with it."""
    if len(text) > MAX_LENGTH:
        raise BadQuery([f"the expression has {len(text)} characters; at most {MAX_LENGTH} are allowed"])
    try:
        tree: Any = jmespath.compile(text).parsed
    except (ArityError, JMESPathError) as problem:
        raise BadQuery([f"not a JMESPath expression: {_first_line(problem)}"]) from problem
    except RecursionError as problem:
        raise BadQuery(["the expression is nested too deeply"]) from problem
    if _depth(tree) > _MAX_DEPTH:
        raise BadQuery(["the expression is nested too deeply"])
    walker = _Walker()
    walker.walk(tree, _Here(FACTS, ""))
    if walker.problems:
        raise BadQuery(walker.problems)
    longest = {path for path in walker.paths if not any(other.startswith(path + ".") for other in walker.paths)}
    return Query(text, tuple(sorted(longest)))


def did_you_mean(word: str, known: list[str]) -> str:
    """`; did you mean "x"?` for the nearest known word, else the list of the known ones where that is short."""
    near = get_close_matches(word, known, n=1, cutoff=0.6) or [k for k in known if k.lower() == word.lower()]
    if near:
        return f'; did you mean "{near[0]}"?'
    return "; known are " + ", ".join(sorted(known)) if len(known) <= 12 else ""


def _first_line(problem: Exception) -> str:
    return str(problem).splitlines()[0] if str(problem) else type(problem).__name__


def _depth(tree: Node) -> int:
    deepest, open_nodes = 0, [(tree, 1)]
    while open_nodes:
        node, depth = open_nodes.pop()
        deepest = max(deepest, depth)
        open_nodes.extend((child, depth + 1) for child in node["children"] if isinstance(child, dict))
    return deepest


@dataclass(frozen=True)
class _Here:
    """Where the walk stands: the shape there, and its dotted name (None inside a list or a made-up value)."""

    shape: Any
    path: str | None


_ANYWHERE = _Here(ANY, None)


class _Walker:
    """Walks a JMESPath syntax tree beside the table of facts."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.paths: set[str] = set()

    def walk(self, node: Node, here: _Here) -> _Here:
        step = getattr(self, "_" + node["type"], None)
        if step is None:  # literals, exprefs and what makes a new value: only the children can be wrong
            for child in node["children"]:
                self.walk(child, here)
            return _ANYWHERE
        result: _Here = step(node, here)
        return result

    def _literal(self, node: Node, here: _Here) -> _Here:
        return _ANYWHERE

    def _identity(self, node: Node, here: _Here) -> _Here:
        return here

    _current = _identity

    def _field(self, node: Node, here: _Here) -> _Here:
        name = node["value"]
        if here.shape == ANY:
            return _ANYWHERE
        if isinstance(here.shape, list):
            self.problems.append(
                f"{here.path or 'this'} is a list: take a part of its items with [*].{name} or [0].{name}"
            )
            return _ANYWHERE
        if not isinstance(here.shape, dict):
            self.problems.append(f'{here.path or "this"} is a single value and has no part "{name}"')
            return _ANYWHERE
        if name not in here.shape:
            owner = f"{here.path} has no attribute" if here.path else "no fact is named"
            self.problems.append(f'{owner} "{name}"{did_you_mean(name, list(here.shape))}')
            return _ANYWHERE
        path = None if here.path is None else f"{here.path}.{name}".lstrip(".")
        if path is not None:
            self.paths.add(path)
        return _Here(here.shape[name], path)

    def _chain(self, node: Node, here: _Here) -> _Here:
        for child in node["children"]:
            here = self.walk(child, here)
        return here

    _subexpression = _index_expression = _pipe = _chain

    def _index(self, node: Node, here: _Here) -> _Here:
        return self._item(here)

    def _slice(self, node: Node, here: _Here) -> _Here:
        return here

    def _item(self, here: _Here) -> _Here:
        if isinstance(here.shape, list):
            return _Here(here.shape[0], None)
        if here.shape != ANY:
            self.problems.append(f"{here.path or 'this'} is not a list")
        return _ANYWHERE

    def _projection(self, node: Node, here: _Here) -> _Here:
        left, right = node["children"]
        result = self.walk(right, self._item(self.walk(left, here)))
        return _Here([result.shape], None)

    def _filter_projection(self, node: Node, here: _Here) -> _Here:
        left, right, condition = node["children"]
        item = self._item(self.walk(left, here))
        self.walk(condition, item)
        return _Here([self.walk(right, item).shape], None)

    def _value_projection(self, node: Node, here: _Here) -> _Here:
        self.walk(node["children"][0], here)
        self.walk(node["children"][1], _ANYWHERE)
        return _ANYWHERE

    def _flatten(self, node: Node, here: _Here) -> _Here:
        return self.walk(node["children"][0], here)

    def _comparator(self, node: Node, here: _Here) -> _Here:
        for child in node["children"]:
            self.walk(child, here)
        return _Here(FLAG, None)

    _not_expression = _comparator

    def _or_expression(self, node: Node, here: _Here) -> _Here:
        shapes = [self.walk(child, here).shape for child in node["children"]]
        return _Here(shapes[0], None) if shapes.count(shapes[0]) == len(shapes) else _ANYWHERE

    _and_expression = _or_expression

    def _function_expression(self, node: Node, here: _Here) -> _Here:
        name, arguments = node["value"], node["children"]
        known = _FUNCTIONS.get(name)
        if known is None:
            self.problems.append(f'there is no function "{name}"{did_you_mean(name, list(_FUNCTIONS))}')
        else:
            self._count(name, known["signature"], len(arguments))
        inside = _ANYWHERE
        plain = [self.walk(child, here) for child in arguments if child["type"] != "expref"]
        for argument in plain:
            inside = _Here(argument.shape[0], None) if isinstance(argument.shape, list) else inside
        for child in arguments:
            if child["type"] == "expref":
                self.walk(child["children"][0], inside)
        return _ANYWHERE

    def _count(self, name: str, signature: tuple[dict[str, Any], ...], given: int) -> None:
        variadic = bool(signature) and signature[-1].get("variadic", False)
        if given < len(signature) or (given > len(signature) and not variadic):
            more = "at least " if variadic else ""
            self.problems.append(f'the function "{name}" takes {more}{len(signature)} arguments, not {given}')
