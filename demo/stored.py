"""What the server's database has more than before: read from the file, as its operator could."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mifeng_crypto.log import EntryKind, LogHeader
from mifeng_crypto.tls import decode

__all__ = ["Item", "Stored", "summary"]

# Tables that only grow during the play: rowid, two columns for `_item`.
_GROWING = {
    "roster": "SELECT rowid, sequence, entry FROM roster",
    "charters": "SELECT rowid, sequence, entry FROM charters",
    "cards": "SELECT rowid, version, sealed FROM cards",
    "log": "SELECT log.rowid, header, content FROM log LEFT JOIN contents "
    "USING (unit_id, generation, sequence)",
    "welcome_bodies": "SELECT rowid, sequence, welcome FROM welcome_bodies",
    "files": "SELECT rowid, length, file_id FROM files",
}

_PLURALS = {
    "heads": "heads",
    "roster entry": "roster entries",
    "charter entry": "charter entries",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that was stored; epoch and sequence where it has them."""

    kind: str
    size: int
    epoch: int | None = None
    sequence: int | None = None


class Stored:
    """Tells what is new each time it is asked."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._seen = dict.fromkeys(_GROWING, 0)
        self._key_packages: set[bytes] = set()

    def new(self) -> list[Item]:
        """Return what was stored since the last call."""
        items: list[Item] = []
        for table, query in _GROWING.items():
            rowid = "log.rowid" if table == "log" else "rowid"
            rows = self._rows(f"{query} WHERE {rowid} > {self._seen[table]} ORDER BY 1")
            for number, what, content in rows:
                self._seen[table] = number
                items.append(_item(table, what, content))
        unused: dict[bytes, int] = dict(
            self._rows("SELECT ref, length(key_package) FROM key_packages")
        )
        new = unused.keys() - self._key_packages
        items += [Item(kind="KeyPackage", size=unused[ref]) for ref in new]
        self._key_packages |= new
        return items

    def last_message(self) -> bytes:
        """Return the ciphertext of the newest message of any unit."""
        for _, header, content in self._rows(_GROWING["log"] + " ORDER BY 1 DESC"):
            if decode(LogHeader, header).kind is EntryKind.MESSAGE:
                return bytes(content)
        raise LookupError("no message was sent yet")

    def _rows(self, query: str) -> list[Any]:
        connection = sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()


def _item(table: str, what: int | bytes, content: bytes | None) -> Item:
    size = len(content or b"")
    if isinstance(what, bytes):
        header = decode(LogHeader, what)
        kind = header.kind.name.lower()
        return Item(kind=kind, size=size, epoch=header.epoch, sequence=header.sequence)
    if table == "files":
        return Item(kind="sealed file", size=what)
    if table == "cards":
        return Item(kind="sealed card", size=size)
    if table == "welcome_bodies":
        return Item(kind="Welcome", size=size)
    return Item(kind=f"{table.removesuffix('s')} entry", size=size, sequence=what)


def summary(items: Sequence[Item]) -> str:
    """Return one line: how many of what kind, bytes, epoch, sequence."""
    kinds: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        kinds[item.kind].append(item)
    return " · ".join(_counted(kind, some) for kind, some in kinds.items())


def _counted(kind: str, items: Sequence[Item]) -> str:
    text = kind if len(items) == 1 else f"{len(items)} {_PLURALS.get(kind, kind + 's')}"
    text += f", {sum(item.size for item in items):,} bytes"
    for word in ("epoch", "sequence"):
        numbers = [n for item in items if (n := getattr(item, word)) is not None]
        if numbers:
            low, high = min(numbers), max(numbers)
            text += f", {word} {low}" if low == high else f", {word} {low}-{high}"
    return text
