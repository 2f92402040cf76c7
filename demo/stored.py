"""What the server's database has more than before: read from the file, as its operator could."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from mifeng_crypto.log import EntryKind, LogHeader
from mifeng_crypto.tls import decode

__all__ = ["Stored"]

# Tables that only grow here, with what is shown of a row.
_GROWING = {
    "roster": "SELECT rowid, sequence, entry FROM roster",
    "charters": "SELECT rowid, sequence, entry FROM charters",
    "cards": "SELECT rowid, version, sealed FROM cards",
    "files": "SELECT rowid, length, file_id FROM files",
    "log": "SELECT log.rowid, header, content FROM log LEFT JOIN contents "
    "USING (unit_id, generation, sequence)",
    "welcome_bodies": "SELECT rowid, sequence, welcome FROM welcome_bodies",
}


class Stored:
    """Tells what is new each time it is asked."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._seen: Counter[str] = Counter()
        self._key_packages = 0

    def new(self) -> list[str]:
        """Return what was stored since the last call: kind, bytes, epoch, sequence."""
        lines: list[str] = []
        connection = sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)
        try:
            for table, query in _GROWING.items():
                where = f" WHERE {'log.' if table == 'log' else ''}rowid > ? ORDER BY 1"
                for rowid, what, content in connection.execute(query + where, (self._seen[table],)):
                    self._seen[table] = rowid
                    lines += _described(table, what, content)
            lines += self._new_key_packages(connection)
        finally:
            connection.close()
        return lines

    def _new_key_packages(self, connection: sqlite3.Connection) -> Iterator[str]:
        query = "SELECT count(*), coalesce(sum(length(key_package)), 0) FROM key_packages"
        count, size = connection.execute(query).fetchone()
        if count > self._key_packages:
            yield f"{count - self._key_packages} KeyPackages, {size // count:,} bytes each"
        self._key_packages = count

    def last_message(self) -> tuple[LogHeader, bytes]:
        """Return the newest message of any unit: its header and its ciphertext."""
        connection = sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)
        try:
            rows = connection.execute(_GROWING["log"] + " ORDER BY 1 DESC").fetchall()
        finally:
            connection.close()
        for _, header, content in rows:
            decoded = decode(LogHeader, header)
            if decoded.kind is EntryKind.MESSAGE:
                return decoded, content
        raise LookupError("no message was sent yet")


def _described(table: str, what: int | bytes, content: bytes | None) -> Iterator[str]:
    size = f"{len(content or b''):,} bytes"
    if isinstance(what, bytes):
        header = decode(LogHeader, what)
        kind = header.kind.name.lower()
        yield f"{kind}, {size}, epoch {header.epoch}, sequence {header.sequence}"
    elif table == "files":
        yield f"sealed file, {what:,} bytes"
    elif table == "welcome_bodies":
        yield f"Welcome, {size}"
    elif table == "cards":
        yield f"sealed card, {size}"
    else:
        yield f"{table.removesuffix('s')} entry, {size}, sequence {what}"
