"""Bring a database to this version's schema, or refuse it (protocol.md, "Storage").

A server that starts on a database of its own schema, as nearly every start is, asks for one row;
Alembic, which takes long to load, is loaded where there is something to do.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from mifeng_crypto.errors import StorageError

if TYPE_CHECKING:
    from alembic.config import Config

__all__ = ["migrate", "newest_revision"]


def newest_revision() -> str:
    """Return the schema of this version."""
    return max(_revisions())


def migrate(connection: Connection) -> None:
    """Apply what is missing, in one transaction.

    Raises:
        StorageError: the database belongs to a newer server.
    """
    found = _revision_of(connection)
    if found == newest_revision():
        return
    if found is not None and found not in _revisions():
        raise StorageError(
            "this database was written by a newer mifeng-server (schema {found}); install that one",
            found=found,
        )
    from alembic import command  # noqa: PLC0415 - takes long to load

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> Config:
    from alembic.config import Config  # noqa: PLC0415 - likewise

    config = Config()
    config.set_main_option("script_location", "mifeng_server.storage:migrations")
    return config


def _revisions() -> frozenset[str]:
    """The schemas that this version knows: the files are named `v`, the number, and what is new."""
    folder = files("mifeng_server.storage.migrations") / "versions"
    return frozenset(f.name[1:5] for f in folder.iterdir() if f.name.startswith("v"))


def _revision_of(connection: Connection) -> str | None:
    """The schema that the database says it has; None if it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    row = connection.execute(text("SELECT version_num FROM alembic_version")).first()
    return str(row[0]) if row is not None else None
