"""Agent IdP Connector: AI agents as governed accounts in workforce IdPs."""

__version__ = "0.1.0"
