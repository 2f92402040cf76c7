"""Bring a database to this version's schema, or refuse it (protocol.md, "Storage")."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from mifeng_crypto.errors import StorageError

__all__ = ["migrate", "newest_revision"]


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "mifeng_server.storage:migrations")
    return config


def newest_revision() -> str:
    """Return the schema of this version."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None, "there are migrations"
    return head


def migrate(connection: Connection) -> None:
    """Apply what is missing, in one transaction.

    Raises:
        StorageError: the database belongs to a newer server.
    """
    config = _config()
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    found = MigrationContext.configure(connection).get_current_revision()
    if found is not None and found not in known:
        raise StorageError(
            "this database was written by a newer mifeng-server (schema {found}); install that one",
            found=found,
        )
    command.upgrade(config, "head")
