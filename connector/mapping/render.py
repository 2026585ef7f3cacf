"""From an agent's facts to the account that it should have at a target, and where each value came from.

In: a Mapping and the facts of one agent. Out: Rendered, plain values; the same input always gives the same output. `active` is
not an attribute here: provisioning sets the state of an account from the state of the agent.
"""

from collections import abc
from dataclasses import dataclass
from typing import Any

from connector.core.errors import Invalid
from connector.mapping.expressions import Outcome, Rule, as_text, evaluate
from connector.mapping.facts import Facts
from connector.mapping.names import relative_name
from connector.mapping.schema import Mapping


@dataclass(frozen=True)
class Origin:
    """Where a value came from: the rule that gave it, the facts it read with their values, the steps, and file:line."""

    rule: str
    sources: abc.Mapping[str, Any]
    transforms: tuple[str, ...]
    where: str


@dataclass(frozen=True)
class Rendered:
    """The wanted account. `outcomes` has an entry for every managed attribute, assigned or not; `name` is "" without address."""

    name: str
    attributes: abc.Mapping[str, Any]
    outcomes: abc.Mapping[str, Outcome]

    @property
    def origins(self) -> dict[str, Origin]:
        """For people: a push has no use for them."""
        return {name: _origin(outcome) for name, outcome in self.outcomes.items()}


def render(mapping: Mapping, facts: Facts) -> Rendered:
    """The account that the agent should have. Invalid, with file and line, where a value does not fit its rule."""
    outcomes = {attribute: evaluate(rule, facts) for attribute, rule in mapping.account.items()}
    parts = {attribute: evaluate(rule, facts) for attribute, rule in mapping.name.items()}
    return Rendered(
        name=_name(mapping.name, parts),
        attributes={name: outcome.value for name, outcome in outcomes.items() if outcome.value is not None},
        outcomes=outcomes,
    )


@dataclass(frozen=True)
class Key:
    """An attribute at the target and the value by which an agent's account is recognised; a weak one only suggests."""

    attribute: str
    value: str
    strong: bool


def correlators(mapping: Mapping, facts: Facts) -> tuple[Key, ...]:
    """What to look an existing account up by, in order, strong rules first; rules that give nothing are left out."""
    found = []
    for rule in sorted(mapping.correlate, key=lambda one: one.strength == "weak"):
        value = _single(rule.agent, evaluate(rule.agent, facts))
        if value:
            found.append(Key(rule.account, value, rule.strength == "strong"))
    return tuple(found)


def group_names(mapping: Mapping, facts: Facts) -> tuple[str, ...]:
    """The names that the agent's groups have at the target; empty where the mapping keeps no groups."""
    if mapping.groups is None:
        return ()
    return tuple(mapping.groups.prefix + name for name in facts.get("groups") or () if name)


def _name(rules: abc.Mapping[str, Rule], parts: abc.Mapping[str, Outcome]) -> str:
    values = {}
    for attribute, outcome in parts.items():
        where = rules[attribute].where
        values[attribute] = _single(rules[attribute], outcome)
        if not values[attribute]:
            raise Invalid(f"{where}: the account's address needs {attribute}, and this rule gives nothing")
        if "\0" in values[attribute]:
            raise Invalid(f"{where}: {attribute} holds a NUL character, which an address must not")
    return relative_name(values)


def _single(rule: Rule, outcome: Outcome) -> str:
    try:
        return as_text(outcome.value)
    except Invalid as problem:
        raise Invalid(f"{rule.where}: {problem.detail}") from problem


def _origin(outcome: Outcome) -> Origin:
    return Origin(str(outcome.rule), outcome.sources, outcome.transforms, outcome.rule.where)
