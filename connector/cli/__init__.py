"""The command `connector`: one module for each noun. Commands print for people, or JSON for machines with --json."""

from connector.cli.main import main

__all__ = ["main"]
