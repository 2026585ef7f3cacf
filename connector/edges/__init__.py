"""Protocols in, domain calls out. Siblings never meet; they reach data through the domain only."""
