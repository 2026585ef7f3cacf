"""A command loads what it needs, and no more: the help is there at once."""

import subprocess
import sys

import click
import pytest

from connector.cli.main import main

LARGE = ("alembic", "flask", "granian", "ldap3", "lxml", "requests", "scim2_models", "sqlalchemy", "xmlsec")


def loaded_by(code: str) -> set[str]:
    """Which of the large libraries an interpreter of its own has loaded after that code."""
    text = f"import sys\n{code}\nprint(*[name for name in {LARGE} if name in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_the_help_loads_no_large_library() -> None:
    assert loaded_by("from connector.cli.main import main; main(['--help'], standalone_mode=False)") == set()


@pytest.mark.parametrize("module", ["records", "apps", "idps", "targets", "service"])
def test_commands_load_the_database_and_no_other_large_library(module: str) -> None:
    assert loaded_by(f"import connector.cli.{module}") == {"sqlalchemy"}


@pytest.mark.parametrize("name", main.list_commands(click.Context(main)))
def test_the_list_of_commands_says_what_each_command_says_itself(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    formatter = click.HelpFormatter(width=1000)
    main.format_commands(click.Context(main), formatter)

    assert command is not None and command.help is not None
    line = next(line for line in formatter.getvalue().splitlines() if line.split()[:1] == [name])
    assert command.help.startswith(line.strip().removeprefix(name).strip().removesuffix("."))


def test_a_command_that_does_not_exist_is_refused_with_exit_2() -> None:
    with pytest.raises(click.UsageError, match="No such command 'nonsense'"):
        main(["nonsense"], standalone_mode=False)
