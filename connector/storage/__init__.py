"""SQL only: one file for each aggregate, plain functions over a Transaction. Rows never leave this room; records do."""
