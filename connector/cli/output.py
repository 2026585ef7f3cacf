"""How commands speak: plain lines for people, JSON for machines; errors in one form; exit 0 done, 1 refused, 2 wrong usage."""

import functools
import os
import pwd
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import orjson

from connector.core import ids, logs
from connector.core.clock import to_text, utc_now
from connector.core.errors import ConnectorError
from connector.domain.unit import Caller
from connector.parts import Parts, assemble
from connector.settings import load

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")


def operator() -> Caller:
    """The caller that a command acts as: the account that runs it, by its number where a container has given it no name.

    Not as LOGNAME has it, which anybody can set: the audit log keeps it.
    """
    name = str(os.getuid())
    with suppress(KeyError):
        name = pwd.getpwuid(os.getuid()).pw_name
    return Caller("operator", f"operator:{name}", name)


def parts(*, checked: bool = True, serving: bool = False) -> Parts:
    """The deployment that the settings name, with its database's schema checked.

    A command tells a person by itself what it did: only what serves logs every step (or all do, at the level debug).
    """
    settings = load()
    logs.configure(settings.log_level if serving or settings.log_level == "debug" else "error")
    ids.correlation_id.set(ids.new_correlation_id())
    assembled = assemble(settings)
    if checked:
        assembled.domain.database.check_schema()
    return assembled


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """Show errors of ours, and files that cannot be used, as a sentence and exit 1, never a traceback.

    Notes are for whoever runs the command; a caller over HTTP does not get them.
    """

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except ConnectorError as problem:
            click.echo("\n  - ".join([f"connector: {problem.detail}", *getattr(problem, "__notes__", [])]), err=True)
            sys.exit(1)
        except OSError as problem:
            if problem.filename is None:
                raise
            click.echo(f"connector: {problem.filename}: {problem.strerror}", err=True)
            sys.exit(1)

    return run


def show(value: Any, as_json: bool, lines: list[str]) -> None:
    """The value as JSON, or the lines."""
    if as_json:
        click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS, default=str).decode())
        return
    for line in lines:
        click.echo(line)


def table(heading: list[str], rows: list[list[str]]) -> list[str]:
    """Lines with aligned columns."""
    widths = [max(len(row[column]) for row in [heading, *rows]) for column in range(len(heading))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [heading, *rows]
    ]


@contextmanager
def progress_shown(as_json: bool) -> Iterator[Callable[[str, int], None]]:
    """Counts on one line of a terminal; nothing where nobody watches."""
    if as_json or not sys.stderr.isatty():
        yield lambda _what, _count: None
        return
    counts: dict[str, int] = {}

    def told(what: str, count: int) -> None:
        before = counts.get(what, 0)
        counts[what] = before + count
        if before == 0 or counts[what] // 100 > before // 100:
            click.echo(f"\r{counts[what]} {what} ...   ", nl=False, err=True)

    yield told
    click.echo("\r" + " " * 40 + "\r", nl=False, err=True)


class Ends(click.ParamType[str]):
    """The end of something: a number of days from now, or a date; as a moment in text."""

    name = "days or date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        try:
            if text.isdigit():
                return to_text(utc_now() + timedelta(days=int(text)))
            return to_text(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC))
        except (ValueError, OverflowError):
            self.fail(f"must be a number of days or a date such as 2027-03-31, not {text!r}", param, ctx)


ends = Ends()
