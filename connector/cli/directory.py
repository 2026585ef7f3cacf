"""Commands about the workforce IdP as the source of people and groups."""

import click

from connector.cli.output import guarded, json_option, operator, parts, progress_shown, show


@click.group()
def directory() -> None:
    """People and groups that are read from a workforce IdP."""


@directory.command("sync")
@click.argument("name", metavar="TARGET")
@click.option("--allow", default=0, metavar="N", help="Let so many people be switched off at once, beyond the guard.")
@json_option
@guarded
def sync(name: str, allow: int, as_json: bool) -> None:
    """Bring people and groups in step with a target whose mapping has a directory; exit 1 where something did not fit.

    Example: connector directory sync corporate-ad
    """
    assembled = parts()
    at = assembled.connections.open(name)
    with progress_shown(as_json) as progress:
        done = assembled.directory.run(at, operator(), progress, allow=allow)
    lines = [f"{count} {what}" for what, count in done.counts.items()] or ["Nothing has changed."]
    lines += [f"  {anchor}: {why}" for anchor, why in done.problems.items()]
    show({"counts": done.counts, "problems": done.problems}, as_json, lines)
    if done.problems:
        raise SystemExit(1)
