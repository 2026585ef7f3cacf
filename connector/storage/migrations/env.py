"""Alembic runs this; the connection comes from storage/db.py, already in its transaction."""

from alembic import context

from connector.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
