"""Alembic's entry: runs the revisions on the connection that `include.warehouse.migrate` hands over."""

import duckdb_sqlalchemy.alembic_impl  # noqa: F401  what Alembic must know of DuckDB; it registers itself
from alembic import context

from include.warehouse.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,  # the caller's transaction holds all revisions together
)
context.run_migrations()
