"""Run by Alembic on the connection that the store hands over, within the store's transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
