"""Reading a mapping file: the first folder that has it wins, and every problem is reported with file, line and column.

In: a mapping's name and the folders, the operator's before ours. Out: a Mapping, or Misconfigured with all problems at once.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

from connector.core.errors import Misconfigured
from connector.mapping.document import Document
from connector.mapping.expressions import Rule, Transform
from connector.mapping.policies import (
    ADOPT,
    DRIFT,
    EVERYTHING_ELSE,
    GRACE_DAYS,
    GUARD_KEYS,
    ON_DELETE,
    ON_DISABLE,
    ON_MISSING,
    Guard,
    Policies,
)
from connector.mapping.schema import (
    ADDRESSED,
    CORRELATE_KEYS,
    CORRELATE_REQUIRED,
    DIRECTORY_KEYS,
    DIRECTORY_REQUIRED,
    GROUPS_KEYS,
    KINDS,
    MAPPING_KEYS,
    MAPPING_REQUIRED,
    MATCHES,
    OBJECTS,
    PEOPLE_KEYS,
    PEOPLE_REQUIRED,
    PERSON_FIELDS,
    RULE_KEYS,
    STRENGTHS,
    Correlation,
    Directory,
    Groups,
    Mapping,
    People,
)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SOURCES = ("from", "const", "template")


def shipped_folder() -> Path:
    """The mappings that come with the connector: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    installed = package / "mappings"
    return installed if installed.is_dir() else package.parent / "mappings"


def load(name: str, folders: Sequence[Path]) -> Mapping:
    """The mapping `<name>.yaml` of the first folder that has it. Misconfigured lists every problem as file:line:column."""
    if not _NAME.fullmatch(name):
        raise Misconfigured(
            "The mapping cannot be read", [f'"{name}" is not a name: letters, digits, "-" and "_" only']
        )
    for folder in folders:
        path = folder / f"{name}.yaml"
        if path.is_file():
            return _load(path)
    there = sorted({path.stem for folder in folders for path in folder.glob("*.yaml")})
    looked = ", ".join(str(folder) for folder in folders) or "no folder"
    problem = f'there is no "{name}.yaml" in {looked}; there are: {", ".join(there) or "none"}'
    raise Misconfigured("The mapping cannot be read", [problem])


def _load(path: Path) -> Mapping:
    document = Document(str(path))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise Misconfigured("The mapping cannot be read", [f"{path}: {problem}"]) from problem
    root = document.compose(text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    mapping = _mapping(document, root, digest) if root is not None else None
    if document.problems or mapping is None:
        raise Misconfigured(f"The mapping {path.stem} has errors", document.sentences())
    return mapping


def _mapping(document: Document, root: yaml.Node, digest: str) -> Mapping:
    parts = document.record(root, MAPPING_KEYS, MAPPING_REQUIRED)
    kind = document.choice(parts["target"], KINDS) if "target" in parts else ""
    name = _rules(document, parts["name"]) if "name" in parts else {}
    if kind and (kind in ADDRESSED) != ("name" in parts):
        text = "needs" if kind in ADDRESSED else "has no addresses: it takes no"
        document.problem(parts.get("name", root), f'a target of kind {kind} {text} "name"')
    account = _rules(document, parts["account"]) if "account" in parts else {}
    return Mapping(
        file=document.file,
        digest=digest,
        target=kind,
        object=_object(document, parts.get("object"), kind),
        correlate=_correlations(document, parts["correlate"]) if "correlate" in parts else (),
        name=name,
        account=account,
        people=_people(document, parts["people"]) if "people" in parts else None,
        groups=_groups(document, parts["groups"]) if "groups" in parts else None,
        policies=_policies(document, parts, account),
        directory=_directory(document, parts["directory"]) if "directory" in parts else None,
    )


def _object(document: Document, node: yaml.Node | None, kind: str) -> str:
    """What an agent is there: one of the kind's objects, its usual one where the key is absent."""
    objects = OBJECTS.get(kind, ("",))
    return objects[0] if node is None else document.choice(node, objects)


def _rules(document: Document, node: yaml.Node) -> dict[str, Rule]:
    entries = document.table(node)
    if isinstance(node, yaml.MappingNode) and not entries:
        document.problem(node, "at least one attribute is needed here")
    seen: dict[str, str] = {}
    for name, value in entries.items():
        twin = seen.setdefault(name.lower(), name)
        if twin != name:  # attribute names are the same in any case (RFC 7643 section 2.1, RFC 4512 section 2.5)
            document.problem(value, f'"{name}" and "{twin}" are the same attribute')
    return {name: _rule(document, value) for name, value in entries.items()}


def _rule(document: Document, node: yaml.Node) -> Rule:
    parts = document.record(node, RULE_KEYS)
    sources = [key for key in _SOURCES if key in parts]
    if isinstance(node, yaml.MappingNode) and len(sources) != 1:
        found = "none of them" if not sources else " and ".join(sources)
        document.problem(node, f"a rule has exactly one of from, const and template; here is {found}")
    return Rule(
        where=document.where(node),
        query=document.query(parts["from"]) if "from" in parts else None,
        const=document.literal(parts["const"]) if "const" in parts else None,
        template=document.template(parts["template"]) if "template" in parts else None,
        when=document.query(parts["when"]) if "when" in parts else None,
        table=_table(document, parts["map"]) if "map" in parts else None,
        transforms=_transforms(document, parts["transform"]) if "transform" in parts else (),
        default=_default(document, parts["default"]) if "default" in parts else None,
    )


def _default(document: Document, node: yaml.Node) -> Rule:
    if isinstance(node, yaml.MappingNode):
        return _rule(document, node)
    return Rule(where=document.where(node), const=document.literal(node))


def _table(document: Document, node: yaml.Node) -> dict[str, object]:
    return {key: document.literal(value) for key, value in document.table(node).items()}


def _transforms(document: Document, node: yaml.Node) -> tuple[Transform, ...]:
    steps = (document.transform(item) for item in document.items(node))
    return tuple(step for step in steps if step is not None)


def _correlations(document: Document, node: yaml.Node) -> tuple[Correlation, ...]:
    rules = []
    for item in document.items(node):
        parts = document.record(item, CORRELATE_KEYS, CORRELATE_REQUIRED)
        account = document.text(parts["account"]) if "account" in parts else ""
        query = document.query(parts["agent"]) if "agent" in parts else None
        steps = _transforms(document, parts["transform"]) if "transform" in parts else ()
        strength = document.choice(parts["strength"], STRENGTHS) if "strength" in parts else STRENGTHS[0]
        rules.append(Correlation(account, Rule(where=document.where(item), query=query, transforms=steps), strength))
    return tuple(rules)


def _people(document: Document, node: yaml.Node) -> People:
    parts = document.record(node, PEOPLE_KEYS, PEOPLE_REQUIRED)
    account = document.text(parts["account"]) if "account" in parts else ""
    person = document.choice(parts["person"], PEOPLE_KEYS["person"]["enum"]) if "person" in parts else ""
    return People(account, person)


def _directory(document: Document, node: yaml.Node) -> Directory:
    parts = document.record(node, DIRECTORY_KEYS, DIRECTORY_REQUIRED)
    people = document.record(parts["people"], PERSON_FIELDS, ("userName",)) if "people" in parts else {}
    named = {field: document.text(value) for field, value in people.items()}
    match = document.choice(parts["match"], MATCHES) if "match" in parts else MATCHES[0]
    if match not in (MATCHES[0], *named) and "match" in parts:
        document.problem(
            parts["match"], f'people are to be matched by {match}, and "people" does not say where that is'
        )
    return Directory(named, match, document.text(parts["groups"], empty=True) if "groups" in parts else None)


def _groups(document: Document, node: yaml.Node) -> Groups:
    parts = document.record(node, GROUPS_KEYS)
    prefix = document.text(parts["prefix"], empty=True) if "prefix" in parts else ""
    return Groups(prefix, document.flag(parts["create"]) if "create" in parts else True)


def _policies(document: Document, parts: dict[str, yaml.Node], attributes: Iterable[str]) -> Policies:
    """`attributes` are those that the mapping manages."""
    return Policies(
        adopt=_choice(document, parts, "adopt", ADOPT),
        on_disable=_choice(document, parts, "on_disable", ON_DISABLE),
        on_delete=_choice(document, parts, "on_delete", ON_DELETE),
        grace_days=document.count(parts["grace_days"]) if "grace_days" in parts else GRACE_DAYS,
        on_missing=_choice(document, parts, "on_missing", ON_MISSING),
        drift=_drift(document, parts["drift"], attributes) if "drift" in parts else {},
        guard=_guard(document, parts["guard"]) if "guard" in parts else Guard(),
    )


def _choice(document: Document, parts: dict[str, yaml.Node], key: str, choices: tuple[str, ...]) -> str:
    """The chosen word; the first of the choices where the key is absent."""
    return document.choice(parts[key], choices) if key in parts else choices[0]


def _drift(document: Document, node: yaml.Node, attributes: Iterable[str]) -> dict[str, str]:
    known = [*attributes, "active", "groups", EVERYTHING_ELSE]
    entries = document.record(node, known)
    return {name.lower(): document.choice(value, DRIFT) for name, value in entries.items()}


def _guard(document: Document, node: yaml.Node) -> Guard:
    parts = document.record(node, GUARD_KEYS)
    numbers = {name: document.count(part) for name, part in parts.items() if name != "protected"}
    names = document.items(parts["protected"]) if "protected" in parts else []
    return Guard(**numbers, protected=frozenset(document.text(one).casefold() for one in names))
