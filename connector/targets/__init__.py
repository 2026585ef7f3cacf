"""Outbound connectors, one file for each kind of target. They know HTTP or LDAP and nothing of agents, mappings or plans."""
