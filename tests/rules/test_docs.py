"""The documentation names everything that there is, and no file that there is not."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest

from connector.app import create_app
from connector.cli.main import main
from connector.domain.clients import AGENT_SCOPE, SCOPES
from connector.domain.events import Action
from connector.domain.vouched import Code
from connector.edges.saml.sp.sentences import SENTENCES
from connector.parts import assemble
from connector.settings import Settings
from connector.targets.registry import KINDS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])


def missing(page: Path, words: list[str]) -> list[str]:
    text = page.read_text()
    return [word for word in words if f"`{word}`" not in text]


def commands(command: click.Command, path: str) -> Iterator[str]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            one = command.get_command(context, name)
            assert one is not None
            yield from commands(one, f"{path} {name}")
    else:
        yield path


def test_every_setting() -> None:
    names = list(Settings.model_fields)
    assert missing(DOCS / "settings.md", names + [f"CONNECTOR_{name.upper()}" for name in names]) == []


def test_every_command() -> None:
    assert missing(DOCS / "commands.md", list(commands(main, "connector"))) == []


def test_commands_are_found_where_the_help_has_them() -> None:
    shown = re.findall(r"^## `connector (\w+)", (DOCS / "commands.md").read_text(), re.MULTILINE)
    assert list(dict.fromkeys(shown)) == main.list_commands(click.Context(main))


def test_every_command_has_an_example_and_says_what_each_option_is() -> None:
    for path in commands(main, "connector"):
        command: click.Command = main
        for name in path.split()[1:]:
            assert isinstance(command, click.Group)
            command = command.get_command(click.Context(command), name) or command
        assert f"Example: {path}" in (command.help or ""), path
        silent = [one.name for one in command.params if isinstance(one, click.Option) and not one.help]
        assert silent == [], path


def test_every_route(tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue.toml"
    catalogue.write_text('roles = [{value = "a"}]\nentitlements = [{value = "a"}]')
    parts = assemble(Settings(data_dir=tmp_path, catalogue_file=catalogue))
    try:
        routes = {rule.rule for rule in create_app(parts).url_map.iter_rules()}
    finally:
        parts.domain.database.close()
    assert missing(DOCS / "http.md", sorted(routes)) == []


def test_every_audit_action() -> None:
    assert missing(DOCS / "audit.md", [action.value for action in Action]) == []


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_target_and_its_options(kind: str) -> None:
    names = [one.name for one in fields(KINDS[kind].options)]
    assert missing(DOCS / "targets" / f"{kind}.md", names) == []


def test_every_scope() -> None:
    assert missing(DOCS / "oauth.md", [*SCOPES, AGENT_SCOPE]) == []


def test_readme_names_each_make_target() -> None:
    targets = re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert missing(ROOT / "README.md", [f"make {target}" for target in targets]) == []


def test_the_index_leads_to_each_page() -> None:
    """By itself, or by way of a page that it leads to."""
    reached, ahead = {DOCS / "index.md"}, [DOCS / "index.md"]
    while ahead:
        page = ahead.pop()
        found = {(page.parent / link).resolve() for link in re.findall(r"\]\(([^)#:]+\.md)", page.read_text())}
        ahead += found - reached
        reached |= found
    assert {page for page in PAGES if page.is_relative_to(DOCS)} - reached == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_named_files_exist(page: Path) -> None:
    text = page.read_text()
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    gone = [link for link in links if link and not (page.parent / link).exists()]
    paths = re.findall(r"`((?:connector|docs|mappings|tests)/[\w./-]+)`", text)
    assert gone + [path for path in paths if not (ROOT / path).exists()] == []


def test_every_code_of_a_refused_sign_in() -> None:
    codes = [code.value for code in Code]
    assert missing(DOCS / "people.md", codes) == []
    assert set(SENTENCES) == set(Code)
