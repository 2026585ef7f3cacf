"""A mapping file with errors: each is reported with its place, and all of them at once."""

import re
from pathlib import Path

import pytest

from connector.core.errors import Misconfigured
from connector.mapping.load import load, shipped_folder

HEAD = "target: memory\ncorrelate: []\n"


def problems_of(folder: Path, text: str) -> list[str]:
    (folder / "broken.yaml").write_text(text)
    with pytest.raises(Misconfigured) as wrong:
        load("broken", [folder])
    return [problem.replace(f"{folder}/", "") for problem in wrong.value.problems]


def rule(text: str) -> str:
    """A file whose only rule is on line 4, from column 6 on."""
    return f"{HEAD}account:\n  a: {text}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (rule("{form: id, const: x}"), 'broken.yaml:4:7: unknown key "form"; did you mean "from"?'),
        (rule("{from: ownr.email}"), 'broken.yaml:4:13: no fact is named "ownr"; did you mean "owner"?'),
        (rule("{from: owner.emial}"), 'broken.yaml:4:13: owner has no attribute "emial"; did you mean "email"?'),
        (
            rule("{from: roles.value}"),
            "broken.yaml:4:13: roles is a list: take a part of its items with [*].value or [0].value",
        ),
        (rule("{from: 'roles[*].vlue'}"), 'broken.yaml:4:13: no fact is named "vlue"; did you mean "value"?'),
        (rule("{from: id.part}"), 'broken.yaml:4:13: id is a single value and has no part "part"'),
        (rule("{from: 'id[0]'}"), "broken.yaml:4:13: id is not a list"),
        (rule("{from: 'roles[?vlue].value'}"), 'broken.yaml:4:13: no fact is named "vlue"; did you mean "value"?'),
        (rule("{from: 'lower(id)'}"), 'broken.yaml:4:13: there is no function "lower"; did you mean "floor"?'),
        (rule("{from: 'join(id)'}"), 'broken.yaml:4:13: the function "join" takes 2 arguments, not 1'),
        (rule("{from: id, when: governance.risk}"), 'broken.yaml:4:23: governance has no attribute "risk"'),
        (rule("{from: 'id ||'}"), "broken.yaml:4:13: not a JMESPath expression: "),
        (
            rule("{from: " + "a" * 501 + "}"),
            "broken.yaml:4:13: the expression has 501 characters; at most 500 are allowed",
        ),
        (rule("{from: '" + "!" * 300 + "id'}"), "broken.yaml:4:13: the expression is nested too deeply"),
        (rule("{from: 3}"), "broken.yaml:4:13: text is needed here, not a whole number"),
        (rule("{from: ''}"), "broken.yaml:4:13: this must not be empty"),
        (
            rule("{const: 1.5}"),
            "broken.yaml:4:14: text, true, false or a whole number is needed here, not a number; put it in",
        ),
        (
            rule("{const: 2027-01-01}"),
            "broken.yaml:4:14: text, true, false or a whole number is needed here, not a date; put",
        ),
        (rule("{const: {a: b}}"), "broken.yaml:4:14: text, true, false or a whole number is needed here, not a table"),
        (
            rule("{from: id, const: x}"),
            "broken.yaml:4:6: a rule has exactly one of from, const and template; here is from and",
        ),
        (
            rule("{default: x}"),
            "broken.yaml:4:6: a rule has exactly one of from, const and template; here is none of them",
        ),
        (
            rule("plain"),
            "broken.yaml:4:6: a table with the keys from, const, template, when, map, transform, default is needed",
        ),
        (rule("{template: '{ownr}'}"), 'broken.yaml:4:17: no fact is named "ownr"'),
        (
            rule("{template: '{owner.emial}'}"),
            'broken.yaml:4:17: no fact is named "owner.emial"; did you mean "email"?',
        ),
        (rule("{template: '{roles}'}"), 'broken.yaml:4:17: "roles" is not a single value; use "from" with join'),
        (rule("{template: 'a{b'}"), "broken.yaml:4:17: a brace in the template has no partner"),
        (rule("{from: id, transform: lower}"), "broken.yaml:4:28: a list is needed here, not text"),
        (
            rule("{from: id, transform: [lowr]}"),
            'broken.yaml:4:29: there is no transform "lowr"; did you mean "lower"?',
        ),
        (rule("{from: id, transform: [join]}"), 'broken.yaml:4:29: the transform "join" needs a value: {join: …}'),
        (rule("{from: id, transform: [{lower: 1}]}"), 'broken.yaml:4:29: the transform "lower" takes no value'),
        (rule("{from: id, transform: [{}]}"), "broken.yaml:4:29: a transform is one name, or a table with one key"),
        (rule("{from: id, transform: [{truncate: 0}]}"), "broken.yaml:4:40: a whole number from 1 on is needed here"),
        (
            rule("{from: id, transform: [{truncate: true}]}"),
            "broken.yaml:4:40: a whole number from 1 on is needed here",
        ),
        (rule("{from: id, transform: [{replace: {pattern: a}}]}"), 'broken.yaml:4:39: the key "with" is missing'),
        (
            rule("{from: id, transform: [{replace: {pattern: '(', with: a}}]}"),
            "broken.yaml:4:39: not a usable regular expression: ",
        ),
        (
            rule("{from: id, transform: [{replace: {pattern: a, with: '\\2'}}]}"),
            "broken.yaml:4:39: not a usable regular expression: invalid group reference 2",
        ),
        (rule("{from: id}\n  a: {from: id}"), 'broken.yaml:5:3: the key "a" is here twice'),
        (rule("{from: id}\n  A: {from: id}"), 'broken.yaml:5:6: "A" and "a" are the same attribute'),
        (rule("&x {from: id}\n  b: *x"), "broken.yaml:5:6: not valid YAML: anchors and aliases are not supported here"),
        (rule("!!python/object:os.system {from: id}"), None),
        ("a: [", "broken.yaml:1:5: not valid YAML: "),
        ("", "broken.yaml:1:1: the file is empty"),
        ("- a", "broken.yaml:1:1: a table with the keys target, object, correlate"),
        ("a" * 300_000, "broken.yaml:1:1: the file has more than 256 KiB"),
        ("target: memory\ncorrelate: []\n", 'broken.yaml:1:1: the key "account" is missing'),
        (HEAD + "account: {}\n", "broken.yaml:3:10: at least one attribute is needed here"),
        (rule("{from: id}") + "nmae: {}\n", 'broken.yaml:5:1: unknown key "nmae"; did you mean "name"?'),
        (rule("{from: id}") + "name: {uid: {from: id}}\n", "broken.yaml:5:7: a target of kind memory has no addresses"),
        (rule("{from: id}").replace("memory", "ldap"), 'broken.yaml:1:1: a target of kind ldap needs "name"'),
        (rule("{from: id}").replace("memory", "paper"), 'broken.yaml:1:9: "paper" is not one of memory'),
        (
            rule("{from: id}") + "on_delete: forget\n",
            'broken.yaml:5:12: "forget" is not one of delete, delete_later, disable, unlink',
        ),
        (rule("{from: id}") + "groups: {create: maybe}\n", "broken.yaml:5:18: true or false is needed here, not text"),
        (
            rule("{from: id}") + "people: {account: mail, person: account}\n",
            'broken.yaml:5:33: "account" is not one of id,',
        ),
        (rule("{from: id}") + "people: {account: mail}\n", 'broken.yaml:5:9: the key "person" is missing'),
        (rule("{from: id}").replace("[]", "[{account: a, agnt: id}]"), 'unknown key "agnt"; did you mean "agent"?'),
    ],
)
def test_an_error_is_reported_with_its_place(tmp_path: Path, text: str, expected: str | None) -> None:
    if expected is None:  # a foreign tag makes no object; the table is read as a table
        (tmp_path / "broken.yaml").write_text(text)
        assert load("broken", [tmp_path]).account["a"].query is not None
        return

    found = problems_of(tmp_path, text)

    assert any(expected in problem for problem in found), found


def test_all_problems_are_reported_at_once_and_in_order(tmp_path: Path) -> None:
    text = "target: memry\ncorelate: []\naccount:\n  a: {from: nix}\n  b: {transform: [x]}\n"

    lines = [int(re.match(r"broken\.yaml:(\d+):", problem)[1]) for problem in problems_of(tmp_path, text)]  # type: ignore[index]

    assert lines == [1, 1, 2, 4, 5, 5]


def test_the_first_folder_that_has_the_file_wins(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder, value in ((ours, "ours"), (theirs, "theirs")):
        folder.mkdir()
        (folder / "one.yaml").write_text(rule(f"{{const: {value}}}"))

    assert load("one", [theirs, ours]).account["a"].const == "theirs"
    assert load("one", [tmp_path / "absent", ours]).account["a"].const == "ours"


def test_an_unknown_mapping_says_which_there_are() -> None:
    with pytest.raises(Misconfigured, match=r'there is no "oops\.yaml" in .*; there are: .*canaille, .*memory'):
        load("oops", [shipped_folder()])


@pytest.mark.parametrize("name", ["../secret", "a/b", "", ".hidden", "a.b"])
def test_a_mapping_name_is_never_a_path(name: str) -> None:
    with pytest.raises(Misconfigured, match="is not a name"):
        load(name, [shipped_folder()])


def test_what_is_not_said_has_careful_defaults(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(rule("{from: id}"))

    mapping = load("small", [tmp_path])

    assert (mapping.people, mapping.groups) == (None, None)
    assert (mapping.policies.on_disable, mapping.policies.on_delete) == ("disable", "delete")
    assert mapping.managed == ("a",)
