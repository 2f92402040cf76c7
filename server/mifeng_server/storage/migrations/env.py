"""What Alembic runs: migrations on the connection that `migrate.py` hands over."""

from __future__ import annotations

from alembic import context

from mifeng_server.storage.schema import METADATA

# SQLite alters no tables in place: `batch` writes them anew.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
)
context.run_migrations()
