"""From every schema that there was, with data, to this one; cut off anywhere, it is done again."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, event, inspect, text

from mifeng_crypto.errors import StorageError
from mifeng_crypto.tls import encode
from mifeng_server.domain.rows import RosterRow, UnitRow
from mifeng_server.storage import migrate as migrating
from mifeng_server.storage.migrate import newest_revision
from mifeng_server.storage.postgres import open_postgres
from mifeng_server.storage.schema import METADATA
from mifeng_server.storage.sqlite import open_sqlite
from tests.support.company import Company
from tests.support.postgres import Cluster, cluster

REVISIONS = sorted(
    script.revision for script in ScriptDirectory.from_config(migrating._config()).walk_revisions()
)


COMPANY = Company()
UNIT_ID = COMPANY.create(COMPANY.ada)
CHARTER = encode(COMPANY.charter_entries[UNIT_ID][0])


@pytest.fixture(scope="module")
def postgres() -> Iterator[Cluster]:
    with cluster() as running:
        yield running


def _old(path: Path, revision: str) -> None:
    """Make a database as it was then, with a row in each table."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config = migrating._config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        for table in inspect(connection).get_table_names():
            if table == "alembic_version":
                continue
            columns = inspect(connection).get_columns(table)
            values = {
                c["name"]: b"\1" * 16
                if "BLOB" in str(c["type"])
                else "x"
                if "TEXT" in str(c["type"])
                else 1
                for c in columns
            }
            if table == "charters":  # what a later schema reads
                values |= {"unit_id": UNIT_ID, "entry": CHARTER}
            names = ", ".join(f'"{name}"' for name in values)
            marks = ", ".join(f":{name}" for name in values)
            connection.execute(text(f'INSERT INTO "{table}" ({names}) VALUES ({marks})'), values)
    engine.dispose()


@pytest.mark.parametrize("revision", REVISIONS)
async def test_every_earlier_schema_comes_to_this_one_with_its_rows(
    tmp_path: Path, revision: str
) -> None:
    path = tmp_path / "server.db"
    _old(path, revision)
    store = await open_sqlite(path)
    assert await store.get(RosterRow, 1) == RosterRow(1, b"\1" * 16)
    assert await store.get(UnitRow, b"\1" * 16) is not None
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        (found,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    assert found == newest_revision()
    assert tables >= set(METADATA.tables)


def test_the_names_of_the_migrations_say_what_alembic_reads_in_them() -> None:
    scripts = ScriptDirectory.from_config(migrating._config())
    assert {script.revision for script in scripts.walk_revisions()} == migrating._revisions()
    assert scripts.get_current_head() == newest_revision()


async def test_a_start_on_a_database_of_this_schema_loads_no_alembic(tmp_path: Path) -> None:
    await (await open_sqlite(tmp_path / "server.db")).close()
    code = (
        "import asyncio, sys; from pathlib import Path\n"
        "from mifeng_server.storage.sqlite import open_sqlite\n"
        "async def main(): await (await open_sqlite(Path(sys.argv[1]))).close()\n"
        "asyncio.run(main()); assert 'alembic' not in sys.modules"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "server.db")]
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0


def _upgrade(path: Path, *, cut_at: int = -1) -> list[str]:
    """Bring a database up to date, or be cut off at a statement; return those that change it."""
    engine = create_engine(f"sqlite:///{path}", isolation_level=None)
    event.listen(engine, "begin", lambda c: c.exec_driver_sql("BEGIN"))
    changes = list[str]()

    def look(*args: object) -> None:
        said = str(args[2])
        if said.startswith(("CREATE", "ALTER", "INSERT", "UPDATE", "DROP", "DELETE")):
            if len(changes) == cut_at:
                raise KeyboardInterrupt
            changes.append(said)

    event.listen(engine, "before_cursor_execute", look)
    try:
        with contextlib.suppress(KeyboardInterrupt), engine.begin() as connection:
            migrating.migrate(connection)
    finally:
        engine.dispose()
    return changes


@pytest.mark.parametrize("revision", REVISIONS[:-1])
async def test_an_upgrade_that_is_cut_off_at_any_statement_is_done_again(
    tmp_path: Path, revision: str
) -> None:
    """From each schema: at every statement of the next step, and where each later one begins."""
    first, path = tmp_path / "first.db", tmp_path / "server.db"
    _old(first, revision)
    shutil.copy(first, path)
    changes = _upgrade(path)
    ends = [n for n, said in enumerate(changes) if said.startswith("UPDATE alembic_version")]
    assert len(ends) == len(REVISIONS) - 1 - REVISIONS.index(revision)
    for cut_at in [*range(ends[0] + 1), *(end + 1 for end in ends[:-1]), len(changes) - 1]:
        shutil.copy(first, path)
        _upgrade(path, cut_at=cut_at)
        with closing(sqlite3.connect(path)) as looking:
            (found,) = looking.execute("SELECT version_num FROM alembic_version").fetchone()
        assert found == revision, "all or nothing"
        _upgrade(path)
        with closing(sqlite3.connect(path)) as looking:
            (found,) = looking.execute("SELECT version_num FROM alembic_version").fetchone()
        assert found == newest_revision()
    store = await open_sqlite(path)
    assert await store.get(RosterRow, 1) is not None
    await store.close()


async def test_postgresql_is_brought_up_to_date_and_refuses_an_older_server(
    postgres: Cluster,
) -> None:
    url = postgres.new_database()
    await (await open_postgres(url)).close()
    name = url.rpartition("/")[2]
    postgres.sql("UPDATE alembic_version SET version_num = '9999'", name)
    with pytest.raises(StorageError, match="newer mifeng-server"):
        await open_postgres(url)
