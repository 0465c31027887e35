"""Alembic's entry: migrations run on the connection that `gateway.store.engine` has opened.

A table is never made anew (`recreate="never"`): on SQLite that drops the old one, and with it go the rows that refer to
it (ON DELETE CASCADE), which no transaction can keep: foreign keys are switched off outside of one only.
"""

from alembic import context

from gateway.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=False,  # the caller's transaction holds it all
)
context.run_migrations()
