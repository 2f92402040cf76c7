"""Files that somebody has open, as a film on the screen: their keys die with their time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from weakref import WeakKeyDictionary

from mifeng.transfer import Reader
from mifeng_crypto.ids import UnitId, UnixMillis

__all__ = ["Reading"]


class Reading:
    """The readers in use, wherever they are held."""

    def __init__(self) -> None:
        self._until = WeakKeyDictionary[Reader, tuple[UnitId, UnixMillis]]()

    def add(self, unit_id: UnitId, reader: Reader, until: dt.datetime) -> None:
        """Close a reader when its file's time is over."""
        self._until[reader] = unit_id, UnixMillis(int(until.timestamp() * 1000))

    def expire(self, now: UnixMillis, deleted: Collection[UnitId]) -> None:
        """Close those whose time is over, or whose unit was deleted."""
        for reader, (unit_id, until) in list(self._until.items()):
            if until <= now or unit_id in deleted:
                reader.close()

    def close(self) -> None:
        """Close all: the profile is closed."""
        for reader in list(self._until):
            reader.close()
