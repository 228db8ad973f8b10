"""What alembic runs to apply the steps: on the connection, and in the transaction, of `records.database`."""

from alembic import context

from records.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
