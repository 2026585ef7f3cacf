"""The mapping engine: what an agent's account at a target looks like, as data (mappings/*.yaml). Pure: no I/O but reading files."""
