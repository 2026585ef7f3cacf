"""The authorization server: client credentials for inbound clients and agents (RFC 6749), introspection, revocation, metadata."""
