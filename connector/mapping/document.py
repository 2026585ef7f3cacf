"""A YAML file read with the place of every value, so that each problem can be reported with its line and column.

In: the text of a file. Out: plain values, and the list of problems: reading goes on after one, so that all are found at once.
Anchors, aliases and tags are refused: a mapping is data that is read by people, and an alias can make a small file huge.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from connector.mapping.expressions import TRANSFORMS, Template, Transform
from connector.mapping.facts import ANY, shape_of
from connector.mapping.queries import BadQuery, Query, did_you_mean, parse
from connector.mapping.schema import REPLACE_KEYS, REPLACE_REQUIRED

_MAX_SIZE = 256 * 1024
_PLACE = re.compile(r"\{([^{}]*)\}")
_MAX_PATTERN = 200


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="anchors and aliases are not supported here", problem_mark=mark)
        return super().compose_node(parent, index)


class Document:
    """One file while it is read; `problems` are (line, column, sentence)."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[tuple[int, int, str]] = []

    def sentences(self) -> list[str]:
        return [f"{self.file}:{line}:{column}: {text}" for line, column, text in sorted(set(self.problems))]

    def where(self, node: yaml.Node) -> str:
        return f"{self.file}:{node.start_mark.line + 1}"

    def problem(self, node: yaml.Node, text: str) -> None:
        self.problems.append((node.start_mark.line + 1, node.start_mark.column + 1, text))

    def compose(self, text: str) -> yaml.Node | None:
        """The root of the syntax tree; None, with a problem noted, where it is not YAML."""
        if len(text) > _MAX_SIZE:
            self.problems.append((1, 1, f"the file has more than {_MAX_SIZE // 1024} KiB"))
            return None
        try:
            root = yaml.compose(text, Loader=_Loader)
        except yaml.MarkedYAMLError as problem:
            mark = problem.problem_mark
            place = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
            self.problems.append((*place, f"not valid YAML: {problem.problem or problem.context}"))
            return None
        except (yaml.YAMLError, RecursionError) as problem:
            self.problems.append((1, 1, f"not valid YAML: {str(problem).splitlines()[0]}"))
            return None
        if root is None:
            self.problems.append((1, 1, "the file is empty"))
        return root

    def table(self, node: yaml.Node) -> dict[str, yaml.Node]:
        """The entries of a YAML mapping, with a problem for each key that is there twice."""
        if not isinstance(node, yaml.MappingNode):
            self.problem(node, f"a table of keys is needed here, not {_kind(node)}")
            return {}
        entries: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.problem(key, "a key must be plain text")
            elif key.value in entries:
                self.problem(key, f'the key "{key.value}" is here twice')
            else:
                entries[key.value] = value
        return entries

    def record(self, node: yaml.Node, keys: Iterable[str], required: Iterable[str] = ()) -> dict[str, yaml.Node]:
        """The entries of a YAML mapping whose keys are known, with a problem for each unknown and each missing one."""
        known = list(keys)
        if not isinstance(node, yaml.MappingNode):
            self.problem(node, f"a table with the keys {', '.join(known)} is needed here, not {_kind(node)}")
            return {}
        entries = self.table(node)
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value not in known:
                self.problem(key, f'unknown key "{key.value}"{did_you_mean(key.value, known)}')
        for name in required:
            if name not in entries:
                self.problem(node, f'the key "{name}" is missing')
        return {name: value for name, value in entries.items() if name in known}

    def items(self, node: yaml.Node) -> list[yaml.Node]:
        if not isinstance(node, yaml.SequenceNode):
            self.problem(node, f"a list is needed here, not {_kind(node)}")
            return []
        return list(node.value)

    def scalar(self, node: yaml.Node) -> str | bool | int | None:
        """One text, true/false or whole number; None, with a problem noted, for anything else."""
        kind = _kind(node)
        if kind == "text":
            return str(node.value)
        if kind in ("true or false", "a whole number"):
            value: bool | int = yaml.SafeLoader("").construct_object(node)
            return value
        advice = "; put it in quotes to make it text" if isinstance(node, yaml.ScalarNode) else ""
        self.problem(node, f"text, true, false or a whole number is needed here, not {kind}{advice}")
        return None

    def literal(self, node: yaml.Node) -> Any:
        """A scalar or a list of scalars."""
        if isinstance(node, yaml.SequenceNode):
            return [self.scalar(item) for item in node.value]
        return self.scalar(node)

    def text(self, node: yaml.Node, *, empty: bool = False) -> str:
        if _kind(node) != "text":
            self.problem(node, f"text is needed here, not {_kind(node)}")
            return ""
        if not node.value and not empty:
            self.problem(node, "this must not be empty")
        return str(node.value)

    def flag(self, node: yaml.Node) -> bool:
        if _kind(node) != "true or false":
            self.problem(node, f"true or false is needed here, not {_kind(node)}")
            return False
        return bool(self.scalar(node))

    def count(self, node: yaml.Node) -> int:
        count = self.scalar(node)
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            self.problem(node, "a whole number from 1 on is needed here")
            return 1
        return count

    def choice(self, node: yaml.Node, choices: Iterable[str]) -> str:
        text, known = self.text(node), list(choices)
        if text and text not in known:
            self.problem(node, f'"{text}" is not one of {", ".join(known)}')
        return text

    def query(self, node: yaml.Node) -> Query | None:
        text = self.text(node)
        try:
            return parse(text) if text else None
        except BadQuery as bad:
            for sentence in bad.problems:
                self.problem(node, sentence)
            return None

    def template(self, node: yaml.Node) -> Template | None:
        text = self.text(node)
        pieces, end = [], 0
        for place in _PLACE.finditer(text):
            pieces.append((text[end : place.start()], place[1]))
            end = place.end()
            if problem := _place_problem(place[1]):
                self.problem(node, problem)
        pieces.append((text[end:], ""))
        if any(brace in before for before, _ in pieces for brace in "{}"):
            self.problem(node, "a brace in the template has no partner; places look like {owner.email}")
        return Template(text, tuple(pieces)) if text else None

    def transform(self, node: yaml.Node) -> Transform | None:
        """`lower`, or a table with one key such as `{join: ","}`."""
        if isinstance(node, yaml.ScalarNode):
            return self._named(node, str(node.value), None)
        entries = self.table(node)
        if len(entries) != 1:
            self.problem(node, "a transform is one name, or a table with one key")
            return None
        (name, argument), *_ = entries.items()
        return self._named(node, name, argument)

    def _named(self, node: yaml.Node, name: str, argument: yaml.Node | None) -> Transform | None:
        operation = TRANSFORMS.get(name)
        if operation is None:
            self.problem(node, f'there is no transform "{name}"{did_you_mean(name, list(TRANSFORMS))}')
            return None
        if bool(operation.argument) != (argument is not None):
            need = "needs a value: {" + name + ": …}" if operation.argument else "takes no value"
            self.problem(node, f'the transform "{name}" {need}')
            return None
        return Transform(name, None if argument is None else self._argument(operation.argument, argument))

    def _argument(self, kind: str, node: yaml.Node) -> str | int | Mapping[str, str]:
        if kind == "text":
            return self.text(node, empty=True)
        if kind == "count":
            return self.count(node)
        parts = self.record(node, REPLACE_KEYS, REPLACE_REQUIRED)
        texts = {name: self.text(part, empty=name == "with") for name, part in parts.items()}
        if len(texts) == len(REPLACE_KEYS) and (problem := _pattern_problem(texts["pattern"], texts["with"])):
            self.problem(node, problem)
        return texts


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "a table"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    names = {"str": "text", "bool": "true or false", "int": "a whole number", "null": "nothing", "float": "a number"}
    return names.get(node.tag.rpartition(":")[2], "a date" if node.tag.endswith("timestamp") else f"a {node.tag} value")


def _place_problem(path: str) -> str:
    shape = shape_of(path)
    if shape is None:
        parent, _, name = path.rpartition(".")
        inside = shape_of(parent) if parent else None
        known = list(inside) if isinstance(inside, dict) else []
        return f'no fact is named "{path}"{did_you_mean(name, known) if known else ""}'
    if shape != ANY and not isinstance(shape, str):
        return f'"{path}" is not a single value; use "from" with join'
    return ""


def _pattern_problem(pattern: str, replacement: str) -> str:
    if len(pattern) > _MAX_PATTERN:
        return f"the pattern has more than {_MAX_PATTERN} characters"
    try:
        re.compile(pattern).sub(replacement, "")
    except (re.error, IndexError) as problem:
        return f"not a usable regular expression: {problem}"
    return ""
