"""From SQLite to PostgreSQL: copied, verified, and only then the server goes on there."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable

from mifeng_crypto.errors import UsageError
from mifeng_server.config import Storage, read_config
from mifeng_server.folder import Folder
from mifeng_server.opening import check_database, open_store
from mifeng_server.operations.transfer import postgres_end, sqlite_end, transfer
from mifeng_server.storage.sqlite import open_sqlite

__all__ = ["move_to_postgres"]


async def move_to_postgres(
    folder: Folder, url: str, *, progress: Callable[[str, int], None] = lambda _, __: None
) -> dict[str, int]:
    """Move a stopped server's rows; cut off, run it again and it goes on.

    Raises:
        UsageError: the server runs, or is on PostgreSQL already.
        StorageError: something failed; the server is where it was.
    """
    config = read_config(folder, {})
    if config.storage.database:
        raise UsageError("this server is on PostgreSQL already")
    if not url.startswith(("postgresql://", "postgres://")):
        raise UsageError("{url} is not like postgresql://user@host/name", url=url)
    check_database(config.storage, folder)
    fd = os.open(folder.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            raise UsageError(
                "another mifeng-server is serving {folder}; stop that one first",
                folder=folder.path,
            ) from err
        for store in (
            await open_sqlite(folder.database),
            await open_store(Storage(database=url), folder),
        ):
            await store.close()  # both are of this version's schema now
        async with sqlite_end(folder.database) as source, postgres_end(url) as target:
            counts = await transfer(source, target, progress=progress)
        _go_on_there(folder, url)
        return counts
    finally:
        os.close(fd)


def _go_on_there(folder: Folder, url: str) -> None:
    """Write the address into the configuration, and set the old database aside."""
    text = folder.config.read_text(encoding="utf-8")
    line = f'database = "{url}"\n'
    if re.search(r"(?m)^\[storage\]\s*$", text):
        text = re.sub(r"(?m)^(\[storage\]\s*\n)", lambda m: m.group(1) + line, text)
    else:
        text = f"{text.rstrip()}\n\n[storage]\n{line}"
    half = folder.config.with_suffix(".new")
    half.write_text(text, encoding="utf-8")
    half.chmod(0o600)  # the address may hold a password
    half.replace(folder.config)
    folder.database.replace(folder.database.with_name("server.db.moved"))
    for suffix in ("-wal", "-shm"):
        folder.database.with_name(f"server.db{suffix}").unlink(missing_ok=True)
