"""Rules at work: values, what is unassigned, where a value came from, and addresses that no value can break."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ldap3.utils.dn import parse_dn

from connector.core.errors import Invalid
from connector.mapping.load import load
from connector.mapping.names import relative_name
from connector.mapping.render import Key, correlators, group_names, render

FACTS: dict[str, Any] = {
    "id": "agt-1",
    "agentUserName": "  Invoice-Bot ",
    "displayName": "Ærø Zoë",
    "active": True,
    "roles": [{"value": "b"}, {"value": "a", "type": "x"}, {"display": "none"}],
    "governance": {"riskLevel": "high"},
    "owner": {"email": "rosa@example.com", "account": None},
    "sponsor": None,
    "groups": ["one", "two"],
    "connector": {"domain": "agents.example"},
}


def value_of(folder: Path, rule: str, facts: dict[str, Any] | None = None) -> Any:
    (folder / "m.yaml").write_text(f"target: memory\ncorrelate: []\naccount:\n  a: {rule}\n")
    return render(load("m", [folder]), FACTS if facts is None else facts).attributes.get("a")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("{from: id}", "agt-1"),
        ("{from: active}", True),
        ("{from: externalId}", None),
        ("{from: sponsor.email}", None),
        ("{from: owner.account}", None),
        ("{from: 'roles[*].value'}", ["b", "a"]),
        ("{from: \"roles[?type == 'x'].value | [0]\"}", "a"),
        ("{from: 'sort(roles[*].value)'}", ["a", "b"]),
        ("{from: \"join(', ', entitlements[*].value)\"}", None),
        ("{from: 'length(roles)'}", 3),
        ("{const: Agent}", "Agent"),
        ("{const: false}", False),
        ("{const: ''}", None),
        ("{const: [a, '', b]}", ["a", "b"]),
        ("{const: []}", None),
        ('{template: "{id}@{connector.domain}"}', "agt-1@agents.example"),
        ('{template: "{id}@{connector.baseUrl}"}', None),
        ('{template: "{active}"}', "true"),
        ("{const: x, when: \"governance.riskLevel == 'high'\"}", "x"),
        ("{const: x, when: \"governance.riskLevel == 'low'\"}", None),
        ("{const: x, when: owner.account}", None),
        ("{const: x, when: sponsor, default: y}", "y"),
        ("{from: governance.riskLevel, map: {high: 3, low: 1}}", 3),
        ("{from: active, map: {true: enabled}}", "enabled"),
        ("{from: id, map: {other: 1}}", None),
        ("{from: id, map: {other: 1}, default: 0}", 0),
        ("{from: 'roles[*].value', map: {a: A}}", ["A"]),
        ("{from: externalId, default: {from: sponsor.email, default: {template: 'x-{id}'}}}", "x-agt-1"),
        ("{from: agentUserName, transform: [trim, lower]}", "invoice-bot"),
        ("{from: id, transform: [upper, {truncate: 3}]}", "AGT"),
        ("{const: invoice-matcher-for-emea, transform: [{shorten: 20}]}", "invoice-match-80dc73"),
        ("{const: invoice-matcher-for-apac, transform: [{shorten: 20}]}", "invoice-match-63238b"),
        ("{const: twenty-characters-ok, transform: [{shorten: 20}]}", "twenty-characters-ok"),
        ("{const: longer than it may be, transform: [{shorten: 4}]}", "39d0"),
        ("{from: displayName, transform: [ascii]}", "r Zoe"),
        ("{from: 'roles[*].value', transform: [upper, {join: '+'}]}", "B+A"),
        ("{from: 'roles[*].value', transform: [first]}", "b"),
        (
            "{from: agentUserName, transform: [{replace: {pattern: '[^a-zA-Z]+(Bot)?', with: '<\\1>'}}]}",
            "<>Invoice<Bot><>",
        ),
        ("{from: id, transform: [{replace: {pattern: '.*', with: ''}}]}", None),
        ("{from: roles}", [{"value": "b"}, {"value": "a", "type": "x"}, {"display": "none"}]),
    ],
)
def test_a_rule_gives_its_value(tmp_path: Path, rule: str, expected: Any) -> None:
    assert value_of(tmp_path, rule) == expected


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("{from: roles, transform: [lower]}", r"m\.yaml:4: a single value is needed here, and an object was found"),
        ("{from: 'abs(id)'}", r"m\.yaml:4: 'abs\(id\)' cannot be evaluated"),
        ("{from: externalId, default: {from: 'abs(id)'}}", r"m\.yaml:4: 'abs\(id\)' cannot be evaluated"),
    ],
)
def test_a_value_that_does_not_fit_names_the_rule(tmp_path: Path, rule: str, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        value_of(tmp_path, rule)


def test_every_managed_attribute_has_an_origin_even_when_unassigned(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(
        "target: memory\ncorrelate: []\naccount:\n"
        "  a: {from: id, transform: [upper]}\n"
        "  b: {from: owner.account}\n"
        "  c: {from: externalId, default: {template: '{id}!'}}\n"
    )

    rendered = render(load("m", [tmp_path]), FACTS)

    assert rendered.attributes == {"a": "AGT-1", "c": "agt-1!"}
    assert list(rendered.origins) == ["a", "b", "c"]
    assert rendered.origins["a"].rule == "from id | upper"
    assert rendered.origins["a"].transforms == ("upper",)
    assert rendered.origins["a"].where == f"{tmp_path}/m.yaml:4"
    assert rendered.origins["b"].sources == {"owner.account": None}
    assert rendered.origins["c"].sources == {"externalId": None, "id": "agt-1"}
    assert rendered.origins["c"].rule == "template {id}!"


def test_correlation_rules_that_give_nothing_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(
        "target: memory\naccount: {a: {from: id}}\ncorrelate:\n"
        "  - {account: ext, agent: externalId}\n"
        "  - {account: uid, agent: agentUserName, transform: [trim, lower]}\n"
        "  - {account: key, agent: id}\n"
    )

    assert correlators(load("m", [tmp_path]), FACTS) == (Key("uid", "invoice-bot", True), Key("key", "agt-1", True))


def test_groups_get_their_prefix_and_without_the_key_there_are_none(tmp_path: Path) -> None:
    text = "target: memory\ncorrelate: []\naccount: {a: {from: id}}\n"
    (tmp_path / "none.yaml").write_text(text)
    (tmp_path / "some.yaml").write_text(text + "groups: {prefix: ai-}\n")

    assert group_names(load("none", [tmp_path]), FACTS) == ()
    assert group_names(load("some", [tmp_path]), FACTS) == ("ai-one", "ai-two")


@pytest.mark.parametrize("handle", ["", "\0", "a\0b"])
def test_an_address_without_a_usable_value_is_refused_with_its_place(tmp_path: Path, handle: str) -> None:
    text = "target: ldap\ncorrelate: []\nname: {uid: {from: agentUserName}}\naccount: {a: {from: id}}\n"
    (tmp_path / "m.yaml").write_text(text)

    with pytest.raises(Invalid, match=r"m\.yaml:3: "):
        render(load("m", [tmp_path]), FACTS | {"agentUserName": handle})


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=40))
def test_an_escaped_name_comes_apart_again_as_one_value(value: str) -> None:
    name = relative_name({"uid": value}) + ",ou=agents,dc=example,dc=com"

    parts = parse_dn(name)

    assert [part[0] for part in parts] == ["uid", "ou", "dc", "dc"]
    assert _unescape(parts[0][1]) == value


def _unescape(text: str) -> str:
    """RFC 4514 section 3, for what relative_name writes."""
    result, place = "", 0
    while place < len(text):
        if text[place] != "\\":
            result, place = result + text[place], place + 1
        elif text[place + 1] in '"+,;<>\\= #':
            result, place = result + text[place + 1], place + 2
        else:
            result, place = result + chr(int(text[place + 1 : place + 3], 16)), place + 3
    return result
