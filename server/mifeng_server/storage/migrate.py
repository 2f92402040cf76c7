"""Bring a database to this version's schema, or refuse it (protocol.md, "Storage").

A server that starts on a database of its own schema, as nearly every start is, asks for one row;
SQLAlchemy and Alembic, which take long to load, are loaded where there is something to do.
"""

from __future__ import annotations

import sqlite3
from importlib.resources import files
from typing import TYPE_CHECKING

from mifeng_crypto.errors import StorageError
from mifeng_server.storage.tables import NAMES

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

__all__ = ["is_current", "migrate", "migrate_sqlite", "newest_revision"]


def newest_revision() -> str:
    """Return the schema of this version."""
    return max(_revisions())


def is_current(found: str | None) -> bool:
    """Whether a database that says it has this schema, or says nothing, needs no migration.

    Raises:
        StorageError: it belongs to a newer server.
    """
    if found is not None and found not in _revisions():
        raise StorageError(
            "this database was written by a newer mifeng-server (schema {found}); install that one",
            found=found,
        )
    return found == newest_revision()


def migrate(connection: Connection) -> None:
    """Apply what is missing, in one transaction.

    Raises:
        StorageError: the database belongs to a newer server, or to another program.
    """
    found = _revision_of(connection)
    if is_current(found):
        return
    if found is None:
        _check_is_empty(connection)
    from alembic import command  # noqa: PLC0415 - takes long to load

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def migrate_sqlite(raw: sqlite3.Connection) -> None:
    """`migrate` with a connection of the driver's own, which begins no transactions by itself."""
    from sqlalchemy import StaticPool, create_engine, event  # noqa: PLC0415 - likewise

    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    with engine.begin() as connection:
        migrate(connection)


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
    from sqlalchemy import inspect, text  # noqa: PLC0415 - likewise

    if not inspect(connection).has_table("alembic_version"):
        return None
    row = connection.execute(text("SELECT version_num FROM alembic_version")).first()
    return str(row[0]) if row is not None else None


def _check_is_empty(connection: Connection) -> None:
    """A database that says nothing of a schema of ours must have none of our tables' names."""
    from sqlalchemy import inspect  # noqa: PLC0415 - likewise

    taken = set(inspect(connection).get_table_names()) & set(NAMES.values())
    if taken:
        raise StorageError(
            "this database is another program's: it has a table {name} that no mifeng-server made; "
            "name an empty one",
            name=min(taken),
        )
