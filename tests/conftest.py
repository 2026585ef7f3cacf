"""Wires the real servers into pytest; everything else a test needs is defined beside the tests that need it."""

from tests.servers.availability import pytest_terminal_summary

__all__ = ["pytest_terminal_summary"]

pytest_plugins = ["tests.servers.fixtures"]
