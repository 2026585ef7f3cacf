"""What a mapping file holds: the dataclasses that load.py builds, and the tables of keys from which editors get a JSON schema.

In: nothing. Out: Mapping and its parts; `python -m connector.mapping.schema` writes mappings/schema.json. The loader takes the
permitted keys from the same tables, so that the file, the loader and the editor cannot disagree about a name.
"""

import json
from collections import abc
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from connector.mapping.expressions import TRANSFORMS, Rule
from connector.mapping.facts import PERSON
from connector.mapping.policies import GUARD_KEYS, POLICY_KEYS, Policies
from connector.mapping.queries import MAX_LENGTH

# What an agent can be at each kind of target, the usual one first. A test compares it with targets/registry.py, which a mapping
# must not know.
OBJECTS: Final = {
    "memory": ("account",),
    "scim": ("user", "agent"),
    "ldap": ("entry",),
    "active_directory": ("user",),
    "keycloak": ("user", "client"),
    "okta": ("user", "agent"),
    "entra": ("user", "agent"),
    "pingone": ("user",),
}
KINDS: Final = tuple(OBJECTS)
ADDRESSED: Final = frozenset(
    {"active_directory", "ldap"}
)  # kinds whose accounts have an address apart from their anchor
STRENGTHS: Final = ("strong", "weak")
MATCHES: Final = ("never", "userName", "email")
PERSON_FIELDS: Final = (
    "userName",
    "displayName",
    "givenName",
    "familyName",
    "email",
    "title",
    "department",
    "employeeNumber",
)


@dataclass(frozen=True)
class Correlation:
    """An existing account belongs to the agent when its attribute `account` equals what the rule gives.

    A weak rule only suggests: a person decides.
    """

    account: str
    agent: Rule
    strength: str = STRENGTHS[0]


@dataclass(frozen=True)
class People:
    """An owner is found at the target where its attribute `account` equals that fact of the person."""

    account: str
    person: str


@dataclass(frozen=True)
class Groups:
    """The agent's groups are kept at the target under `prefix` and their display name; `create` makes those not there."""

    prefix: str = ""
    create: bool = True


@dataclass(frozen=True)
class Directory:
    """The target as the source of people and groups. `people` goes from a field of a person (PERSON_FIELDS) to the attribute there.

    `match` says by what a person whom we know already is recognised, or `never`; groups are brought in whose name begins with
    `groups`, none where it is None.
    """

    people: abc.Mapping[str, str]
    match: str = MATCHES[0]
    groups: str | None = None


@dataclass(frozen=True)
class Mapping:
    """One mapping file. `name` is empty for targets without addresses; `people` and `groups` are None where not wanted.

    `digest` is of the file's text: an account that was made by another text may have to look otherwise now.
    """

    file: str
    digest: str
    target: str
    object: str
    correlate: tuple[Correlation, ...]
    name: abc.Mapping[str, Rule]
    account: abc.Mapping[str, Rule]
    people: People | None
    groups: Groups | None
    policies: Policies
    directory: Directory | None = None

    @property
    def managed(self) -> tuple[str, ...]:
        """The attributes that are ours at the target: set when assigned, cleared when not. All others stay untouched."""
        return tuple(self.account)

    @property
    def answerable(self) -> frozenset[str]:
        """Those of them, in lower case, that say who answers for the agent: their rules read its owner or sponsor."""
        return frozenset(
            name.lower()
            for name, rule in self.account.items()
            if any(source.partition(".")[0] in ("owner", "owners", "sponsor") for source in rule.sources)
        )


_TEXT = {"type": "string", "minLength": 1}
_EXPRESSION = {"type": "string", "minLength": 1, "maxLength": MAX_LENGTH}
_SCALAR = {"type": ["string", "boolean", "integer"]}
_LITERAL = {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR}]}
_STEPS = {"type": "array", "items": {"$ref": "#/$defs/transform"}}
_RULES = {"type": "object", "additionalProperties": {"$ref": "#/$defs/rule"}}

Keys = dict[str, dict[str, Any]]

REPLACE_KEYS: Final[Keys] = {
    "pattern": {**_TEXT, "maxLength": 200, "description": "Python regular expression"},
    "with": {"type": "string", "description": "what to put there; \\1 is the first group"},
}

RULE_KEYS: Final[Keys] = {
    "from": {**_EXPRESSION, "description": "JMESPath over the agent's facts"},
    "const": {**_LITERAL, "description": "always this value"},
    "template": {**_TEXT, "description": "text with {fact} places; unassigned when one of the facts is"},
    "when": {**_EXPRESSION, "description": "JMESPath; where it is false or empty the rule gives nothing"},
    "map": {"type": "object", "additionalProperties": _LITERAL, "description": "value to value; others give nothing"},
    "transform": {**_STEPS, "description": "steps, in order"},
    "default": {
        "anyOf": [_LITERAL, {"$ref": "#/$defs/rule"}],
        "description": "what to use when the rule gives nothing",
    },
}

CORRELATE_KEYS: Final[Keys] = {
    "account": {**_TEXT, "description": "attribute of an account at the target"},
    "agent": {**_EXPRESSION, "description": "JMESPath over the agent's facts"},
    "transform": _STEPS,
    "strength": {
        "enum": list(STRENGTHS),
        "description": "weak: an account that matches is not taken over before a person has said so",
    },
}

PEOPLE_KEYS: Final[Keys] = {
    "account": {**_TEXT, "description": "attribute of a person at the target"},
    "person": {"enum": [name for name in PERSON if name != "account"], "description": "fact of an owner or sponsor"},
}

GROUPS_KEYS: Final[Keys] = {
    "prefix": {"type": "string", "description": "put before every group name at the target"},
    "create": {"type": "boolean", "description": "create groups that the target does not have (default true)"},
}

DIRECTORY_KEYS: Final[Keys] = {
    "people": {
        "type": "object",
        "properties": {name: _TEXT for name in PERSON_FIELDS},
        "additionalProperties": False,
        "required": ["userName"],
        "description": "field of a person to the attribute that holds it in the directory",
    },
    "match": {
        "enum": list(MATCHES),
        "description": "by what a person whom we know already is taken for the one in the directory; never: a case for a person",
    },
    "groups": {"type": "string", "description": "bring in the groups whose names begin so; absent: none"},
}

MAPPING_KEYS: Final[Keys] = {
    "target": {"enum": list(KINDS), "description": "kind of target"},
    "object": {
        "enum": sorted({name for names in OBJECTS.values() for name in names}),
        "description": "what an agent is at the target: see docs/targets/ for the choices (default: its usual object)",
    },
    "correlate": {
        "type": "array",
        "items": {"$ref": "#/$defs/correlate"},
        "description": "how an existing account is recognised, in order; the first rule with exactly one match wins",
    },
    "name": {
        **_RULES,
        "minProperties": 1,
        "description": "the account's relative name: naming attribute to rule (directories)",
    },
    "account": {**_RULES, "minProperties": 1, "description": "attribute at the target to rule"},
    "people": {"$ref": "#/$defs/people", "description": "how an owner is found at the target; absent: not looked for"},
    "directory": {"$ref": "#/$defs/directory", "description": "people and groups that are read from there"},
    "groups": {"$ref": "#/$defs/groups", "description": "groups at the target; absent: membership is not ours"},
    **POLICY_KEYS,
}

MAPPING_REQUIRED: Final = ("target", "correlate", "account")
CORRELATE_REQUIRED: Final = ("account", "agent")
DIRECTORY_REQUIRED: Final = ("people",)
PEOPLE_REQUIRED: Final = ("account", "person")
REPLACE_REQUIRED: Final = ("pattern", "with")


def json_schema() -> dict[str, Any]:
    """The JSON schema (2020-12) of a mapping file, for editors."""
    arguments: Keys = {
        "text": {"type": "string"},
        "count": {"type": "integer", "minimum": 1},
        "replace": _record(REPLACE_KEYS, REPLACE_REQUIRED),
    }
    steps: list[dict[str, Any]] = [{"enum": [name for name, step in TRANSFORMS.items() if not step.argument]}]
    for name, step in TRANSFORMS.items():
        if step.argument:
            steps.append({"description": step.help, **_record({name: arguments[step.argument]}, (name,))})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Mapping of agents to the accounts of one target",
        **_record(MAPPING_KEYS, MAPPING_REQUIRED),
        "$defs": {
            "rule": {
                **_record(RULE_KEYS, ()),
                "oneOf": [{"required": [source]} for source in ("from", "const", "template")],
            },
            "transform": {"anyOf": steps},
            "correlate": _record(CORRELATE_KEYS, CORRELATE_REQUIRED),
            "people": _record(PEOPLE_KEYS, PEOPLE_REQUIRED),
            "groups": _record(GROUPS_KEYS, ()),
            "directory": _record(DIRECTORY_KEYS, DIRECTORY_REQUIRED),
            "guard": _record(GUARD_KEYS, ()),
        },
    }


def json_schema_text() -> str:
    return json.dumps(json_schema(), indent=2) + "\n"


def _record(keys: Keys, required: tuple[str, ...]) -> dict[str, Any]:
    record: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": keys}
    return {**record, "required": list(required)} if required else record


if __name__ == "__main__":
    Path("mappings/schema.json").write_text(json_schema_text())
