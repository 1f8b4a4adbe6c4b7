"""Run by Alembic: migrates over the connection that Database hands it."""

from alembic import context

from deployments.store.tables import metadata

# Whoever gave the connection opened its transaction, and ends it.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
context.run_migrations()
