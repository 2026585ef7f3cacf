"""The command `connector`: which command is in which module. A module is loaded when a command of it is used or explained."""

import importlib

import click

from connector import __version__

# Name: module of connector.cli, name in it, and what `connector --help` says of it without loading the module (a test compares).
_COMMANDS = {
    "serve": ("service", "serve", "Start the service; makes data folder, keys and database on first start."),
    "worker": ("service", "worker", "Push to targets and seal the audit log, as a process of its own."),
    "db": ("service", "db", "The database."),
    "keys": ("service", "keys", "Our own signing keys."),
    "client": ("clients", "client", "Inbound clients: IdPs and HR/IT workflows."),
    "agent": ("saml_login", "agent", "Agents and their credentials."),
    "resource": ("scopes", "resource", "Resources: services that accept our tokens."),
    "scope": ("scopes", "scope", "Scopes of resources, and who was granted them."),
    "delegation": ("delegations", "delegation", "Standing delegations: which agent may act for whom."),
    "issuer": ("delegations", "issuer", "Issuers elsewhere whose JWTs say who a person is."),
    "ca": ("authority", "ca", "Our own small CA for client certificates of agents."),
    "app": ("apps", "app", "Agent-facing applications: SAML service providers."),
    "idp": ("idps", "idp", "Workforce IdPs: where people sign in to the console."),
    "audit": ("records", "audit_log", "The audit log."),
    "target": ("targets", "target", "Targets: the directories that agents get accounts in."),
    "preview": ("runs", "preview", "Show in five steps what a push of one agent would do."),
    "plan": (
        "runs",
        "plan",
        "Compare every agent with its account at a target, and keep what would be changed as a plan.",
    ),
    "apply": ("runs", "apply", "Carry out a plan, exactly as it was made."),
    "reconcile": ("runs", "reconcile", "Make a plan and carry it out at once, unless it is stopped."),
    "directory": ("directory", "directory", "People and groups that are read from a workforce IdP."),
    "push": ("runs", "push", "Push one agent now, to every target or to one."),
    "case": ("cases", "case", "Correlation cases: whose account is it? A person decides."),
}


class Commands(click.Group):
    """A group whose commands are in a table: their modules load the database and more, which takes a second."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, name, _ = _COMMANDS[cmd_name]
        command = getattr(importlib.import_module(f"connector.cli.{module}"), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help) for name, (_, _, help) in _COMMANDS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="connector")
def main() -> None:
    """AI agents as governed accounts in workforce IdPs. Settings: CONNECTOR_* variables, see docs/settings.md."""
